"""Lottery tickets: what the ticket and its controls come to, round by round, and what is left of the first layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from pruneviz.charts import theme
from pruneviz.charts.chart import Chart, as_percent, whole
from pruneviz.charts.labs import lanes as drawn
from pruneviz.charts.labs.gaps import based, going, settled, thin, told
from pruneviz.traced import Spread, Traced, judged_on, paired, spread

COLUMNS = ("round", "remaining", "accuracy", "correct", "n", "early_step", "early_correct", "early_n", "held_loss", "loss")
"""What stands in the array `rounds:<lane>` of a run, a row for each round that the lane has ended."""
TICKET, TRANSFER = "ticket", "transfer"
LANES = {
    TICKET: "ticket: its mask, rewound",
    TRANSFER: "ticket on the other data",
    "reinit": "same mask, re-rolled",
    "random": "random mask, re-rolled",
    "shuffled": "mask shuffled, rewound",
    "one-shot": "one cut, rewound",
}
"""What a lane is called, in the order in which lanes are drawn."""
AGAINST = {
    "reinit": "the same mask re-rolled", "random": "a random mask", "shuffled": "the mask shuffled within its layers",
    "one-shot": "a single cut",
}  # fmt: skip
"""The controls in a sentence. Where a ticket is carried over to other data, they are trained on those, and so it is the
ticket as it is trained there that they are held against."""
HOME = "ticket on its own data"
ELSEWHERE = "on the other data "
SLIM = 0.22
"""Sentences are about the rounds that leave about a fifth of the weights or fewer, where the paper compares. No round is
picked by how it came out."""
TICKS = (100, 50, 20, 10, 5, 2, 1, 0.5)


@dataclass(frozen=True, slots=True)
class Stop:
    """A lane at the end of a round, over the seeds: the share of weights that is left, and one number of its row."""

    round: int
    remaining: float
    value: Spread
    n: int


def lanes(runs: Sequence[Traced], column: str) -> dict[str, list[Stop]]:
    """One column of what each lane came to, by lane: the rounds that all runs which have the lane have ended."""
    found = {}
    for lane in LANES:
        tables = [table for table in (_table(run, lane) for run in runs) if table is not None]
        if not tables:
            continue
        rounds = min(len(table) for table in tables)
        at = COLUMNS.index(column)
        found[lane] = [
            Stop(
                int(tables[0][row, 0]),
                float(np.mean([table[row, 1] for table in tables])),
                spread([float(table[row, at]) for table in tables]),
                int(tables[0][row, COLUMNS.index("n")]),
            )
            for row in range(rounds)
        ]
    return found


def gap(runs: Sequence[Traced], lane: str) -> tuple[float, Spread]:
    """From which share of weights on, and how much more the ticket has right there than a control, on the data that the
    control was trained for: of each seed the mean over all those rounds, then the mean over the seeds."""
    pairs = [(_table(run, ours(run)), _table(run, lane)) for run in settled(runs)]
    pairs = [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]
    if not pairs:
        return 1.0, spread([])
    ended, at = min(int(theirs[-1, 0]) for _, theirs in pairs), COLUMNS.index("accuracy")
    first, found = 1.0, []
    for mine, theirs in pairs:
        slim = [row for row in theirs if row[0] <= ended and row[1] <= SLIM] or [row for row in theirs if row[0] == ended]
        own = {row[0]: row for row in mine}
        found.append(float(np.mean([own[row[0]][at] - row[at] for row in slim])))
        first = float(slim[0][1])
    return first, paired(found, pairs[0][1][0, COLUMNS.index("n")])


def ours(run: Traced) -> str:
    """The lane of a run that its controls are held against."""
    return TRANSFER if run.recipe.course.second else TICKET


def headline(runs: Sequence[Traced]) -> str:
    """How far the ticket lies above its controls where few weights are left, with what can be said of it."""
    found = {lane: gap(runs, lane) for lane in AGAINST}
    found = {lane: (first, apart) for lane, (first, apart) in found.items() if apart.n}
    if not found:
        return "Is there a ticket? No control has been trained yet."
    firsts: dict[str, list[tuple[str, int]]] = {}
    for lane, (first, apart) in found.items():
        firsts.setdefault(as_percent(first), []).append((told(apart, AGAINST[lane]), apart.n))
    # Another control may have come less far: then its sentence is about other rounds.
    said = (
        f"With {left} of the weights or fewer, the ticket ends {_there(runs)}{based(one)}." for left, one in firsts.items()
    )
    return " ".join(said)


def verdict(runs: Sequence[Traced]) -> str:
    """Whether the starting numbers matter, in a sentence."""
    first, apart = gap(runs, "reinit")
    if not apart.n:
        return "Is there a small network in the large one that learns as well alone?"
    left = f"{_there(runs)}at {as_percent(first)} of the weights or fewer"
    if not apart.known:
        return f"One seed of a ticket and of its mask re-rolled, {left}: that proves nothing."
    if apart.low > 0:
        return f"The starting numbers matter here: {left}, the ticket beats its own mask re-rolled and trained as long."
    if apart.high < 0:
        return f"New starting numbers do better here: {left}, the mask re-rolled beats the ticket."
    return f"Whether the starting numbers matter, nobody can tell here: {left}, ticket and re-rolled mask are too close."


def accuracy(runs: Sequence[Traced]) -> Chart:
    """What share of the held-out samples each lane gets right at the end of its training, against what is left."""
    found = lanes(settled(runs), "accuracy")
    names, mine = _names(runs), TRANSFER if _there(runs) else TICKET
    chart = _against(found, names)
    for run in going(runs):
        chart.add_traces([thin(trace, run) for trace in _against(lanes([run], "accuracy"), names).data])
    dense = found[mine][0] if found.get(mine) and not found[mine][0].round else None
    if dense is not None:
        line = {"color": theme.QUIET, "dash": "dot", "width": 1.5}
        name = f"nothing removed, {as_percent(dense.value.mean)}"
        chart.add_hline(100 * dense.value.mean, line=line, name=name, showlegend=True)
    title = headline(runs)
    n = next((stops[0].n for stops in found.values() if stops), 0)
    alt = f"{title} A line per lane against the share of weights left, on {whole(n)} held-out samples."
    header = ("lane", "round", "weights left", "accuracy", "95% from", "to", "seeds")
    return Chart(title, chart, alt, (header, _rows(found, names)))


def within(runs: Sequence[Traced], at: int) -> Chart:
    """One round as it is trained: accuracy against the steps of that training, a line per lane."""
    runs = settled(runs)
    chart = theme.figure([], f"training steps in round {at}", "held-out accuracy (%)", 360)
    names = _names(runs)
    rows: list[tuple[object, ...]] = []
    for index, lane in enumerate(LANES):
        known = [one for one in (_course(run, at, lane) for run in runs) if one]
        steps = sorted(set.intersection(*map(set, known))) if known else []
        points = [drawn.Point(float(step), spread([one[step] for one in known])) for step in steps]
        if points:
            chart.add_traces(drawn.line(drawn.Lane(names[lane], (), index), points, "step %{x}"))
        rows += [(names[lane], int(one.x), *_ends(one.spread), one.spread.n) for one in points]
    title = _within_title(runs, at)
    header = ("lane", "step", "accuracy", "95% from", "to", "seeds")
    return Chart(title, chart, f"{title} A line per lane.", (header, tuple(rows)))


def _there(runs: Sequence[Traced]) -> str:
    """Where the controls are trained, before the rest of a sentence; nothing where that is where the ticket was found."""
    return ELSEWHERE if any(run.recipe.course.second for run in runs) else ""


def _names(runs: Sequence[Traced]) -> dict[str, str]:
    """What the lanes of these runs are called."""
    return LANES | ({TICKET: HOME} if _there(runs) else {})


def _within_title(runs: Sequence[Traced], at: int) -> str:
    """How far the ticket is ahead at the first look at this round, which comes at the same step for all."""
    mine = {run.recipe.seed: _course(run, at, ours(run)) for run in runs}
    said, first = [], 0
    for lane in AGAINST:
        found = []
        for run in runs:
            theirs = _course(run, at, lane)
            shared = sorted(mine[run.recipe.seed].keys() & theirs.keys())
            if shared:
                first = shared[0]
                found.append(mine[run.recipe.seed][first] - theirs[first])
        if found:
            said.append((told(paired(found, judged_on(runs)), AGAINST[lane]), len(found)))
    if not said:
        return f"Round {at}: no control has been trained in it."
    return f"Round {at}, after its first {first} steps: the ticket stands {_there(runs)}{based(said)}."


def _against(found: Mapping[str, Sequence[Stop]], names: Mapping[str, str]) -> go.Figure:
    chart = theme.figure([], "weights left (%)", "accuracy at the end of training (%)", 400)
    for index, lane in enumerate(LANES):
        points = [drawn.Point(100 * stop.remaining, stop.value) for stop in found.get(lane, ())]
        if points:
            chart.add_traces(drawn.line(drawn.Lane(names[lane], (), index), points, "%{x:.3g}% left"))
    chart.update_xaxes(type="log", autorange="reversed", tickvals=TICKS, ticktext=[f"{tick:g}" for tick in TICKS])
    return chart


def _rows(found: Mapping[str, Sequence[Stop]], names: Mapping[str, str]) -> tuple[tuple[object, ...], ...]:
    return tuple(
        (names[lane], stop.round, as_percent(stop.remaining), *_ends(stop.value), stop.value.n)
        for lane, stops in found.items()
        for stop in stops
    )


def _ends(value: Spread) -> tuple[str, str, str]:
    return drawn.percent(value.mean), drawn.percent(value.low), drawn.percent(value.high)


def _table(run: Traced, lane: str) -> np.ndarray | None:
    """The rows of a lane so far: each round adds one, so the latest array has all."""
    return run.array(f"rounds:{lane}")


def _course(run: Traced, at: int, lane: str) -> dict[int, float]:
    """The accuracies of one training by its own steps: its moments count those of all trainings before it, too."""
    stage = f"round {at}" if lane == TICKET else f"round {at} {lane}"
    behind, found = 0, {}
    for moment in run.moments:
        if moment.stage == stage and "accuracy" in moment.values:
            found[moment.step - behind] = moment.values["accuracy"]
        elif moment.stage != stage:
            if found:
                break
            behind = moment.step
    late = run.recipe.course.rewind if (at or lane == TRANSFER) and lane not in ("reinit", "random") else 0
    return {step + late: value for step, value in found.items()}
