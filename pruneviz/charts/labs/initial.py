"""Initial: what was chosen before training, beside the same number per layer chosen by lot; and which layers ran empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent
from pruneviz.charts.labs import lanes as drawn
from pruneviz.charts.labs.gaps import clear, interval, listed
from pruneviz.traced import Spread, Traced, judged_on, paired, spread

METHODS = {
    "trained": "magnitude after training", "snip": "SNIP", "grasp": "GraSP", "synflow": "SynFlow",
    "magnitude": "magnitude, untrained", "random": "by lot",
}  # fmt: skip
"""Who chooses, in the order in which they are drawn, and their words."""
OWN, SHUFFLED, FRESH = "pruned", "shuffled", "reinit"
LANES = {OWN: "its own mask", SHUFFLED: "shuffled within each layer", FRESH: "its mask, new starting numbers"}
"""What is trained of each choice, and its words."""
Groups = Mapping[str, Sequence[Traced]]


def ended(run: Traced, lane: str) -> float | None:
    """What a run's network has right at the end of one of its trainings."""
    found = (one.values.get("accuracy") for one in reversed(run.moments) if one.stage == lane)
    return next((one for one in found if one is not None), None)


def gap(runs: Sequence[Traced], lane: str) -> Spread:
    """How much more the choice itself has right than a control of it, seed by seed."""
    pairs = [(ended(run, OWN), ended(run, lane)) for run in runs if run.done]
    return paired([own - other for own, other in pairs if own is not None and other is not None], judged_on(runs))


def checked(groups: Groups) -> Chart:
    """Where each choice ends, beside the two controls of it: a mark with its interval for each."""
    known = {method: groups[method] for method in METHODS if groups.get(method)}
    names = [METHODS[method] for method in known]
    chart = theme.figure([], "held-out accuracy at the end (%)", "", 130 + 52 * max(1, len(known)))
    rows = []
    for index, (lane, words) in enumerate(LANES.items()):
        found = {method: _ends(runs, lane) for method, runs in known.items()}
        chart.add_trace(_marks(found, index, words))
        rows += [(METHODS[method], words, *_sides(one), one.n) for method, one in found.items() if one.n]
    chart.update_yaxes(
        title="", tickvals=[*range(len(names))], ticktext=names, range=[len(names) - 0.5, -0.5], zeroline=False
    )
    title = _title(known)
    header = ("chosen by", "trained", "accuracy, mean", "95% from", "to", "seeds")
    runs = [run for group in known.values() for run in group]
    alt = f"{title} Three marks per method, {drawn.measured_on(runs)}." if runs else title
    return Chart(title, chart, alt, (header, tuple(sorted(rows, key=lambda row: names.index(row[0])))))


def emptied(groups: Groups) -> Chart:
    """What each choice leaves of each layer where next to nothing is left: an empty layer lets nothing through."""
    known = {method: groups[method] for method in METHODS if groups.get(method)}
    known = {method: runs for method, runs in known.items() if any(run.array("kept") is not None for run in runs)}
    layers = max(
        (len(run.array("kept")) for runs in known.values() for run in runs if run.array("kept") is not None), default=0
    )
    traces, shades = [], [0.9 - 0.65 * at / max(1, layers - 1) for at in range(layers)]
    for at in range(layers):
        counts = {METHODS[method]: _left(runs, at) for method, runs in known.items()}
        traces.append(
            go.Bar(
                y=[*counts], x=[one.mean for one in counts.values()], name=f"layer {at + 1}", orientation="h",
                marker={"color": theme.pale(theme.KEPT, shades[at]), "line": {"width": 1, "color": theme.KEPT}},
                hovertemplate=f"%{{y}}<br>layer {at + 1}: %{{x:.1f}} weights left<extra></extra>",
            )
        )  # fmt: skip
    chart = theme.figure(traces, "weights left, mean over the seeds", "", 150 + 40 * max(1, len(known)))
    chart.update_layout(barmode="stack")
    chart.update_yaxes(autorange="reversed", title="")
    rows = tuple(
        (
            METHODS[method],
            *(f"{_left(runs, at).mean:.1f}" for at in range(layers)),
            _collapses(runs),
            _percent(ends_of(runs)),
        )
        for method, runs in known.items()
    )
    header = ("chosen by", *(f"layer {at + 1}" for at in range(layers)), "runs with an empty layer", "accuracy, mean")
    title = _emptied_title(known)
    return Chart(title, chart, f"{title} A bar per method, a part per layer.", (header, rows))


def ends_of(runs: Sequence[Traced]) -> Spread:
    """Where the choice itself ends."""
    return _ends(runs, OWN)


def _ends(runs: Sequence[Traced], lane: str) -> Spread:
    found = [ended(run, lane) for run in runs if run.done]
    return spread([one for one in found if one is not None])


def _left(runs: Sequence[Traced], at: int) -> Spread:
    return spread([float(kept[at]) for run in runs if (kept := run.array("kept")) is not None])


def _collapses(runs: Sequence[Traced]) -> str:
    return f"{sum(bool(run.last('collapsed')) for run in runs)} of {len(runs)}"


def _marks(found: Mapping[str, Spread], index: int, words: str) -> go.Scatter:
    """One lane of every method, a little above or below the others."""
    style, shown = theme.ink(index), [(at, method, one) for at, (method, one) in enumerate(found.items()) if one.n]
    # Student's interval knows nothing of the ends of a share: there it is cut off.
    high = [100 * (min(1.0, one.high) - one.mean) if one.known else 0 for _, _, one in shown]
    low = [100 * (one.mean - max(0.0, one.low)) if one.known else 0 for _, _, one in shown]
    return go.Scatter(
        x=[100 * one.mean for _, _, one in shown], y=[at + 0.2 * (index - 1) for at, _, _ in shown], mode="markers",
        name=words, customdata=[METHODS[method] for _, method, _ in shown],
        error_x={"type": "data", "array": high, "arrayminus": low, "color": style["color"], "thickness": 1.5, "width": 4},
        marker={"symbol": style["marker"], "size": 10, "color": style["color"]},
        hovertemplate=f"%{{customdata}}, {words}: %{{x:.1f}}%<extra></extra>",
    )  # fmt: skip


def _title(known: Groups) -> str:
    """What shuffling within the layers costs each choice: nothing means that it found how much a layer needs, not which
    weights."""
    apart = {METHODS[method]: gap(runs, SHUFFLED) for method, runs in known.items()}
    apart = {name: one for name, one in apart.items() if one.known}
    if not apart:
        return "Does shuffling a mask within its layers cost anything? Nobody has two seeds of it yet."
    costs = [f"{name} ({interval(one)})" for name, one in apart.items() if clear(one) and one.mean > 0]
    gains = [f"{name} ({interval(one)})" for name, one in apart.items() if clear(one) and one.mean < 0]
    open_ = [name for name, one in apart.items() if not clear(one)]
    said = [f"costs {listed(costs)}"] if costs else []
    said += [f"gains as much for {listed(gains)}"] if gains else []
    said += [f"makes no difference that one could tell for {listed(open_)}"] if open_ else []
    n = min(one.n for one in apart.values())
    return f"To shuffle the mask within each layer {'; it '.join(said)}: {n} seeds, 95% intervals."


def _emptied_title(known: Groups) -> str:
    if not known:
        return "Nobody has cut so much yet that a layer could run empty."
    left = 1 - next((gone for runs in known.values() for run in runs if (gone := run.last("sparsity"))), 0.0)
    start = f"With {as_percent(left)} of the weights left,"
    empty = {method for method, runs in known.items() if any(run.last("collapsed") for run in runs)}
    if not empty:
        return f"{start} no layer has run empty."
    said = listed([f"{_collapses(runs)} runs of {METHODS[method]}" for method, runs in known.items() if method in empty])
    none = listed([METHODS[method] for method in known if method not in empty])
    return f"{start} a layer runs empty in {said}{f'; in none of {none}' if none else ''}."


def _sides(one: Spread) -> tuple[str, str, str]:
    return drawn.percent(one.mean), drawn.percent(one.low), drawn.percent(one.high)


def _percent(one: Spread) -> str:
    return drawn.percent(one.mean)
