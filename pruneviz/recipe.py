"""Recipe: everything a visitor chose, and nothing else.

A Recipe is frozen, hashable and fits in a URL. It holds strings and numbers only, so it can be read without torch and
can travel in a link, a test, a command line or a cache key. What the choices *mean* is the engine's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pruneviz.course import Course

WHOLE = {"seed": (0, 2**63 - 1), "pick": (-1, 2**40), "sampled": (0, 2000), "guess": (-1, 100), "apart": (0, 1)}
WHOLE |= {"floor": (0, 1), "batch": (1, 4096), "length": (0, 65536), "threads": (0, 1024)}
WHOLE |= {"example": (-1, 2**40), "group": (-1, 2**31), "slide": (0, 5)}
"""What is a whole number, from and to which."""
PINS = 8
"""So many settings can be pinned at a time."""


LIMITS = ("points", "worst", "mb", "ms")
"""What may be limited beforehand: points of accuracy lost, points lost by the class that loses most, megabytes of the
parameters that are left, and milliseconds for one input."""
HIGHEST = 1e9


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the visitor chose. Amounts are fractions in [0, 1]; layers are named by their parameter's name."""

    subject: str = "digits_cnn"
    criterion: str = "magnitude"
    granularity: str = "weight"
    scope: str = "global"
    amount: float = 0.5
    spared: tuple[str, ...] = ()
    overrides: tuple[tuple[str, float], ...] = ()
    calibration: str = "training"
    nonfinite: str = "refuse"
    seed: int = 0
    # Units: how weights' importances become a unit's, how many of each group stay whatever is asked for, and the units
    # («conv1:17») that were removed or restored by hand, whatever their rank says.
    pool: str = "mean"
    floor: int = 1
    gone: tuple[str, ...] = ()
    back: tuple[str, ...] = ()
    # Where it is measured: «cpu», «cuda:0», «mps». Who is right is the same to the sample, a loss but for its last digits.
    device: str = "cpu"
    # How it is trained, where anything is: what a lab runs.
    course: Course = Course()
    # How it is looked at. No measured number depends on these; they are here so that a link opens the same picture.
    layer: str = ""
    shape: str = "signed"
    axis: str = "linear"
    apart: int = 0
    unlinked: tuple[tuple[str, float], ...] = ()
    against: str = "obd"
    pick: int = -1
    sampled: int = 0
    guess: int = -1
    batch: int = 32
    length: int = 0
    threads: int = 0
    # What it is compared with: pinned settings, each as the query of its own link; the first is the baseline, A. `marked`
    # are those that are selected everywhere at once, by their letter; the live setting is «live». `held_against` is the cost
    # that candidates are compared by.
    pins: tuple[str, ...] = ()
    marked: tuple[str, ...] = ()
    held_against: str = "parameters"
    # What breaks: one held-out example, one class, and how its pixels are weighed.
    example: int = -1
    group: int = -1
    attribution: str = "saliency"
    # What a search for the best amounts may spend: the share of the accuracy that may be lost, and what is to become less.
    tolerance: float = 0.02
    budget: str = "parameters"
    # What is presented: the limits set beforehand, what the presenter adds, and the slide that is open (0: none).
    limits: tuple[tuple[str, float], ...] = ()
    title: str = ""
    author: str = ""
    contact: str = ""
    untested: str = ""
    slide: int = 0
    # What is taught: the lesson that is open, and the controls that its teacher hid.
    lesson: str = ""
    hidden: tuple[str, ...] = ()
    # What a link was made with: the first sixteen characters of the sha256 of the model's and of the data's files, the
    # files that somebody brought («cats.zip:0123456789abcdef»), and the card that tells how they fit together. Only a link
    # has them: they are written last, and compared and put away first.
    model_sha: str = ""
    data_sha: str = ""
    files: tuple[str, ...] = ()
    card: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.amount <= 1.0:
            raise ValueError(f"amount {self.amount!r} is not a fraction: give a number from 0 to 1, such as 0.8")
        for name, (low, high) in WHOLE.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} {getattr(self, name)!r} is out of range: give a whole number from {low} to {high}")
        if not 0.0 <= self.tolerance <= 1.0:
            raise ValueError(f"tolerance {self.tolerance!r} is not a fraction: give a number from 0 to 1, such as 0.02")
        for name, limit in self.limits:
            if name not in LIMITS or not 0.0 <= limit <= HIGHEST:
                raise ValueError(
                    f"limit {name!r} of {limit!r} is none: there are {', '.join(LIMITS)}, from 0 to {HIGHEST:g}"
                )
        if len(self.pins) > PINS:
            raise ValueError(f"{len(self.pins)} settings are pinned: {PINS} is the most, so let one go first")
        for name, amount in (*self.overrides, *self.unlinked):
            if not 0.0 <= amount <= 1.0:
                raise ValueError(f"amount {amount!r} of {name!r} is not a fraction: give a number from 0 to 1")

    def own_amounts(self) -> dict[str, float]:
        """The layers that do not follow the slider: spared layers at 0, overridden ones at their own amount."""
        return {**dict(self.overrides), **dict.fromkeys(self.spared, 0.0)}

    def with_own(self, layer: str, amount: float | None) -> Recipe:
        """The same Recipe with `layer` at an amount of its own, or following the slider again where `amount` is None."""
        rest = tuple(pair for pair in self.overrides if pair[0] != layer)
        own = rest if amount is None else tuple(sorted((*rest, (layer, amount))))
        return replace(self, overrides=own, spared=tuple(name for name in self.spared if name != layer))

    def with_unit(self, unit: str, gone: bool | None) -> Recipe:
        """The same Recipe with one unit forced out or forced to stay, or following its rank again where `gone` is None."""
        out, stay = ({one for one in units if one != unit} for units in (self.gone, self.back))
        if gone is not None:
            (out if gone else stay).add(unit)
        return replace(self, gone=tuple(sorted(out)), back=tuple(sorted(stay)))

    def with_unlinked(self, criterion: str, amount: float) -> Recipe:
        """The same Recipe with one criterion's slider at an amount of its own on the page that compares criteria."""
        rest = tuple(pair for pair in self.unlinked if pair[0] != criterion)
        return replace(self, unlinked=tuple(sorted((*rest, (criterion, amount)))))


LOOKS = (
    "layer",
    "shape",
    "axis",
    "apart",
    "unlinked",
    "against",
    "pick",
    "sampled",
    "guess",
    "batch",
    "length",
    "threads",
    "pins",
    "marked",
    "held_against",
    "example",
    "group",
    "attribution",
    "tolerance",
    "budget",
    "limits",
    "title",
    "author",
    "contact",
    "untested",
    "slide",
    "lesson",
    "hidden",
    "model_sha",
    "data_sha",
    "files",
    "card",
)
"""The fields that say how it is looked at, or what a link was made with: no measured number depends on them."""
TRAVEL = ("model_sha", "data_sha", "files", "card")
"""The fields that only a link has: what it was made with."""
