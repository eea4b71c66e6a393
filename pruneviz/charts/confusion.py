"""Confusion: who is taken for whom more often than before, as a matrix and as a flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pruneviz import plain
from pruneviz.breakage import Breakage, changes
from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, whole

CLASSES = 14
"""A matrix of more classes than this shows those that change most: more squares are too small to be read."""
FOLDED = 12
"""A flow of more classes than this pours the others together."""
LONGEST = 16
OTHERS = -1


def confusion(found: Breakage, most: int = CLASSES) -> Chart:
    """The difference of the two confusion matrices, a square where it is not 0: purple where the pruned network says it more
    often, green where less. The squares carry their label's number as `customdata`."""
    labels, said, more = changes(found)
    shown = _busiest(found, labels, said, more, most)
    place = {one: at for at, one in enumerate(shown)}
    drawn = [at for at, pair in enumerate(zip(labels, said, strict=True)) if set(map(int, pair)) <= place.keys()]
    chart = theme.figure([_squares(found, (labels, said, more), drawn, place)], "said", "is", 150 + 34 * len(shown))
    names = [_name(found, one) for one in shown]
    axis = {"tickvals": list(range(len(shown))), "ticktext": names, "zeroline": False, "showgrid": True}
    chart.update_xaxes(**axis, range=[-0.5, len(shown) - 0.5], tickangle=-45 if max(map(len, names), default=0) > 3 else 0)
    chart.update_yaxes(**axis, range=[len(shown) - 0.5, -0.5])
    title = _confusion_title(found, labels, said, more)
    left = len(set(map(int, (*labels, *said))) - place.keys())
    tail = f" {whole(left)} more classes change and are in the table." if left else ""
    order = np.argsort(-np.abs(more), kind="stable")
    header = ("is", "said", "before", "after", "difference")
    was, now = (Counter(zip(found.labels.tolist(), one.tolist(), strict=True)) for one in (found.before, found.after))
    cells = [(int(labels[at]), int(said[at]), int(more[at])) for at in order]
    rows = tuple((found.names[i], found.names[j], was[i, j], now[i, j], _sign(by)) for i, j, by in cells)
    return Chart(title, chart, f"{title} A square for each pair of classes that changes.{tail}", (header, rows))


def _squares(
    found: Breakage, cells: tuple[np.ndarray, np.ndarray, np.ndarray], drawn: Sequence[int], place: dict[int, int]
) -> go.Scatter:
    labels, said, more = (one[list(drawn)].tolist() for one in cells)
    largest = max(map(abs, more), default=1)
    colours = [theme.pale(theme.RISE if by > 0 else theme.FALL, 0.25 + 0.55 * abs(by) / largest) for by in more]
    words = [[i, _name(found, i), _name(found, j), "more" if by > 0 else "fewer", abs(by)] for i, j, by in
             zip(labels, said, more, strict=True)]  # fmt: skip
    # The diagonal, where the answer is right, has an outline. Words are black: the squares are pale on every page.
    right = [theme.GROUND if i == j else theme.CLEAR for i, j in zip(labels, said, strict=True)]
    return go.Scatter(
        x=[place[one] for one in said], y=[place[one] for one in labels], mode="markers+text", text=list(map(_sign, more)),
        textfont={"size": 12, "color": theme.ON_PALE}, customdata=words, showlegend=False, cliponaxis=False,
        marker={"symbol": "square", "size": 26, "color": colours, "line": {"width": 2, "color": right}, "opacity": 1},
        hovertemplate="%{customdata[1]} taken for %{customdata[2]}: %{customdata[4]} %{customdata[3]}<extra></extra>",
    )  # fmt: skip


def _busiest(found: Breakage, labels: np.ndarray, said: np.ndarray, more: np.ndarray, most: int) -> list[int]:
    """The classes to be shown, in their own order: all where they are few, else those with the largest changes."""
    if len(found.names) <= most:
        return list(range(len(found.names)))
    chosen: list[int] = []
    for at in np.argsort(-np.abs(more), kind="stable"):
        fresh = {int(labels[at]), int(said[at])} - set(chosen)
        if len(chosen) + len(fresh) > most:
            break
        chosen += sorted(fresh)
    return sorted(chosen)


def _confusion_title(found: Breakage, labels: np.ndarray, said: np.ndarray, more: np.ndarray) -> str:
    off = labels != said
    if not len(more):
        return "Nobody is taken for somebody else: the two confusion matrices are the same."
    if not off.any() or more[off].max() <= 0:
        return "No class is taken for another more often than before."
    at = int(np.flatnonzero(off)[np.argmax(more[off])])
    one, other = (plain.one_line(found.names[int(which[at])], LONGEST) for which in (labels, said))
    times = "once" if more[at] == 1 else f"{whole(int(more[at]))} times"
    return f"«{one}» is taken for «{other}» {times} more than before; no pair gains more."


def turns(found: Breakage) -> Chart:
    """What changed sides, as a flow from what the dense network said to what the pruned one says: those that turn wrong, and
    those that turn right."""
    before, after = found.before[found.flipped], found.after[found.flipped]
    shown = _most(before, after)
    pairs = Counter(
        (_folded(i, shown), _folded(j, shown), label == i)
        for i, j, label in zip(before.tolist(), after.tolist(), found.labels[found.flipped].tolist(), strict=True)
    )
    left, right = (sorted({pair[side] for pair in pairs}, key=lambda one: (one == OTHERS, one)) for side in (0, 1))
    chart = go.Figure([_flow(found, pairs, left, right)])
    theme.dress(chart, 130 + 30 * max(len(left), len(right), 3))
    title = _turns_title(found)
    header = ("said before", "says now", "what it is", found.noun)
    ordered = sorted(pairs.items(), key=lambda pair: -pair[1])
    rows = tuple((_name(found, i), _name(found, j), _became(wrong), many) for (i, j, wrong), many in ordered)
    return Chart(title, chart, f"{title} A band for each pair, as wide as the {found.noun} in it.", (header, rows))


def _flow(found: Breakage, pairs: Counter, left: Sequence[int], right: Sequence[int]) -> go.Sankey:
    ordered = sorted(pairs, key=lambda one: (not one[2], left.index(one[0]), right.index(one[1])))
    links = [(left.index(i), len(left) + right.index(j)) for i, j, _ in ordered]
    words = [f"{_name(found, i)} → {_name(found, j)}: {pairs[i, j, wrong]} {_became(wrong)}" for i, j, wrong in ordered]
    names = [*(f"{_name(found, one)} before" for one in left), *(f"{_name(found, one)} now" for one in right)]
    return go.Sankey(
        arrangement="fixed" if not pairs else "snap",
        node={"label": names, "pad": 10, "thickness": 12, "color": theme.QUIET, "line": {"width": 0},
              "hovertemplate": "%{label}: %{value}<extra></extra>"},
        link={"source": [one for one, _ in links], "target": [one for _, one in links],
              "value": [pairs[one] for one in ordered], "customdata": words,
              "color": [theme.faded(theme.RISE if wrong else theme.FALL, 0.5) for *_, wrong in ordered],
              "hovertemplate": "%{customdata}<extra></extra>"},
    )  # fmt: skip


def _turns_title(found: Breakage) -> str:
    wrong, right = found.newly_wrong, found.newly_right
    if not wrong and not right:
        return f"Nothing changes sides: {found.n:,} of {found.n:,} {found.noun} are judged as before."
    ways = f"{whole(wrong)} turn wrong (purple) and {whole(right)} turn right (green)"
    if wrong == right:
        return f"{ways}: the average is unchanged, and {whole(wrong + right)} answers are not."
    net = abs(wrong - right)
    return f"Of {found.n:,} {found.noun} {ways}: the average shows only the difference, {whole(net)}."


def _most(before: np.ndarray, after: np.ndarray) -> set[int]:
    """The classes that most of the flow goes through: all where they are few, else all but what is poured together."""
    counted = Counter([*before.tolist(), *after.tolist()])
    few = len(counted) <= FOLDED
    return {one for one, _ in counted.most_common(FOLDED if few else FOLDED - 1)}


def _folded(one: int, shown: set[int]) -> int:
    return one if one in shown else OTHERS


def _became(wrong: bool) -> str:
    return "newly wrong" if wrong else "newly right"


def _name(found: Breakage, one: int) -> str:
    return "other classes" if one == OTHERS else plain.label(plain.one_line(found.names[one], LONGEST))


def _sign(by: int) -> str:
    return f"{by:+d}".replace("-", "−")
