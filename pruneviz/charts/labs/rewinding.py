"""Rewinding: the same weights before and after each of the four things that are done to a ticket in a round."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32, whole
from pruneviz.traced import Traced

TRAIN, PRUNE, REWIND, REROLL = "train", "prune", "rewind", "reroll"
DONE = {
    TRAIN: "weight after training", PRUNE: "weight after training",
    REWIND: "weight that the next round starts with", REROLL: "weight that the control starts with",
}  # fmt: skip
"""What is on the upright axis after each deed."""


@dataclass(frozen=True, slots=True, eq=False)
class Lot:
    """Some weights of the ticket in one round: at the start and at the end of its training, whether each was there `before`
    the round's cut and is there `after` it."""

    round: int
    start: np.ndarray
    end: np.ndarray
    before: np.ndarray
    after: np.ndarray


def lots(run: Traced) -> dict[int, Lot]:
    """The lot of each round that has ended. All rounds go back to the same numbers, so one array may tell of all."""
    start = run.array("start")
    found = {}
    for moment, end in run.arrays("end"):
        at, arrays = int(moment.values["round"]), moment.arrays
        found[at] = Lot(at, arrays.get("start", start), end, arrays["before"].astype(bool), arrays["after"].astype(bool))
    return found


def weights(lot: Lot, deed: str, rolled: np.ndarray | None = None) -> Chart:
    """Where each weight stands against the number that it started with. `rolled` are the control's new numbers.

    After Train all that is there; after Prune what goes is crossed out; Rewind puts the rest back on the diagonal; Re-roll
    keeps the mask and draws new numbers.
    """
    here, stays = lot.before, lot.before & lot.after
    goes = here & ~lot.after
    up = {TRAIN: lot.end, PRUNE: lot.end, REWIND: lot.start, REROLL: lot.start if rolled is None else rolled}[deed]
    kept = here if deed == TRAIN else stays
    traces = [_marks(lot.start[kept], up[kept], "there" if deed == TRAIN else "kept", theme.KEPT, "circle")]
    if deed == PRUNE:
        traces.insert(0, _marks(lot.start[goes], up[goes], "removed in this round", theme.REMOVED, "x-thin"))
    chart = theme.figure(traces, "number that it started with", DONE[deed], 420)
    reach = 1.05 * max((float(np.abs(one[here]).max(initial=0)) for one in (lot.start, lot.end)), default=0) or 1.0
    line = {"color": theme.QUIET, "dash": "dot", "width": 1.5}
    chart.add_shape(type="line", x0=-reach, y0=-reach, x1=reach, y1=reach, line=line, layer="below")
    wide = 1.05 * float(np.abs(lot.start[here]).max(initial=0)) or 1.0
    chart.update_xaxes(range=[-wide, wide])
    chart.update_yaxes(range=[-reach, reach])
    title = _title(lot, deed, stays, goes, rolled)
    rows = (
        ("sampled weights there before the cut", whole(int(here.sum()))), ("removed in this round", whole(int(goes.sum()))),
        ("kept", whole(int(stays.sum()))), ("kept, with the sign that they started with", _signs(lot, stays)),
    )  # fmt: skip
    return Chart(
        title, chart, f"{title} A mark per weight; on the dotted line a weight is what it was.", (("", "weights"), rows)
    )


def _title(lot: Lot, deed: str, stays: np.ndarray, goes: np.ndarray, rolled: np.ndarray | None) -> str:
    many = whole(int(stays.sum()))
    if deed == TRAIN:
        here = lot.before
        further = float((np.abs(lot.end[here]) > np.abs(lot.start[here])).mean()) if here.any() else 0.0
        drawn = whole(int(here.sum()))
        return f"Round {lot.round}, trained: {as_percent(further)} of {drawn} sampled weights moved away from zero."
    if deed == PRUNE:
        if not goes.any():
            return f"Round {lot.round} is the last one: nothing is cut after it."
        gone = whole(int(goes.sum()))
        return f"Round {lot.round}, pruned: {gone} sampled weights end too near to zero and go; {many} stay."
    if deed == REWIND:
        return f"Rewound: {many} sampled weights stay, each back at exactly the number that it started with."
    if rolled is None:
        return "The control's new numbers are not known here: its model is not."
    return f"Re-rolled: the same {many} sampled weights stay, with new numbers that have nothing to do with the old ones."


def _signs(lot: Lot, stays: np.ndarray) -> str:
    if not stays.any():
        return "none"
    return as_percent(float((np.sign(lot.start[stays]) == np.sign(lot.end[stays])).mean()))


def _marks(x: np.ndarray, y: np.ndarray, name: str, colour: str, symbol: str) -> go.Scatter:
    marker = {"symbol": symbol, "size": 5 if symbol == "circle" else 7, "color": colour, "opacity": 0.7}
    marker["line"] = {"width": 1.5 if symbol == "x-thin" else 0, "color": colour}
    return go.Scatter(
        x=float32(x), y=float32(y), mode="markers", name=f"{name} ({x.size:,})", marker=marker,
        hovertemplate=f"{name}<br>started as %{{x:.3f}}, now %{{y:.3f}}<extra></extra>",
    )  # fmt: skip
