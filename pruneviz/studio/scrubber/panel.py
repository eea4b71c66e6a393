"""Panels: what the live scrubber draws, as plain arrays, and their compact form for the browser.

Everything a drag needs travels once; afterwards the browser redraws alone. Percents run from 0 to 100. A sweep has
P = 101 nodes, one for each whole percent removed; curves may have fewer. B is the number of histogram bins.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Accuracy against sparsity, both in percent [K]; `low` and `high` bound its 95 % interval where it has one. `n` [K] is
    how many samples each point is of, where some are of fewer than all."""

    percent: Sequence[float]
    accuracy: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    name: str = ""
    n: Sequence[int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """Accuracy [K] on the half of the held-out data that chooses settings, and on the half that reports them."""

    choose: Sequence[float]
    report: Sequence[float]
    choose_n: int
    report_n: int


@dataclass(frozen=True, slots=True)
class Cliff:
    """Where accuracy falls: `points` are lost between `start` and `end` percent. A perplexity is `times` as high there."""

    start: float
    end: float
    points: float
    times: float = 0.0


@dataclass(frozen=True, slots=True)
class Exact:
    """The committed setting as measured, with its 95 % interval where there is one; on `n` samples so far, where that is not
    all of them."""

    percent: float
    accuracy: float
    low: float | None = None
    high: float | None = None
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Ghost:
    """A setting that was committed before: a click on it returns there."""

    percent: float
    accuracy: float


@dataclass(frozen=True, slots=True, eq=False)
class Pinned:
    """The baseline that was pinned: a point of the curve that leads back to it, and its own curve where that is another."""

    letter: str
    percent: float
    accuracy: float
    low: float
    high: float
    words: str
    line: Line | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FitLine:
    """A law drawn over the histogram. `density` is per unit of weight: [B] at bin centres, else at the values `at`."""

    name: str
    density: Sequence[float]
    dash: str = ""
    at: Sequence[float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Weights per bin: edges [B+1], total [B], gone [P, B] of them removed, threshold [P] where there is one for all.

    `compared` is what lies below the threshold. `predicted` [P] is a second threshold that `predicted_name` foretells, drawn
    dashed; `log` makes the count's axis logarithmic.
    """

    edges: np.ndarray
    total: np.ndarray
    gone: np.ndarray
    threshold: np.ndarray | None = None
    lines: tuple[FitLine, ...] = ()
    label: str = "weight value w"
    predicted: np.ndarray | None = None
    predicted_name: str = ""
    log: bool = False
    compared: str = "|w|"


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One bar of the strip. `own` is the percent removed here whatever the slider says; locked means nothing goes."""

    name: str
    label: str
    shape: str
    weights: int
    kept_percent: Sequence[float]
    own: float | None = None
    locked: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One scrubber: the hero has the id "", a criterion's slider its key.

    `weights` counts what the slider removes (weights, filters, …; `noun`), `measure` is what its share is called.
    `energy` [P] is the share that `fact` and `fact_words` describe: of Σw², or, where units go, of the parameters; `macs`
    [P] is then the share of the multiply-adds. A curve that is not `complete` is still being measured. What `metric` says is
    in percent where it is a `share`, and else drawn as it is, on a logarithmic axis.
    """

    id: str
    title: str
    noun: str
    amount: float
    curve: Line
    chance: float
    n: int
    weights: int
    removed: Sequence[int]
    energy: Sequence[float]
    halves: Halves | None = None
    baseline: Line | None = None
    tuned: Line | None = None
    cliff: Cliff | None = None
    exact: Exact | None = None
    trail: tuple[Ghost, ...] = ()
    pin: Pinned | None = None
    histogram: Histogram | None = None
    layers: tuple[Layer, ...] = ()
    measure: str = "sparsity"
    samples: str = "samples"
    fact: str = "squared weight"
    fact_words: str = "of Σw² removed"
    macs: Sequence[float] | None = None
    complete: bool = True
    metric: str = "accuracy"
    share: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.amount <= 100:
            raise ValueError(f"panel «{self.title}»: amount {self.amount!r} is not a percent: give a number from 0 to 100")
        if not len(self.curve.percent):
            raise ValueError(f"panel «{self.title}» has a curve without nodes: give it at least one")
        if len(self.removed) != len(self.energy):
            raise ValueError(
                f"panel «{self.title}»: {len(self.removed)} nodes of `removed` but {len(self.energy)} of `energy`: "
                "both come from one sweep"
            )


def payload(panel: Panel) -> dict[str, object]:
    """The panel as JSON-able data; floats keep the digits that a screen can show, counts keep all of theirs."""
    return {
        "id": panel.id,
        "title": panel.title,
        "noun": panel.noun,
        "amount": float(panel.amount),
        "curve": _line(panel.curve),
        "chance": _round(panel.chance, 3),
        "n": int(panel.n),
        "weights": int(panel.weights),
        "removed": np.asarray(panel.removed).astype(int).tolist(),
        "energy": _floats(panel.energy, 6),
        "halves": _halves(panel.halves),
        "baseline": _line(panel.baseline),
        "tuned": _line(panel.tuned),
        "cliff": panel.cliff and asdict(panel.cliff),
        "exact": _exact(panel.exact),
        "trail": [[_round(ghost.percent, 6), _round(ghost.accuracy, 3)] for ghost in panel.trail[-12:]],
        "pin": _pin(panel.pin),
        "histogram": _histogram(panel.histogram),
        "layers": [_layer(layer) for layer in panel.layers],
        "measure": panel.measure,
        "fact": panel.fact,
        "fact_words": panel.fact_words,
        "macs": None if panel.macs is None else _floats(panel.macs, 6),
        "complete": bool(panel.complete),
        "metric": panel.metric,
        "samples": panel.samples,
        "share": bool(panel.share),
    }


def _line(line: Line | None) -> dict[str, object] | None:
    if line is None:
        return None
    return {
        "name": line.name,
        "percent": _floats(line.percent, 6),
        "accuracy": _floats(line.accuracy, 3),
        "low": None if line.low is None else _floats(line.low, 3),
        "high": None if line.high is None else _floats(line.high, 3),
        "n": None if line.n is None else [int(count) for count in line.n],
    }


def _halves(halves: Halves | None) -> dict[str, object] | None:
    if halves is None:
        return None
    return {
        "choose": _floats(halves.choose, 6),
        "report": _floats(halves.report, 6),
        "choose_n": int(halves.choose_n),
        "report_n": int(halves.report_n),
    }


def _exact(exact: Exact | None) -> dict[str, float | int | None] | None:
    if exact is None:
        return None
    low, high = (None if bound is None else _round(bound, 3) for bound in (exact.low, exact.high))
    percent, accuracy = float(exact.percent), _round(exact.accuracy, 3)
    return {"percent": percent, "accuracy": accuracy, "low": low, "high": high, "n": exact.n}


def _pin(pin: Pinned | None) -> dict[str, object] | None:
    if pin is None:
        return None
    low, high = (_round(bound, 3) for bound in (pin.low, pin.high))
    place = {"percent": _round(pin.percent, 6), "accuracy": _round(pin.accuracy, 3), "low": low, "high": high}
    return {"letter": pin.letter, **place, "words": pin.words, "line": _line(pin.line)}


def _layer(layer: Layer) -> dict[str, object]:
    return {
        "name": layer.name,
        "label": layer.label,
        "shape": layer.shape,
        "weights": int(layer.weights),
        "kept": _floats(layer.kept_percent, 2),
        "own": None if layer.own is None else _round(layer.own, 6),
        "locked": bool(layer.locked),
    }


def _histogram(histogram: Histogram | None) -> dict[str, object] | None:
    if histogram is None:
        return None
    edges, gone = np.asarray(histogram.edges, np.float64), np.asarray(histogram.gone)
    if gone.shape[1:] != (len(edges) - 1,) or len(histogram.total) != len(edges) - 1:
        raise ValueError(
            f"the histogram has {len(edges)} edges, so {len(edges) - 1} bins; got total [{len(histogram.total)}] and "
            f"gone {list(gone.shape)}: all three come from one sweep"
        )
    return {
        "edges": [float(f"{edge:.6g}") for edge in edges],
        "total": np.asarray(histogram.total).astype(int).tolist(),
        "gone": _packed(gone),
        "threshold": None if histogram.threshold is None else [_digits(value) for value in histogram.threshold],
        "lines": [_fit(line, edges) for line in histogram.lines],
        "label": histogram.label,
        "predicted": None if histogram.predicted is None else [_digits(value) for value in histogram.predicted],
        "predicted_name": histogram.predicted_name,
        "log": bool(histogram.log),
        "compared": histogram.compared,
    }


def _fit(line: FitLine, edges: np.ndarray) -> dict[str, object]:
    """A density as expected weights per bin (density × bin width; the browser multiplies by n), so it shares the axis."""
    at = (edges[:-1] + edges[1:]) / 2 if line.at is None else np.asarray(line.at, np.float64)
    width = float(np.diff(edges).mean())
    return {
        "name": line.name,
        "dash": line.dash,
        "at": [float(f"{value:.6g}") for value in at],
        "share": [_digits(value * width) for value in line.density],
    }


def _packed(counts: np.ndarray) -> dict[str, object]:
    """Counts [P, B] as base64 of the narrowest whole numbers that hold them: a tenth of what JSON would take."""
    largest = int(counts.max(initial=0))
    bits = 8 if largest < 2**8 else 16 if largest < 2**16 else 32
    data = np.ascontiguousarray(counts, dtype=f"<u{bits // 8}")
    return {"bits": bits, "bins": int(counts.shape[1]), "data": base64.b64encode(data.tobytes()).decode("ascii")}


def _floats(values: Sequence[float], digits: int) -> list[float]:
    return np.round(np.asarray(values, np.float64), digits).tolist()


def _round(value: float, digits: int) -> float:
    return round(float(value), digits)


def _digits(value: float) -> float | None:
    """Five significant digits; None where there is no finite number (the browser's JSON has no infinity)."""
    return float(f"{float(value):.5g}") if np.isfinite(value) else None
