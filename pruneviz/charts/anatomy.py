"""Anatomy: what a setting takes of a network's units, in a sentence, by weights and by width."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, whole
from pruneviz.plain import label as named
from pruneviz.report import GroupReport, LayerReport


def headline(groups: Sequence[GroupReport], many: str, reads: Mapping[str, tuple[str, int]]) -> str:
    """What this setting takes, in one sentence. `reads` says who reads a group's units and how many weights of each."""
    open_groups = [group for group in groups if not group.reason]
    units = sum(group.units for group in open_groups)
    if not units:
        return f"This model has no {many} that can go."
    gone = {group.name: int((~group.kept).sum()) for group in open_groups}
    if not sum(gone.values()):
        return f"All {whole(units)} {many} stay."
    empty = [group for group in open_groups if gone[group.name] == group.units]
    if empty:
        return f"{empty[0].label} is empty: all {whole(empty[0].units)} of its {many} are gone."
    if all(group.blocks for group in open_groups):
        return _blocks(open_groups, many)
    most = max(open_groups, key=lambda group: (gone[group.name] / group.units, gone[group.name]))
    count = gone[most.name]
    named = f"{whole(count)} of {whole(most.units)} {many} {_leave(count)} {_place_of(most)}"
    if most.name not in reads:
        return f"{named}."
    reader, weights = reads[most.name]
    return f"{named}, and {'it takes' if count == 1 else 'they take'} {whole(count * weights)} weights of {reader} along."


def _blocks(groups: Sequence[GroupReport], many: str) -> str:
    names = [name for group in groups for name, stays in zip(group.blocks, group.kept, strict=True) if not stays]
    said = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if len(names) < 5 else "Blocks"
    return f"{said} {_leave(len(names))} as a whole: {len(names)} of {sum(group.units for group in groups)} {many}."


def _place_of(group: GroupReport) -> str:
    others = len(group.modules) - 1
    return f"{group.modules[0]} and the {others} coupled with it" if others > 0 else group.label


def _leave(count: int) -> str:
    return "leaves" if count == 1 else "leave"


def uneven(groups: Sequence[GroupReport], many: str) -> str:
    """The group that pays most beside the one that pays least; empty where there is nothing to compare."""
    shares = {group.label: float((~group.kept).mean()) for group in groups if not group.reason and group.units}
    if len(shares) < 2 or not any(shares.values()):
        return ""
    most, least = max(shares, key=shares.get), min(shares, key=shares.get)
    if shares[most] - shares[least] < 0.005:
        return f"Every group loses the same share of its {many}, {as_percent(shares[most])}."
    high, low = as_percent(shares[most]), as_percent(shares[least])
    return f"{most} loses {high} of its {many}, {least} {low}: pruning is not uniform."


def treemap(layers: Sequence[LayerReport], model: str) -> Chart:
    """The network by weights: blocks, layers, and in each what stays (blue) and what goes (hatched)."""
    nodes = list(_nodes(layers, model))
    chart = theme.figure([_tree(nodes)], "", "", 330)
    # A name that does not fit at a size that can be read is left out; a finger on its place says it.
    chart.update_layout(uniformtext={"minsize": 9, "mode": "hide"})
    title = _treemap_title(layers)
    rows = tuple(
        (one.label, "×".join(map(str, one.shape)), one.weights, one.kept, f"{1 - one.sparsity:.1%}") for one in layers
    )
    header = ("layer", "shape", "weights", "kept", "kept share")
    return Chart(title, chart, f"{title} One area per layer, as large as its weights.", (header, rows))


def _tree(nodes: Sequence[Mapping[str, object]]) -> go.Treemap:
    each = {key: [node[key] for node in nodes] for key in ("id", "label", "parent", "value", "text", "color", "ink", "gone")}
    pattern = {
        "shape": [theme.REMOVED_PATTERN if gone else "" for gone in each["gone"]],
        "fgcolor": [theme.REMOVED if node["gone"] else node["color"] for node in nodes],
        "bgcolor": each["color"],
        "solidity": 0.35,
    }
    return go.Treemap(
        ids=each["id"],
        labels=each["label"],
        parents=each["parent"],
        values=each["value"],
        customdata=each["text"],
        textinfo="label",
        branchvalues="total",
        marker={"colors": each["color"], "pattern": pattern, "line": {"width": 1, "color": theme.QUIET}},
        tiling={"pad": 1},
        pathbar={"visible": False},
        textfont={"color": each["ink"]},
        hovertemplate="%{label}<br>%{value:,} weights<br>%{customdata}<extra></extra>",
        sort=False,
    )


def _nodes(layers: Sequence[LayerReport], model: str) -> Iterator[dict[str, object]]:
    """The root, every block on the way to a layer, the layer, and its two parts."""
    inner: dict[str, int] = {}
    for one in layers:
        steps = one.label.split(".")
        for depth in range(len(steps)):
            path = ".".join(steps[:depth])
            inner[path] = inner.get(path, 0) + one.weights
    plain = {"color": theme.GROUND, "ink": theme.ON_GROUND, "gone": False}
    for path, value in inner.items():
        label = named(path.rpartition(".")[2] or model)
        parent = "" if not path else _place(path.rpartition(".")[0])
        yield {"id": _place(path), "label": label, "parent": parent, "value": value, "text": "", **plain}
    for one in layers:
        share = 1 - one.sparsity
        name, parent = one.label.rpartition(".")[2], _place(one.label.rpartition(".")[0])
        keeps = f"keeps {as_percent(share)}"
        layer = {
            "id": one.name,
            "label": f"{named(name)} · {whole(one.weights)}",
            "parent": parent,
            "value": one.weights,
            "text": keeps,
        }
        yield {**layer, **plain}
        if one.kept:
            stay = {"id": f"{one.name}/kept", "label": keeps, "parent": one.name, "value": one.kept, "text": ""}
            yield {**stay, "color": theme.KEPT, "ink": theme.ON_GROUND, "gone": False}
        if one.kept < one.weights:
            gone = {"id": f"{one.name}/gone", "label": " ", "parent": one.name, "value": one.weights - one.kept}
            yield {
                **gone,
                "text": f"{as_percent(one.sparsity)} removed",
                "color": theme.REMOVED_SOFT,
                "ink": theme.REMOVED_SOFT,
                "gone": True,
            }


def _place(path: str) -> str:
    return f"block:{path}"


def _treemap_title(layers: Sequence[LayerReport]) -> str:
    total, kept = sum(one.weights for one in layers), sum(one.kept for one in layers)
    if not total:
        return "There are no weights to show."
    largest = max(layers, key=lambda one: one.weights)
    share = largest.weights / total
    said = f"{largest.label} holds {as_percent(share)} of the weights and keeps {as_percent(1 - largest.sparsity)} of them"
    return f"{said}; the whole network keeps {as_percent(kept / total)}."


def widths(groups: Sequence[GroupReport], many: str) -> Chart:
    """A row per group: its width before (ring) and after (dot), with what goes between them."""
    labels = [named(group.label) for group in groups]
    before = [group.units for group in groups]
    after = [int(group.kept.sum()) for group in groups]
    chart = theme.figure(_dumbbell(labels, before, after), many, "", 130 + 34 * len(groups))
    order = {"categoryorder": "array", "categoryarray": labels[::-1], "type": "category"}
    chart.update_yaxes(title="", range=[-0.6, len(labels) - 0.2], **order)
    chart.update_xaxes(range=[0, 1.08 * max(before, default=1)])
    title = _widths_title(groups, many)
    rows = tuple((group.label, group.units, int(group.kept.sum()), group.reason or group.coupling) for group in groups)
    return Chart(title, chart, f"{title} A row per group.", (("group", "before", "after", "why not, or with whom"), rows))


def _dumbbell(
    labels: Sequence[str], before: Sequence[int], after: Sequence[int]
) -> tuple[go.Scatter, go.Scatter, go.Scatter]:
    bridge = go.Scatter(
        x=[x for pair in zip(after, before, strict=True) for x in (*pair, None)],
        y=[label for label in labels for _ in range(3)], mode="lines", hoverinfo="skip", name="removed",
        line={"color": theme.REMOVED, "width": 4, "dash": "dot"},
    )  # fmt: skip
    ring = go.Scatter(
        x=before, y=labels, mode="markers", name="before", hovertemplate="%{y}: %{x} before<extra></extra>",
        marker={"symbol": "circle-open", "size": 13, "color": theme.QUIET, "line": {"width": 2.5}},
    )  # fmt: skip
    dot = go.Scatter(
        x=after, y=labels, mode="markers+text", name="after", hovertemplate="%{y}: %{x} after<extra></extra>",
        marker={"symbol": "circle", "size": 12, "color": theme.KEPT}, cliponaxis=False,
        text=[f"{old} → {new}" if old != new else f"{old}" for old, new in zip(before, after, strict=True)],
        textposition="top center", textfont={"size": 11},
    )  # fmt: skip
    return bridge, ring, dot


def _widths_title(groups: Sequence[GroupReport], many: str) -> str:
    loose = [group for group in groups if not group.reason]
    units, left = sum(group.units for group in loose), sum(int(group.kept.sum()) for group in loose)
    held = [group.label for group in groups if group.reason]
    tail = f"; {_few(held)} cannot be pruned" if held else ""
    return f"Of {whole(units)} {many} {whole(left)} stay{tail}."


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} groups"
