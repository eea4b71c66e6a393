"""Reality: what was promised beside what was measured: bytes, multiplications, milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from pruneviz import truths
from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, float32, number, whole
from pruneviz.truths import CSR, DENSE, SEMI, SMALLER, WAYS, ZEROS, Crossing, Spread, Timed, Truth

SHORT = {ZEROS: "zeros", CSR: "CSR", SEMI: "2:4", SMALLER: "smaller"}
WIDEST = 1.6
"""A bar longer than this share of the dense network's is cut off there; its number says how long it is."""
ROW, THICK = 23, 0.74
_HATCH = {
    "shape": theme.REMOVED_PATTERN,
    "fgcolor": theme.REMOVED,
    "bgcolor": theme.faded(theme.REMOVED, 0.15),
    "solidity": 0.4,
}
_GONE = {"color": theme.REMOVED, "pattern": _HATCH, "line": {"color": theme.REMOVED, "width": 1}}


@dataclass(frozen=True, slots=True)
class _Bar:
    """One row of a chart of shares: its label, how long it is, what stands beside it, and what a finger on it says."""

    label: str
    share: float
    said: str
    hover: str
    ends: tuple[float, float] | None = None


Groups = list[tuple[str, list[_Bar]]]


def claims(truth: Truth) -> Chart:
    """A row per claim: what is left of the dense network's parameters, bytes, multiplications and milliseconds."""
    groups = [*_disk(truth), *_work(truth), *_time(truth)]
    bars = [(at, bar) for at, bar in _laid(groups) if isinstance(bar, _Bar)]
    chart = theme.figure([], "% of the dense network's", "", 96 + ROW * sum(1 + len(rows) for _, rows in groups))
    left = [min(bar.share, WIDEST) for _, bar in bars]
    hover = {
        "customdata": [bar.hover for _, bar in bars],
        "hovertemplate": "%{customdata}<extra></extra>",
        "orientation": "h",
    }
    y = [at for at, _ in bars]
    kept = {"color": theme.KEPT}
    chart.add_bar(x=float32(100 * np.array(left)), y=y, name="left", marker=kept, **hover)
    chart.add_bar(x=float32([100 * max(0.0, 1 - share) for share in left]), y=y, name="saved", marker=_GONE, **hover)
    _write(chart, groups, [(at, 100 * max(1.0, min(bar.share, WIDEST)), bar.said) for at, bar in bars])
    _whole_line(chart, groups)
    chart.update_layout(barmode="stack")
    end = max([1.0, *left])
    ticks = [at for at in (0, 50, 100, 150) if at <= 100 * end]
    chart.update_xaxes(range=[0, 100 * (end + 0.7)], tickvals=ticks, ticksuffix="%")
    title = _claims_title(truth)
    alt = (
        f"{title} {'; '.join(f'{name}: ' + ', '.join(f'{one.label} {one.said}' for one in rows) for name, rows in groups)}."
    )
    header = ("claim", *WAYS.values())
    return Chart(title, chart, alt, (header, tuple(_claim_rows(truth))))


def crossings(found: Sequence[Crossing]) -> Chart:
    """Time of a sparse multiplication over the dense one, against sparsity: below 1 sparse wins."""
    chart = theme.figure([], "weights that are zero (%)", "time, sparse (CSR) ÷ dense", 400)
    chart.add_hline(y=1, line={"color": theme.QUIET, "dash": "dash", "width": 2})
    for at, one in enumerate(found):
        style, middle = theme.ink(at), np.array(one.ratios)
        error = {"type": "data", "symmetric": False, "array": float32(np.array(one.highs) - middle), "thickness": 1}
        chart.add_scatter(
            x=float32(100 * np.array(one.sparsities)), y=float32(middle), mode="lines+markers", name=_named(one),
            line={"color": style["color"], "dash": style["dash"], "width": 2.5},
            marker={"symbol": style["marker"], "size": 8},
            error_y={**error, "arrayminus": float32(middle - np.array(one.lows))},
            hovertemplate=f"{_named(one)}<br>%{{x:.0f}}% zeros: %{{y:.2f}} × the dense time<extra></extra>",
        )  # fmt: skip
    ends = [ratio for one in found for ratio in (*one.lows, *one.highs)] or [1.0]
    low, high = min(0.5, *ends), max(2.0, *ends)
    ticks = [tick for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low / 1.3 <= tick <= high * 1.3]
    span = [np.log10(low / 1.15), np.log10(high * 1.15)]
    chart.update_yaxes(type="log", range=span, tickvals=ticks, ticktext=[f"{tick:g} ×" for tick in ticks])
    title = crossing_title(found)
    n = min((one.n for one in found), default=0)
    header = ("what", "batch", *(f"{100 * share:.0f}%" for share in (found[0].sparsities if found else ())), "even at")
    rows = tuple((one.what or "whole network", one.batch, *map(number, one.ratios), even_at(one)) for one in found)
    return Chart(title, chart, f"{title} {len(found)} lines over sparsity, each median of {n} rounds.", (header, rows))


def promise(truth: Truth) -> Chart:
    """From what is gone to what is saved: how much of a promise arrives as time, step by step."""
    groups = [group for group in (_zeros_promise(truth), _smaller_promise(truth)) if group]
    chart = theme.figure([], "% of the dense network's", "", 110 + (ROW + 3) * sum(1 + len(rows) for _, rows in groups))
    solid, lost = [], []
    for at, row in _laid(groups):
        if isinstance(row, _Bar):
            (lost if row.ends else solid).append((at, row))
    _bars(chart, solid, "gone", _GONE)
    _bars(chart, lost, "does not arrive", {"color": theme.BAR, "line": {"color": theme.QUIET, "width": 1}})
    beside = [(at, 100 * max(0.0, row.share, *(row.ends or ())), row.said) for at, row in (*solid, *lost)]
    _write(chart, groups, beside)
    low = min([0.0, *(row.share for _, row in solid), *(min(row.ends) for _, row in lost)])
    chart.update_layout(barmode="overlay")
    chart.update_xaxes(range=[100 * low - 2 * (low < 0), 140], tickvals=[0, 50, 100], ticksuffix="%")
    title = promise_title(truth)
    rows = tuple((name, row.label, row.said) for name, rows in groups for row in rows)
    return Chart(title, chart, f"{title} {len(rows)} bars in {len(groups)} groups.", (("network", "step", "share"), rows))


def machines(found: Mapping[str, Truth]) -> Chart:
    """The same ways on several machines, each as a share of that machine's own dense time."""
    groups: Groups = []
    for name, truth in found.items():
        for batch in truth.batches:
            rows = [_time_bar(one) for way in (ZEROS, CSR, SMALLER) if (one := truth.time(way, batch))]
            groups.append((f"{name}, batch {batch}", rows))
    chart = theme.figure([], "% of the same machine's dense time", "", 96 + ROW * sum(1 + len(rows) for _, rows in groups))
    bars = [(at, bar) for at, bar in _laid(groups) if isinstance(bar, _Bar)]
    left = [min(bar.share, WIDEST) for _, bar in bars]
    hover = {
        "customdata": [bar.hover for _, bar in bars],
        "hovertemplate": "%{customdata}<extra></extra>",
        "orientation": "h",
    }
    chart.add_bar(
        x=float32(100 * np.array(left)), y=[at for at, _ in bars], name="time", marker={"color": theme.KEPT}, **hover
    )
    _write(chart, groups, [(at, 100 * max(1.0, min(bar.share, WIDEST)), bar.said) for at, bar in bars])
    _whole_line(chart, groups)
    chart.update_xaxes(range=[0, 100 * (max([1.0, *left]) + 0.7)], tickvals=[0, 50, 100, 150], ticksuffix="%")
    title = _machines_title(found)
    rows = tuple((name, bar.label, bar.said) for name, rows in groups for bar in rows)
    return Chart(title, chart, f"{title} A bar per machine, batch and way.", (("machine", "way", "time"), rows))


def even_at(one: Crossing) -> str:
    """From which sparsity on sparse is faster: «86% (84% to 89%)», «not up to 99%», «cannot tell: between 50% and …»."""
    first, last = as_percent(one.sparsities[0]), as_percent(one.sparsities[-1])
    if one.never:
        return f"not up to {last}"
    low, high = one.between
    at = next(end for end in (low, one.at, high) if end is not None)
    if not one.reached:
        return f"cannot tell: between {as_percent(round(at, 3))} and above {last}"
    if one.at == one.sparsities[0]:
        return f"{first} or less" if high == one.at else f"{first} or less (up to {as_percent(round(high, 3))})"
    return f"{as_percent(round(one.at, 3))} ({as_percent(round(at, 3))} to {as_percent(round(high, 3))})"


def crossing_title(found: Sequence[Crossing]) -> str:
    """From where on sparse beats dense here, in one sentence that names every line of the plot."""
    if not found:
        return "Sparse against dense was not measured."
    reached, never = [one for one in found if one.reached], [one for one in found if one.never]
    unsure = [one for one in found if not (one.reached or one.never)]
    last = as_percent(found[0].sparsities[-1])
    said = []
    if reached:
        best = min(reached, key=lambda one: one.at)
        where = f"{as_percent(round(best.at, 2))} zeros on at the earliest ({_named(best)})"
        said.append(f"Here sparse multiplication beats dense from {where}")
    if never:
        start = "not" if reached else "Here sparse multiplication does not beat dense"
        said.append(f"{start} up to {last} zeros: {_all_named(never)}")
    if unsure:
        said.append(f"{'cannot' if said else 'Cannot'} tell, too noisy: {_all_named(unsure)}")
    return f"{'; '.join(said)}."


def less_time(timed: Timed) -> str:
    """What a ratio of times means: «39% less time (1.64 × faster)», or that nothing can be told."""
    ratio = timed.ratio.median
    if timed.same:
        return "no measurable difference"
    if ratio < 1:
        return f"{as_percent(round(1 - ratio, 3))} less time ({1 / ratio:.2f} × faster)"
    return f"{as_percent(round(ratio - 1, 3))} more time ({ratio:.2f} × slower)"


def milliseconds(spread: Spread) -> str:
    """A time with its quartiles: «0.61 ms (0.60 to 0.63)»."""
    digits = max(0, 2 - int(np.floor(np.log10(max(spread.median, 1e-6)))))
    middle, low, high = (f"{one:.{digits}f}" for one in (spread.median, spread.low, spread.high))
    return f"{middle} ms ({low} to {high})"


def size(count: float) -> str:
    """Bytes in the unit that leaves three digits: «57 kB»."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f} B"


def promise_title(truth: Truth) -> str:
    """What a smaller network promised and what arrived."""
    gain, batch = truths.gain(truth, truth.batch), truth.batch
    if gain is None:
        return "How much of the promise arrives as time."
    gone = f"{as_percent(round(gain.macs, 3))} of the multiplications gone"
    if gain.same:
        return f"{gone}, no measurable difference in time (batch {batch})."
    if gain.time < 0:
        return f"{gone}, and {as_percent(round(-gain.time, 3))} more time (batch {batch})."
    return f"{gone}, {as_percent(round(gain.time, 3))} less time (batch {batch})."


def _laid(groups: Groups) -> Iterable[tuple[int, _Bar | str]]:
    """Every row with its place, counted from the top down; a group's name has a row of its own."""
    at = 0
    for name, rows in groups:
        for row in (name, *rows):
            yield -at, row
            at += 1


def _write(chart: go.Figure, groups: Groups, beside: list[tuple[int, float, str]]) -> None:
    """The names of groups above their bars, the labels at the axis, and a number beside each bar."""
    places = list(_laid(groups))
    chart.update_traces(width=THICK, selector={"type": "bar"})
    for at, row in places:
        if isinstance(row, str):
            chart.add_annotation(
                x=0, y=at, xref="paper", text=f"<b>{row}</b>", showarrow=False, xanchor="left", yanchor="middle", yshift=-3
            )
    labelled = [(at, row.label) for at, row in places if isinstance(row, _Bar)]
    y = {
        "tickvals": [at for at, _ in labelled],
        "ticktext": [f"{label} " for _, label in labelled],
        "showgrid": False,
        "title": None,
    }
    chart.update_yaxes(range=[-len(places) + 0.4, 0.6], **y)
    chart.add_scatter(
        x=float32([x + 1.5 for _, x, _ in beside]), y=[at for at, _, _ in beside], text=[said for _, _, said in beside],
        mode="text", textposition="middle right", showlegend=False, hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip


def _whole_line(chart: go.Figure, groups: Groups) -> None:
    """Where the dense network lies: across the bars, not across the names of groups."""
    bars = [at for at, row in _laid(groups) if isinstance(row, _Bar)]
    y = [end for at in bars for end in (at + 0.5, at - 0.5, None)]
    line = {"color": theme.QUIET, "width": 2, "dash": "dot"}
    chart.add_scatter(x=[100, 100, None] * len(bars), y=y, mode="lines", line=line, name="dense network", hoverinfo="skip")


def _bars(chart: go.Figure, rows: list[tuple[int, _Bar]], name: str, marker: dict) -> None:
    chart.add_bar(
        x=float32([100 * (row.ends[1] - row.ends[0] if row.ends else row.share) for _, row in rows]),
        base=float32([100 * (row.ends[0] if row.ends else 0.0) for _, row in rows]),
        y=[at for at, _ in rows], name=name, marker=marker, orientation="h",
        customdata=[row.hover for _, row in rows], hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _disk(truth: Truth) -> Groups:
    """Parameters and files, as shares of the dense network's."""
    dense = truth.on_disk(DENSE)
    rows = [(way, one) for way in (ZEROS, SMALLER) if (one := truth.on_disk(way))]
    if dense is None or not rows:
        return []

    def bars(value, whole_value, said) -> list[_Bar]:
        return [
            _Bar(
                SHORT[way], share, f"{said(value(one))} · {as_percent(round(share, 3))}", f"{WAYS[way]}: {said(value(one))}"
            )
            for way, one in rows
            if (share := value(one) / max(1, whole_value)) is not None
        ]

    encodings = " or ".join(dict.fromkeys(one.encoding for _, one in rows))
    return [
        ("parameters that are not zero", bars(lambda one: one.nonzero, dense.nonzero, whole)),
        ("file, stored dense", bars(lambda one: one.dense, dense.dense, size)),
        (f"file, stored sparse ({encodings})", bars(lambda one: one.sparse, dense.dense, size)),
        ("file, compressed (zlib)", bars(lambda one: one.compressed, dense.dense, size)),
    ]


def _work(truth: Truth) -> Groups:
    dense = truth.on_disk(DENSE)
    rows = [one for way in (ZEROS, SMALLER) if (one := truth.on_disk(way))]
    if dense is None or not dense.macs or not rows:
        return []
    bars = []
    for one in rows:
        share = one.macs / dense.macs
        hover = f"{WAYS[one.way]}: {_millions(one.macs)} multiply-adds, {_millions(one.useful_macs)} of them not with a zero"
        bars.append(_Bar(SHORT[one.way], share, f"{_millions(one.macs)} · {as_percent(round(share, 3))}", hover))
    return [("multiplications done (MACs)", bars)]


def _time(truth: Truth) -> Groups:
    groups: Groups = []
    for batch in truth.batches:
        rows = [_time_bar(one) for way in (ZEROS, CSR, SMALLER) if (one := truth.time(way, batch))]
        rows += [_time_bar(one) for one in (truth.time(SEMI, batch, "cuda"),) if one]
        groups.append((f"time, batch {batch}", rows))
    return groups


def _time_bar(one: Timed) -> _Bar:
    """A time as a share of the dense one; where the two cannot be told apart, a full bar: nothing is saved."""
    share = 1.0 if one.same else one.ratio.median
    where = " on the GPU, half precision" if one.device == "cuda" else ""
    hover = (
        f"{WAYS[one.way]}{where}: {milliseconds(one.milliseconds)}<br>dense beside it: {milliseconds(one.peer)}<br>"
        f"{less_time(one)}, {one.milliseconds.n} rounds"
    )
    said = f"{number(one.milliseconds.median)} ms · {'same' if one.same else as_percent(round(share, 2))}"
    said = f"→ {said}" if share > WIDEST else said  # the bar ends here, the number goes on
    return _Bar(SHORT.get(one.way, one.way), share, said, hover)


def _zeros_promise(truth: Truth) -> tuple[str, list[_Bar]] | None:
    stored, timed = truth.on_disk(ZEROS), truth.time(ZEROS, truth.batch)
    if not (stored and timed and stored.macs):
        return None
    weights, macs, saved = truth.sparsity, 1 - stored.useful_macs / stored.macs, _less(timed)
    rows = [
        _total("weights at zero", weights, f"{as_percent(round(weights, 3))} of the weights are zero"),
        _gap("layers differ", weights, macs, "zeros are many where little is multiplied, or few where much is"),
        _total("MACs with a zero", macs, f"{as_percent(round(macs, 3))} of the multiplications have a zero for a weight"),
        _gap("done all the same", macs, saved, "dense kernels multiply by zero like by any number"),
        _saved(timed),
    ]
    return "zeros, stored dense", rows


def _smaller_promise(truth: Truth) -> tuple[str, list[_Bar]] | None:
    before, after, timed = truth.on_disk(DENSE), truth.on_disk(SMALLER), truth.time(SMALLER, truth.batch)
    if not (before and after and timed and before.macs):
        return None
    weights, macs, saved = 1 - after.parameters / before.parameters, 1 - after.macs / before.macs, _less(timed)
    rows = [
        _total("parameters gone", weights, f"{as_percent(round(weights, 3))} of the parameters are gone"),
        _gap("layers differ", weights, macs, "layers with many parameters may multiply little, and the other way round"),
        _total("MACs gone", macs, f"{as_percent(round(macs, 3))} of the multiplications are gone"),
        _gap("not all is MACs", macs, saved, "memory traffic, other operations and Python take their time as before"),
        _saved(timed),
    ]
    return "really smaller", rows


def _total(label: str, share: float, hover: str) -> _Bar:
    return _Bar(label, share, as_percent(round(share, 3)), hover)


def _saved(timed: Timed) -> _Bar:
    said = "none to measure" if timed.same else as_percent(round(_less(timed), 3))
    return _Bar("time saved", _less(timed), said, f"{less_time(timed)}: {milliseconds(timed.milliseconds)}")


def _less(timed: Timed) -> float:
    """The share of the time that is saved; none where none can be told."""
    return 0.0 if timed.same else 1 - timed.ratio.median


def _gap(label: str, above: float, below: float, hover: str) -> _Bar:
    return _Bar(
        label, 0.0, f"{100 * (below - above):+.0f} points".replace("-", "−"), hover, (min(above, below), max(above, below))
    )


def _claims_title(truth: Truth) -> str:
    zeros, small = truth.on_disk(ZEROS), truth.on_disk(SMALLER)
    dense = truth.on_disk(DENSE)
    if not (dense and zeros):
        return "What became smaller, what became faster"
    file = f"stored dense the file stays at {as_percent(round(zeros.dense / dense.dense, 3))}"
    packed = f"stored sparse ({zeros.encoding}) it is {as_percent(round(zeros.sparse / dense.dense, 3))}"
    third = f"; really smaller it is {as_percent(round(small.dense / dense.dense, 3))} without any trick" if small else ""
    return f"{as_percent(round(truth.sparsity, 3))} zeros: {file}, {packed}{third}."


def _claim_rows(truth: Truth) -> Iterable[tuple[object, ...]]:
    stored = [truth.on_disk(way) for way in WAYS]
    for name, value in (
        ("parameters", lambda one: whole(one.parameters)),
        ("parameters that are not zero", lambda one: whole(one.nonzero)),
        ("file, stored dense", lambda one: f"{one.dense:,} B"),
        ("file, bitmask", lambda one: f"{one.bitmask:,} B"),
        ("file, CSR", lambda one: f"{one.csr:,} B"),
        ("file, compressed (zlib)", lambda one: f"{one.compressed:,} B"),
        ("MACs", lambda one: whole(round(one.macs))),
        ("MACs not with a zero", lambda one: whole(round(one.useful_macs))),
    ):
        yield (name, *(value(one) if one else "–" for one in stored))
    for batch in truth.batches:
        times = [truth.time(way, batch, "cuda" if way == SEMI else "cpu") for way in WAYS]
        yield (f"time, batch {batch}", *(milliseconds(one.milliseconds) if one else "–" for one in times))


def _machines_title(found: Mapping[str, Truth]) -> str:
    said = [
        f"{less_time(one)} on {name} ({truth.machine.processor})"
        for name, truth in found.items()
        if (one := truth.time(SMALLER, truth.batch))
    ]
    return f"The smaller network: {'; '.join(said)}." if said else "The same network on several machines."


def _named(one: Crossing) -> str:
    return f"{one.what or 'whole network'}, batch {one.batch}"


def _all_named(found: Sequence[Crossing]) -> str:
    """Lines by what they are about, each with its batches: «fc1, batch 1 and 32, and whole network, batch 1»."""
    batches: dict[str, list[str]] = {}
    for one in found:
        batches.setdefault(one.what or "whole network", []).append(str(one.batch))
    return ", and ".join(f"{what}, batch {' and '.join(sizes)}" for what, sizes in batches.items())


def _millions(count: float) -> str:
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f}"
