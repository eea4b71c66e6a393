"""Scale: published results beside the visitor's own curve, and the words between them."""

from __future__ import annotations

from pruneviz import findings, scale
from pruneviz.charts import scale as charts
from pruneviz.charts.scale import Own
from pruneviz.recipe import Recipe
from pruneviz.report import PERCENTS
from pruneviz.scale import Study
from pruneviz.studio import catalogue, curves, stage, titles


def own(recipe: Recipe) -> Own | None:
    """The visitor's own curve as the chart draws it; None at a pattern, which has no amounts and no curve."""
    curve = stage.curve_of(recipe)
    if curve is None:
        return None
    name = titles.title(recipe.subject)
    by_amount, measure = recipe.granularity in catalogue.UNITS, catalogue.kind(recipe.granularity).measure
    return Own(name, measure, by_amount, curve, curves.tuned(recipe), recipe.amount)


def headline(mine: Own | None) -> str:
    """The finding of the page: how far one's own model goes at once, and how far published ones go with training."""
    study, far = scale.farthest(charts.ENOUGH)
    kept = f"{charts.ENOUGH:.0%}"
    model = study.name.partition(",")[0]
    theirs = f"{model}, pruned while it is trained, with {findings.percent(far.sparsity)} gone"
    if mine is None or not mine.is_share:
        return f"The farthest published model that keeps {kept} of its score: {theirs}."
    if len(mine.curve.points) < PERCENTS:
        return f"«{mine.name}» is still being measured. At {kept} of its score: {theirs}."
    far_here = charts.lasts(mine.curve)
    if not far_here:
        return f"In one shot «{mine.name}» keeps less than {kept} of its score from the first percent on; {theirs}."
    here = f"up to a {mine.measure} of {findings.percent(far_here)}"
    return f"In one shot «{mine.name}» keeps {kept} of its score {here}; {theirs}."


def how_to_read(mine: Own | None) -> str:
    """What the axes hold, and why one's own line is not like the points."""
    said = (
        "Every point is another model, another task and another count of what is gone: point at one for its "
        "source. Read each pair, hollow and filled, by itself; do not rank models by this picture. A share of the score "
        "can be above 100%: a pruned and retrained model may be better than the dense one."
    )
    if mine is None:
        return f"{said}\n\nA pattern has no curve of its own: choose weights or units to lay your model on top."
    if not mine.is_share:
        return f"{said}\n\nYour model's {mine.curve.metric} is no share of a score; it stands in the picture below."
    n = max(point.n for point in mine.curve.points)
    tuned = (
        " The dashed line is the same model after three epochs of fine-tuning with the mask held."
        if mine.tuned
        else " For this choice there is no measured curve after fine-tuning."
    )
    return (
        f"{said}\n\n**The line is your model**: {n:,} held-out {mine.curve.noun} at every percent, with the 95% interval, "
        "pruned in one shot and not trained again; the ring is your setting. The published models were pruned while "
        f"training, or trained again afterwards: that is one reason for the distance between them and the line.{tuned}"
    )


def row_by_row(study: Study) -> str:
    """One study in words: what is often said, what the paper reports, and where."""
    source = study.source
    return (
        f"**{study.name}.** *Often said:* {study.often} *The paper reports:* {study.reports} "
        f"([{source.cite}]({source.url}), {source.where}; {study.how}.)"
    )


def rows() -> str:
    """All studies in words."""
    return "\n".join(f"- {row_by_row(study)}" for study in scale.STUDIES)


def about_perplexity() -> str:
    """What the second picture shows, and what is often said of it."""
    source = scale.SPARSEGPT
    return (
        "*Often said:* large language models lose 50 to 60% of their weights in one pass, without retraining. *The paper "
        "reports:* it removes single weights (or 2:4 and 4:8 patterns), layer by layer, with calibration data, and changes "
        "the weights that stay. Half is free at 175 billion parameters and costs a third more perplexity at 125 million; "
        f"60% holds at the largest size only ([{source.cite}]({source.url})). Perplexity counts how many tokens a model "
        "hesitates between: lower is better, and a share of it means nothing, so it has a picture of its own."
    )
