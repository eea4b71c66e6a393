"""Words: the learner's text beside each chart. Every number in it comes from a Report; every claim has its source."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pruneviz import findings, law
from pruneviz.charts.chart import amount, number
from pruneviz.recipe import Recipe
from pruneviz.report import PERCENTS, Curve, Deletions, LayerShape, Report, Score, WeightStory
from pruneviz.studio import catalogue, curves


def start(report: Report, curve: Curve | None, own: int) -> str:
    """The line under the headline; `own` counts the layers that do not follow the slider."""
    how = findings.how_cut(report.subject)
    figures = "figures" if report.score.correct is None else "accuracies"
    if curve is None:
        return f"Choose a pattern. All {figures} are {how}."
    cliff, many = findings.cliff(curve), findings.many(report)
    if 0 < report.units < findings.FEW:
        return f"Drag the slider: each of the {report.units} {many} is one step, {how}."
    few = min((point.n for point in curve.points if point.partial), default=0)
    if few:
        return (
            f"Drag the slider. Hollow points of the curve are of {few:,} {curve.noun} so far, with intervals to match; more "
            f"are being measured. All {figures} are {how}."
        )
    if len(curve.points) < PERCENTS:
        return f"Drag the slider. The curve is still being measured; all {figures} are {how}."
    if own:
        held = "1 layer has" if own == 1 else f"{own} layers have"
        return (
            f"{held} an amount of its own; the slider and the curve are about the layers that still follow, which share the "
            f"slider's share among themselves. Of all {many} {findings.percent(findings.share(report))} go."
        )
    if cliff is None and curve.points[0].correct is None:
        return f"Drag the slider. All figures are {how}."
    if cliff is None:
        return f"Drag the slider: no steep fall was found on this curve. All accuracies are {how}."
    if cliff.times:
        return (
            f"Drag the slider. Perplexity rises most between {findings.percent(cliff.start)} and "
            f"{findings.percent(cliff.stop)} of the {many} removed: to {cliff.times:.3g} times what it was, {how}."
        )
    return (
        f"Drag the slider. Accuracy falls most between {findings.percent(cliff.start)} and {findings.percent(cliff.stop)} "
        f"of the {many} removed: {cliff.points:.0f} points, {how}."
    )


def why_title(report: Report) -> str:
    """The heading over the explanation, for a setting that hurts and for one that does not."""
    if findings.idle(report):
        return "Why nothing happens"
    return "Why so little happens" if findings.harmless(report) else "What went with it"


def why(report: Report, criterion: str) -> str:
    """Why removing weights changes little, or no longer little: what is measured here, beside what is often said."""
    said = findings.carried(report)
    if report.units:
        return f"{said}\n\n{_units(report)}"
    if findings.idle(report):
        said += " They were zero before: the network computes what it computed. Beyond them the cut begins."
    elif criterion == "random":
        said += " Drawn by lot, they carry their share: random pruning is the baseline that a criterion has to beat."
    elif findings.harmless(report):
        said += " Small weights do little *as long as the inputs that they multiply are of similar size*."
    else:
        what = "rise of the perplexity" if report.score.correct is None else "loss of accuracy"
        said += f" The {what} is now larger than its interval: this much is not free."
    return (
        f"{said}\n\n"
        "**Often said:** weight magnitudes follow a Laplacian. **What holds:** the signed weights are bell-shaped "
        "around zero, and the shape differs from layer to layer; the page *Weights* measures it for this model.\n\n"
        "**Often said:** pruning all at once hurts. **The paper reports:** on AlexNet half of the connections go at no loss "
        "even without retraining; with retraining at once 5 times fewer remain, and 9 times fewer when pruning and "
        "retraining take turns ([Han et al. 2015](https://arxiv.org/abs/1506.02626), §3.4, §5 and Figure 5)."
    )


def _units(report: Report) -> str:
    """What removing units is, beside what is often said of it."""
    filters = (
        "**Often said:** removing 30% of the filters makes a network 30% smaller. **What holds:** a matrix between two "
        "thinned layers loses rows *and* columns, so parameters and multiplications fall faster than the pruning ratio; the "
        "strip above has both for this model.\n\n"
    )
    return (
        "A unit goes as a whole, with all that hangs on it, so what is left is a smaller network of ordinary matrices. What "
        "that costs beside removing as many single weights is not assumed but measured: choose *weights* above and set the "
        "sparsity to the share of parameters in the strip.\n\n"
        f"{filters if report.granularity in ('filter', 'neuron') else ''}"
        "**Often said:** half of the multiplications means half of the time. **What was measured:** on a ResNet-50 3.9 "
        "times fewer multiplications took 2.2 times less time ([Torch-Pruning](https://github.com/VainF/Torch-Pruning), "
        "README); the page *Reality check* measures it here."
    )


def criterion(key: str) -> None:
    """A criterion in its own words: formula, text, source, and its name on the command line."""
    _explained(catalogue.criteria()[key])
    st.caption(f"On the command line: `--criterion {key}`")


def compared_by(recipe: Recipe) -> None:
    """What is pruned at once and who competes with whom, in words; patterns have no competition beyond their M."""
    kind = catalogue.kind(recipe.granularity)
    if recipe.granularity != "weight":
        st.subheader(f"What goes: {kind.name}", anchor=False)
        st.markdown(kind.text)
    if ":" not in recipe.granularity:
        one = catalogue.scopes(recipe.granularity)[recipe.scope]
        st.subheader(f"Compared {one.name}", anchor=False)
        _explained(one)


def _explained(one: catalogue.Words) -> None:
    st.latex(one.formula)
    st.markdown(one.text)
    st.caption(f"Source: [{one.cite}]({one.url}), {one.where}" if one.url else f"Source: {one.cite}, {one.where}")


def evidence(report: Report, chance: float) -> str:
    """What the numbers on this page rest on; `chance` is what guessing gets."""
    score = report.score
    seen = (
        f"The criterion looked at {report.calibration_n:,} calibration samples ({report.calibration} split)."
        if report.calibration_n
        else "The criterion looked at no data."
    )
    notes = " ".join(report.notes)
    guess = f"{chance:,.0f}" if score.correct is None else findings.percent(chance)
    metric = score.metric[:1].upper() + score.metric[1:]
    return (
        f"{metric} is measured on {score.n:,} held-out {score.noun}, with its 95% interval "
        f"({score.method or 'Wilson score interval'}); guessing gets {guess}. {seen} Seed {report.seed}. {notes}"
    )


def shape() -> str:
    """What the page Weights asks the reader to look at."""
    return (
        "**Is this layer a Laplacian?** Three laws are fitted to its weights by maximum likelihood. The *shape β* of the "
        "generalised Gaussian says which it is nearer to: 1 is a Laplacian, 2 a Gaussian. The *largest gap* between the "
        "fitted and the true distribution (Kolmogorov-Smirnov, KS) says how well a law fits at all.\n\n"
        "**Often said:** weight magnitudes follow a Laplacian. **The papers report:** large models' weights are mostly "
        "Gaussian ([Si et al. 2025](https://arxiv.org/abs/2501.10661)), or a generalised Gaussian between the two "
        "([arXiv 2506.00486](https://arxiv.org/abs/2506.00486)). A magnitude cannot be Laplacian: switch to |w|, and a "
        "Laplacian becomes an exponential."
    )


def threshold(shape: LayerShape, amount: float) -> str:
    """The prediction that the fit makes at this amount, beside the truth."""
    laplace, percent = shape.fit("laplace"), round(100 * amount)
    true, said = float(shape.quantiles[percent]), float(law.predicted_threshold(laplace, amount))
    if amount >= 1 or not true:
        gap = ""
    else:
        off = f"{100 * (said / true - 1):+.0f}".replace("-", "−")
        gap = f" Here the fit says {said:.4f} and the truth is {true:.4f}: off by {off}%."
    return (
        "If the layer were exactly Laplacian with scale $b$, removing the share $s$ of its weights would need the "
        f"threshold $t=-b\\,\\ln(1-s)$, because $|w|$ would then be exponential.{gap}"
    )


def survival() -> str:
    return (
        "The share of weights larger than x, on a logarithmic axis: an exact Laplacian is a straight line here, so every "
        "bend is misfit. It shows in the tail what a histogram hides."
    )


def lorenz() -> str:
    return (
        "How much of the squared weight the smallest weights carry. The smaller half of an exact Laplacian carries 3.3% "
        "of Σw², of an exact Gaussian 7.1% (closed forms). The curve shows what this layer's half carries."
    )


def damage(n: int, source: str) -> str:
    """What the damage chart rests on, and why its two columns differ."""
    return (
        "Diamonds: how much of each layer's Σw² the current setting removes. Squares: how far the layer's own output moves, "
        f"‖ŷ − y‖ / ‖y‖, measured on {n:,} calibration inputs ({source} split), each layer on the inputs that the dense "
        "network gives it. If all inputs were of the same size, unrelated and centred, and there were no bias, the "
        "square would be the root of the diamond."
    )


def compared(offered: Sequence[curves.Compared]) -> str:
    """The finding of the page Criteria: who is ahead at the sparsities on screen, and whether anybody beats random."""
    names = {key: one.name for key, one in catalogue.criteria().items()}
    smaller = offered[0].report.score.correct is None  # of perplexities the smallest is the best
    best = (min if smaller else max)((one.report.score for one in offered), key=lambda score: score.value)
    ahead = [names[one.key] for one in offered if _as_good(one.report.score, best)]
    random = next((one.report.score for one in offered if one.key == "random"), None)
    beside = f"; random pruning has {_figure(random)}" if random else ""
    if random and _as_good(random, best):
        return f"Nobody beats random pruning here: {_figure(random)} on {random.n:,} {random.noun}."
    if len(ahead) == 1:
        return f"{_begun(ahead[0])} has the best {best.metric} here, {_figure(best)}{beside}."
    first = ", ".join(ahead[:-1]) + " and " + ahead[-1]
    return f"{_begun(first)} cannot be told apart here: {_figure(best)} at best{beside}."


def _as_good(score: Score, best: Score) -> bool:
    """Whether it lies within the interval of the best."""
    low, high = best.interval
    return score.value <= high if score.correct is None else score.value >= low


def _figure(score: Score) -> str:
    return amount(score.value) if score.correct is None else findings.percent(score.value)


def _begun(words: str) -> str:
    """The beginning of a sentence; names keep their capitals."""
    return words[:1].upper() + words[1:]


def compared_help(offered: Sequence[curves.Compared]) -> str:
    """What was looked at and what it cost, per criterion."""
    names = {key: one.name for key, one in catalogue.criteria().items()}
    took = ", ".join(f"{names[one.key]} {one.seconds:.2f} s" for one in offered)
    kind = catalogue.kind(offered[0].report.granularity, offered[0].report.groups)
    return (
        "**Random pruning is the baseline** that a criterion has to beat. Each slider is live; tick "
        f"«same {kind.measure} for all» to move them together. The curves are one shot, without fine-tuning. "
        f"Scoring every {kind.one} took: {took}."
    )


def agreement(many: str) -> str:
    return (
        f"Of the {many} that either of two criteria removes, the share of weights that both remove. Two criteria can agree "
        f"on almost all of them and still differ in what they cost: what matters is the {many} on which they differ."
    )


def compared_patterns(pattern: str) -> str:
    """The heading of the page Criteria at one N:M pattern."""
    return f"Which criterion chooses best within every {pattern.partition(':')[2]} weights?"


def leaving_out(kind: catalogue.Kind) -> str:
    """What the last section does where units go."""
    return (
        f"A criterion predicts; leaving a unit out tells. Each {kind.one} goes alone, with all that hangs on it, and the "
        "mean loss on the calibration data is measured; then it is put back."
    )


def story(told: WeightStory, names: dict[str, str]) -> list[tuple[str, str, str]]:
    """One weight as a table: value, slope, curvature, then a row per criterion."""
    where = ", ".join(map(str, told.position))
    rows = [
        ("", "value", "what it is"),
        ("weight w", number(told.value), f"{told.layer}[{where}]"),
        ("slope g", number(told.gradient), f"∂L/∂w, mean over {told.n} calibration samples"),
        ("curvature h", number(told.curvature), f"∂²L/∂w², {told.curvature_kind}"),
        ("first-order prediction −w·g", number(-told.value * told.gradient), "change of the loss if only the slope counted"),
        ("second-order prediction", number(told.predicted), "−w·g + ½h·w²"),
        ("true change of the loss", number(told.true), "measured with this weight set to zero"),
    ]
    for key, rank in told.ranks.items():
        share, score = findings.percent(rank / told.weights), number(told.scores[key])
        what = (
            "predicted size of the change of the loss" if catalogue.criteria()[key].in_loss else "importance, no prediction"
        )
        rows.append((names[key], score, f"{what}; {share} of {told.weights:,} weights go before it (rank {rank + 1:,})"))
    return rows


def too_heavy(what: str) -> str:
    """Why something is not offered for a model whose single measurement takes long."""
    return f"Not offered for a model of this size: {what} takes too many passes through the network for a page to wait for."


def how_many(count: int) -> str:
    return f"{count:,}" if count else "none yet"


def deleting() -> str:
    """What the last section does, before anything is deleted."""
    return (
        "A criterion predicts; deleting a weight tells. Choose how many weights, drawn at random, to delete one after "
        "another, each put back before the next; it takes a while, and picks up where it was when you leave."
    )


def spearman(found: Deletions, names: dict[str, str], many: str = "weights") -> str:
    """How well each criterion ordered the weights, or units, that were deleted one by one."""
    ordered = sorted(found.spearman.items(), key=lambda pair: -pair[1])
    said = ", ".join(f"{names[key]} {rho:+.2f}" for key, rho in ordered).replace("-", "−")
    return (
        "Rank correlation (Spearman) of each criterion's score with the true |change of the loss|, over "
        f"{len(found.true):,} {many} deleted one at a time on {found.n:,} calibration samples: {said}. One "
        f"at a time is not many at once: a criterion can order single {many} well and still lose when many go."
    )


def taylor() -> str:
    """What the gradient score is and is not."""
    return (
        "**Often said:** |w·∂L/∂w| takes weights whose removal would *reduce* the loss. **What it is:** the size of the "
        "first-order change of the loss when the weight goes to zero, *in either direction* "
        "([Molchanov et al. 2017](https://arxiv.org/abs/1611.06440), §2.2). At a minimum the mean slope is near zero, so "
        "the criterion averages its size sample by sample."
    )


def skipped(reasons: dict[str, list[str]]) -> str:
    """What is left out of pruning weights, by reason."""
    return (
        "\n".join(f"- {reason}: {', '.join(f'`{name}`' for name in names)}" for reason, names in reasons.items())
        or "Nothing."
    )


def patterns() -> str:
    """What N:M is for, and for whom."""
    return (
        "N of every M neighbouring inputs keep their weight. The rule costs freedom: at 2:4 four large weights lose two of "
        "them, four small ones keep two. In return hardware can skip the zeros. 2:4 runs on NVIDIA GPUs from Ampere on "
        "([Mishra et al. 2021](https://arxiv.org/abs/2104.08378)); on a CPU, and for other patterns, the zeros are "
        "multiplied like any number. Hollow: as many weights removed per layer, wherever they are smallest. The page "
        "*Reality check* says what this machine gains."
    )
