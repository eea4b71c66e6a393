"""Lineage: how candidates were made, as a tree from the dense model. Only choices that tell them apart are forks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from pruneviz.candidates import Branch, Candidate, better, cost, same_samples, surely, tree
from pruneviz.charts import theme
from pruneviz.charts.candidate_words import difference, letter, listed, value
from pruneviz.charts.chart import Chart
from pruneviz.charts.compare import height, hover
from pruneviz.plain import label as named


def lineage(
    candidates: Sequence[Candidate], ways: Mapping[str, Sequence[str]], by: str = "parameters", marked: Sequence[str] = ()
) -> Chart:
    """The tree. `ways` has each candidate's choices in words, by its letter; at least one candidate.

    Colour is the difference of the metric to the first candidate, size what is left by `by`, a key of COSTS.
    """
    branches = tree({one.letter: ways[one.letter] for one in candidates})
    levels, depth = _levels(branches), branches[-1].depth
    traces = [*_links(branches, levels), _leaves(branches, levels, candidates, by, marked)]
    chart = theme.figure(traces, "", "", 110 + 44 * max(2, sum(branch.leaf for branch in branches)))
    chart.update_layout(clickmode="event+select", dragmode=False, showlegend=False)
    chart.update_xaxes(visible=False, range=[-0.2, depth + 0.8])
    chart.update_yaxes(visible=False, range=[-0.6, max(levels) + 0.7])
    title = _title(candidates, depth)
    rows = tuple(
        (letter(one), " · ".join(filter(None, ways[one.letter])), value(one), _signed(one, candidates)) for one in candidates
    )
    header = ("candidate", "made by", "metric", f"against {letter(candidates[0])}, with 95% interval")
    return Chart(title, chart, f"{title} A tree from the dense model to each candidate.", (header, rows))


def _levels(branches: Sequence[Branch]) -> list[float]:
    """How high each branch lies: leaves one above the other, the first on top, forks in the middle of theirs."""
    levels, free = [0.0] * len(branches), float(sum(branch.leaf for branch in branches) - 1)
    for at, branch in enumerate(branches):
        if branch.leaf:
            levels[at], free = free, free - 1
    for at in reversed(range(len(branches))):
        above = [levels[other] for other, branch in enumerate(branches) if branch.parent == at]
        if above:
            levels[at] = (max(above) + min(above)) / 2
    return levels


def _links(branches: Sequence[Branch], levels: Sequence[float]) -> list[go.Scatter]:
    x, y = [], []
    for at, branch in enumerate(branches):
        if branch.parent >= 0:
            start, middle = branches[branch.parent].depth, branch.depth - 0.5
            x += [start, middle, middle, branch.depth, None]
            y += [levels[branch.parent], levels[branch.parent], levels[at], levels[at], None]
    line = go.Scatter(x=x, y=y, mode="lines", line={"color": theme.QUIET, "width": 1.5}, hoverinfo="skip")
    forks = [at for at, branch in enumerate(branches) if not branch.leaf]
    dots = go.Scatter(
        x=[branches[at].depth for at in forks], y=[levels[at] for at in forks], mode="markers+text",
        text=[named(branches[at].words) for at in forks], textposition=_sides(branches, forks), cliponaxis=False,
        hoverinfo="skip", marker={"size": 9, "color": theme.QUIET},
    )  # fmt: skip
    return [line, dots]


def _sides(branches: Sequence[Branch], forks: Sequence[int]) -> list[str]:
    """Neighbouring columns write above and below in turn: on a narrow screen a name is wider than its column."""
    return ["top center" if branches[at].depth % 2 else "bottom center" for at in forks]


def _leaves(
    branches: Sequence[Branch], levels: Sequence[float], candidates: Sequence[Candidate], by: str, marked: Sequence[str]
) -> go.Scatter:
    of = {one.letter: one for one in candidates}
    leaves = [(at, branch, of[branch.letters[0]]) for at, branch in enumerate(branches) if branch.leaf]
    differ = [_above(one, candidates[0]) for _, _, one in leaves]
    most = max(map(abs, differ), default=0) or 1.0
    widths = [3.5 if set(branch.letters) & set(marked) else 1 for _, branch, _ in leaves]
    return go.Scatter(
        x=[branch.depth for _, branch, _ in leaves], y=[levels[at] for at, _, _ in leaves], mode="markers+text",
        text=[f" {named(branch.words)}  <b>{', '.join(branch.letters)}</b>" for _, branch, _ in leaves],
        textposition="middle right", cliponaxis=False, customdata=[[one.letter] for _, _, one in leaves],
        hovertext=[hover(one, by) for _, _, one in leaves], hovertemplate="%{hovertext}<extra></extra>",
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        marker={
            "color": differ, "colorscale": [[0, theme.FALL], [0.5, theme.SIGNED_ZERO], [1, theme.RISE]],
            "cmin": -most, "cmax": most,
            "size": [14 + 14 * _size(one, candidates, by) for _, _, one in leaves], "opacity": 1,
            "line": {"color": theme.PIN, "width": widths},
        },
    )  # fmt: skip


def _size(one: Candidate, candidates: Sequence[Candidate], by: str) -> float:
    """What is left, as a share of the largest; in the middle where it is not known."""
    known = [found for found in (cost(other, by) for other in candidates) if found]
    found = cost(one, by)
    return 0.5 if found is None or not known else found / max(known)


def _above(one: Candidate, first: Candidate) -> float:
    """How far one measures above the first; of other samples nothing is said, and nothing coloured."""
    return height(one) - height(first) if same_samples(one.report, first.report) else 0.0


def _signed(one: Candidate, candidates: Sequence[Candidate]) -> str:
    return "–" if one is candidates[0] else difference(one.report, candidates[0].report)


def _title(candidates: Sequence[Candidate], depth: int) -> str:
    if not depth:
        return "All candidates were made the same way."
    first = candidates[0]
    rest = [one for one in candidates[1:] if same_samples(one.report, first.report) and better(one.report, first.report)]
    sure = [one for one in rest if surely(one.report, first.report) > 0]
    apart = f"{'One choice tells' if depth == 1 else f'{depth} choices tell'} the {len(candidates)} candidates apart"
    if not rest:
        return f"{apart}; none measures better than {letter(first)}."
    who = sure or rest
    said = f"{apart}; {listed(who)} {'measures' if len(who) == 1 else 'measure'} better than {letter(first)}"
    return f"{said}." if sure else f"{said}, but chance could explain that."
