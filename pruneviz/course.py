"""Course: how a network is trained, everything that decides a run beside the Recipe's other choices.

Strings and numbers only, so that it travels in a link, names a result and is compared: `to_text` and `from_text` are its one
written form. What the choices mean is the engine's business (`engine/training`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

LONGEST = 2048
STEPS = 10_000_000
WHOLE = {
    "steps": (0, STEPS), "batch": (1, 65_536), "shift": (0, 16), "flip": (0, 1), "every": (1, STEPS), "times": (1, 10_000),
    "rounds": (1, 100), "retrain": (0, STEPS), "rewind": (0, STEPS), "threads": (1, 64),
}  # fmt: skip
"""What is a whole number, from and to which."""
NUMBERS = {
    "rate": (0.0, 100.0), "decay": (0.0, 100.0), "momentum": (0.0, 1.0), "strength": (0.0, 1e6), "start": (0.0, 1.0),
    "stop": (0.0, 1.0), "distil": (0.0, 1.0), "temperature": (0.01, 1000.0), "width": (0.01, 100.0),
}  # fmt: skip
"""What is a number, from and to which."""


@dataclass(frozen=True, slots=True)
class Course:
    """How a network is trained. `lab` names what is run; where it is empty, nothing is trained."""

    lab: str = ""
    # One stage of training: so many steps of so many samples, drawn, shifted (pixels) and flipped from the Recipe's seed.
    steps: int = 600
    batch: int = 64
    optimiser: str = "adam"
    rate: float = 2e-3
    decay: float = 0.0
    momentum: float = 0.9
    annealing: str = "constant"
    shift: int = 0
    flip: int = 0
    # What pulls on the weights beside the loss, and how much.
    penalty: str = "none"
    strength: float = 0.0
    # When how much goes: a curve from `start` to `stop` (shares of all steps) that is followed `times` times, or through
    # points of one's own; then `retrain` steps with the mask held.
    schedule: str = "one-shot"
    start: float = 0.25
    stop: float = 0.75
    times: int = 20
    points: tuple[tuple[float, float], ...] = ()
    retrain: int = 0
    # Rounds of train, prune and rewind, to which step; and what stands beside a ticket: itself, or a control.
    rounds: int = 1
    rewind: int = 0
    control: str = ""
    # The method of a lab that has several, and the data that it goes on with.
    method: str = ""
    second: str = ""
    # How much the dense network teaches (0: not at all, 1: it alone), and how soft its words are.
    distil: float = 0.0
    temperature: float = 4.0
    # A network so much wider than the one there is.
    width: float = 1.0
    # How often there is something to see, in steps, and on how many threads: the last digits depend on those.
    every: int = 25
    threads: int = 1

    def __post_init__(self) -> None:
        for name, (low, high) in (WHOLE | NUMBERS).items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} {getattr(self, name)!r} is out of range: give a number from {low:g} to {high:g}")
        for name in ("lab", "optimiser", "annealing", "penalty", "schedule", "control", "method", "second"):
            if "~" in getattr(self, name):
                raise ValueError(f"{name} {getattr(self, name)!r} is no name: it has a «~»")
        for at, amount in self.points:
            if not (0.0 <= at <= 1.0 and 0.0 <= amount <= 1.0):
                raise ValueError(f"point {at!r}:{amount!r} is out of range: give two fractions from 0 to 1")


DEFAULT = Course()


def to_text(course: Course) -> str:
    """The lab's name, then what differs from the defaults: «lottery~steps:2000~rate:0.0012»."""
    parts = [course.lab]
    for field in fields(course):
        value = getattr(course, field.name)
        if field.name != "lab" and value != getattr(DEFAULT, field.name):
            parts.append(f"{field.name}:{_write(value)}")
    return "~".join(parts)


def from_text(text: str) -> Course:
    """The Course of such a text.

    Raises
    ------
    ValueError
        Where a part is unknown, out of range, or no word or number of its kind.
    """
    if len(text) > LONGEST:
        raise ValueError(f"{len(text)} characters are too many for a course: {LONGEST} is the most")
    lab, *rest = text.split("~")
    chosen: dict[str, object] = {"lab": _word(lab)} if lab else {}
    known = {field.name for field in fields(Course)}
    for part in rest:
        name, colon, said = part.partition(":")
        if not colon or name not in known or name in chosen or name == "lab":
            raise ValueError(f"unknown part {part[:40]!r} of a course; there are {', '.join(sorted(known))}")
        chosen[name] = _read(name, said)
    return Course(**chosen)


def _write(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(f"{at!r}={amount!r}" for at, amount in value)
    return repr(value) if isinstance(value, float) else str(value)


def _read(name: str, said: str) -> object:
    if name in WHOLE:
        if not (said.isascii() and said.isdigit()):
            raise ValueError(f"{name} is {said[:40]!r}: give a whole number")
        return int(said)
    if name in NUMBERS:
        return float(said)
    if name == "points":
        pairs = [part.partition("=") for part in said.split(",") if part]
        return tuple((float(at), float(amount)) for at, _, amount in pairs)
    return _word(said)


def _word(said: str) -> str:
    if not said or len(said) > 256 or not said.isprintable():
        raise ValueError(f"{said[:40]!r} is no name")
    return said
