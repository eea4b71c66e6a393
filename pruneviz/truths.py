"""Truths: what a pruned network weighs and how long it takes, measured on one machine. Plain numbers, as records and as
JSON; a file that comes from another machine is checked field by field and never trusted (`truth_file`)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

DENSE, ZEROS, CSR, SEMI, SMALLER = "dense", "zeros", "csr", "semi", "smaller"
WAYS = {
    DENSE: "dense",
    ZEROS: "zeros, stored dense",
    CSR: "zeros, stored sparse (CSR)",
    SEMI: "2:4 on the GPU",
    SMALLER: "really smaller",
}
"""The ways in which one network can be stored and run, and what the screen calls them."""
WIDE = 0.2
"""Quartiles further apart than this share of their median hide a difference that would matter."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A quantity measured `n` times: its median and its quartiles."""

    median: float
    low: float
    high: float
    n: int

    def overlaps(self, other: Spread) -> bool:
        """Whether the two quartile ranges share a point: then they cannot be told apart."""
        return self.low <= other.high and other.low <= self.high

    @property
    def wide(self) -> bool:
        """Whether the quartiles lie so far apart that finding no difference says little."""
        return self.high - self.low > WIDE * self.median


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured. `load` is the number of busy processes just before, where the system tells."""

    processor: str
    cores: int
    threads: int
    torch: str
    system: str
    dtype: str = "float32"
    gpu: str = ""
    load: float | None = None

    @property
    def busy(self) -> bool:
        """Whether others were at work here: half the cores and more."""
        return self.load is not None and self.load >= self.cores / 2


@dataclass(frozen=True, slots=True)
class Stored:
    """One network as it lies on disk, in bytes of real files, and the multiply-adds of one input.

    `dense` is the safetensors file, `bitmask` and `csr` the same numbers in two sparse encodings, `compressed` the dense
    file through zlib. `macs` are done by a kernel that skips nothing, `useful_macs` by weights that are not zero.
    """

    way: str
    parameters: int
    nonzero: int
    dense: int
    bitmask: int
    csr: int
    compressed: int
    macs: float
    useful_macs: float

    @property
    def sparse(self) -> int:
        """The smaller of the two sparse files."""
        return min(self.bitmask, self.csr)

    @property
    def encoding(self) -> str:
        return "bitmask" if self.bitmask <= self.csr else "CSR"


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of one whole forward pass, and their ratio to the peer measured beside it, round by round."""

    way: str
    batch: int
    milliseconds: Spread
    ratio: Spread
    peer: Spread
    device: str = "cpu"

    @property
    def same(self) -> bool:
        """Whether it cannot be told from its peer: their quartile ranges overlap."""
        return self.milliseconds.overlaps(self.peer)

    @property
    def wide(self) -> bool:
        """Whether one of the times behind the verdict scatters so much that a difference could hide in it."""
        return any(one.wide for one in (self.milliseconds, self.ratio, self.peer))


@dataclass(frozen=True, slots=True)
class Crossing:
    """The time of a sparse multiplication against the dense one, at each of some sparsities: CSR / dense, [S] each.

    `what` is a layer's name, or "" for the whole network; `shape` its matrix.
    """

    what: str
    shape: tuple[int, ...]
    batch: int
    sparsities: tuple[float, ...]
    ratios: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    n: int

    @property
    def at(self) -> float | None:
        """The sparsity from which sparse beats dense, between two measured points; None where it never does."""
        return crossing(self.sparsities, self.ratios)

    @property
    def between(self) -> tuple[float | None, float | None]:
        """The same by the quartiles of the ratio: what noise leaves open."""
        return crossing(self.sparsities, self.lows), crossing(self.sparsities, self.highs)

    @property
    def reached(self) -> bool:
        """Whether sparse beats dense somewhere whatever the noise."""
        return self.at is not None and self.between[1] is not None

    @property
    def never(self) -> bool:
        """Whether sparse beats dense nowhere whatever the noise; neither this nor `reached` where that cannot be told."""
        return self.at is None and self.between == (None, None)


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything that was measured of one setting on one machine. `tokens` are those of one input of a language model as it
    was timed; 0 for all others."""

    machine: Machine
    subject: str
    subject_sha256: str
    granularity: str
    criterion: str
    amount: float
    batch: int
    length: int
    sparsity: float
    smaller_granularity: str = ""
    smaller_amount: float = 0.0
    difference: float | None = None
    stored: tuple[Stored, ...] = ()
    times: tuple[Timed, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    complete: bool = False
    tokens: int = 0

    def unclear(self, timed: Timed) -> bool:
        """Whether «no difference» is too much said: none was seen, but on a busy machine or between wide quartiles."""
        return timed.same and (self.machine.busy or timed.wide)

    def on_disk(self, way: str) -> Stored | None:
        return next((one for one in self.stored if one.way == way), None)

    def time(self, way: str, batch: int, device: str = "cpu") -> Timed | None:
        return next((one for one in self.times if (one.way, one.batch, one.device) == (way, batch, device)), None)

    def rate(self, timed: Timed) -> Spread:
        """How many tokens a second one forward pass reads: batch × tokens ÷ time. Its quartiles are those of the time."""
        whole, took = 1000.0 * timed.batch * self.tokens, timed.milliseconds
        return Spread(whole / took.median, whole / took.high, whole / took.low, took.n)

    @property
    def batches(self) -> tuple[int, ...]:
        """The batch sizes that were timed, 1 first."""
        return tuple(dict.fromkeys(one.batch for one in self.times))


def crossing(sparsities: tuple[float, ...], ratios: tuple[float, ...]) -> float | None:
    """From which sparsity on a ratio stays below 1, interpolated on a logarithmic axis between two measured points.

    A ratio below 1 at the first point gives that point («at most»); one that is above 1 at the last gives None.
    """
    if not ratios or ratios[-1] >= 1:
        return None
    pairs = list(pairwise(zip(sparsities, ratios, strict=True)))
    for (left, above), (right, below) in reversed(pairs):
        if above >= 1:
            share = math.log(above) / (math.log(above) - math.log(below))
            return left + share * (right - left)
    return sparsities[0]


@dataclass(frozen=True, slots=True)
class Gain:
    """What a really smaller network gained: the shares of multiply-adds and of time that went, and their quotient.

    `low` and `high` are the quotient at the quartiles of the time; `same` says that no difference in time was measurable.
    """

    macs: float
    time: float
    low: float
    high: float
    same: bool

    @property
    def share(self) -> float | None:
        """Of the speed that the multiply-adds promise, how much arrives; None where none went."""
        return self.time / self.macs if self.macs > 0 else None


def gain(truth: Truth, batch: int) -> Gain | None:
    """(1 − t_small / t_dense) / (1 − macs_small / macs_dense); None until all four are measured."""
    timed, before, after = truth.time(SMALLER, batch), truth.on_disk(DENSE), truth.on_disk(SMALLER)
    if not (timed and before and after and before.macs):
        return None
    macs = 1 - after.macs / before.macs
    ends = (1 - timed.ratio.high, 1 - timed.ratio.low)
    low, high = (end / macs for end in ends) if macs > 0 else ends
    return Gain(macs, 1 - timed.ratio.median, low, high, timed.same)


def plain(text: str) -> str:
    """A name without any sign that a screen could take for an instruction, at most 160 long."""
    kept = "".join(sign if sign.isalnum() or sign in " .,:;()+=%-_" else " " for sign in text)
    return " ".join(kept.replace("www.", "www ").split())[:160].strip()
