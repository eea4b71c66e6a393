"""Breakage: who pays for a setting. Numpy and plain numbers only, like a Report, and measured on the same samples.

An average hides which classes and which examples lose (Hooker et al. 2019, arXiv 1911.05248): here they have names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pruneviz.confidence import Bin
from pruneviz.report import wilson

SHOWN = 24
"""So many examples, or tokens, are shown where nobody asks for more."""

FEW = 10
"""Of fewer samples than this in its largest class, no class is said to lose most: one sample would decide."""


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class: how many of its n samples are right, with 95 % Wilson intervals, and how many changed sides."""

    name: str
    n: int
    dense_correct: int
    correct: int
    dense_interval: tuple[float, float]
    interval: tuple[float, float]
    index: int = -1
    newly_wrong: int = 0
    newly_right: int = 0

    @property
    def dense_value(self) -> float:
        return self.dense_correct / self.n

    @property
    def value(self) -> float:
        return self.correct / self.n

    @property
    def points(self) -> float:
        """Percentage points lost; below 0 where the class gains."""
        return 100 * (self.dense_correct - self.correct) / self.n


@dataclass(frozen=True, slots=True)
class Example:
    """One sample that changed sides. `index` is its place in the held-out data, `label`, `before` and `after` are class
    names; the tops are the likeliest classes with their probabilities, the likeliest first."""

    index: int
    label: str
    before: str
    after: str
    top_before: tuple[tuple[str, float], ...]
    top_after: tuple[tuple[str, float], ...]
    group: int = -1

    @property
    def wrong(self) -> bool:
        """Whether it turned wrong; else it turned right."""
        return self.before == self.label


@dataclass(frozen=True, slots=True)
class TokenRise:
    """One token of a text, what stands before it, and its loss in nats. `window` is its place in the held-out data, `place`
    where in that window it comes."""

    text: str
    before_context: str
    dense_loss: float
    loss: float
    window: int
    place: int

    @property
    def rise(self) -> float:
        return self.loss - self.dense_loss


@dataclass(frozen=True, slots=True)
class TokenSpread:
    """How a language model's added loss is spread: how many tokens are predicted, of how many the loss rises and falls, and
    which share of all rises the hardest-hit hundredth of the tokens has."""

    tokens: int
    harder: int
    easier: int
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """One window of a held-out text: what the network reads before the first of its T tokens, the tokens, and the loss of
    each in nats, [T], before and after. `rank` is the window's place among all, 0 the one whose loss rises most, of `of`."""

    window: int
    lead: str
    texts: tuple[str, ...]
    dense_losses: np.ndarray
    losses: np.ndarray
    rank: int
    of: int

    @property
    def rises(self) -> np.ndarray:
        """By how much each token's loss rises, [T]; what is no number rises without end."""
        return np.nan_to_num(self.losses.astype(np.float64) - self.dense_losses, nan=np.inf, posinf=np.inf)

    @property
    def perplexities(self) -> tuple[float, float]:
        """Of these tokens alone, before and after."""
        means = (float(one.astype(np.float64).mean()) for one in (self.dense_losses, self.losses))
        return tuple(math.exp(mean) if mean <= 709 else math.inf for mean in means)


@dataclass(frozen=True, slots=True, eq=False)
class Likeliest:
    """The k likeliest classes of F samples, the likeliest first: classes [F, k] (int32) and their probabilities [F, k]."""

    classes: np.ndarray
    chances: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Breakage:
    """What a setting breaks, on n of the `of` measured samples.

    `classes` are those that occur, the one that loses most first. labels, before and after [n] (int32) say what each sample
    is, and what the dense and the pruned network take it for; places [n] where it lies in the held-out data. `flipped` [F]
    are the samples among them that changed sides, the most certain first, with their likeliest classes `top_before` and
    `top_after`. Reliability is (before, after). Of a language model there are `tokens` and their `spread`, and no classes.
    """

    classes: tuple[ClassRow, ...]
    names: tuple[str, ...]
    n: int
    of: int
    metric: str
    noun: str
    labels: np.ndarray
    before: np.ndarray
    after: np.ndarray
    places: np.ndarray
    flipped: np.ndarray
    top_before: Likeliest | None = None
    top_after: Likeliest | None = None
    reliability: tuple[tuple[Bin, ...], tuple[Bin, ...]] = ((), ())
    tokens: tuple[TokenRise, ...] = ()
    spread: TokenSpread | None = None
    passages: tuple[Passage, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether more samples are to come."""
        return self.n < self.of

    @property
    def worst(self) -> ClassRow | None:
        """The class that loses most points; None where there are no classes."""
        return self.classes[0] if self.classes else None

    @property
    def scarce(self) -> bool:
        """Whether every class has so few samples that none can be said to lose most."""
        return max((row.n for row in self.classes), default=0) < FEW

    @property
    def newly_wrong(self) -> int:
        """How many samples were right and are wrong now."""
        return sum(row.newly_wrong for row in self.classes)

    @property
    def newly_right(self) -> int:
        """How many samples were wrong and are right now."""
        return sum(row.newly_right for row in self.classes)

    @property
    def dense_confusion(self) -> np.ndarray:
        """How often each class [C, C], by row, was taken for each, by column, by the dense network."""
        return _confusion(self.labels, self.before, len(self.names))

    @property
    def confusion(self) -> np.ndarray:
        """How often each class [C, C], by row, is taken for each, by column, by the pruned network."""
        return _confusion(self.labels, self.after, len(self.names))

    @property
    def flips(self) -> tuple[Example, ...]:
        """Some that changed sides: those that turned wrong, then those that turned right; two of the first for one of the
        others where there are enough of both."""
        wrong, right = self.newly_wrong, self.newly_right
        others = min(right, max(SHOWN // 3, SHOWN - wrong))
        return (*self.examples(wrong=True, most=SHOWN - others), *self.examples(wrong=False, most=others))

    def examples(self, group: int = -1, *, wrong: bool | None = None, most: int = SHOWN) -> tuple[Example, ...]:
        """Samples that changed sides, the most certain first: of one class, of one way, or of all."""
        at = np.arange(len(self.flipped))
        if group >= 0:
            at = at[self.labels[self.flipped[at]] == group]
        if wrong is not None:
            at = at[(self.before[self.flipped[at]] == self.labels[self.flipped[at]]) == wrong]
        return tuple(self._example(int(one)) for one in at[:most])

    def example(self, index: int) -> Example | None:
        """The sample of that place in the held-out data, where it changed sides."""
        at = np.flatnonzero(self.places[self.flipped] == index)
        return self._example(int(at[0])) if len(at) else None

    def _example(self, at: int) -> Example:
        sample = int(self.flipped[at])
        label, before, after = (int(one[sample]) for one in (self.labels, self.before, self.after))
        said = [self.names[one] for one in (label, before, after)]
        tops = (self._top(one, at) for one in (self.top_before, self.top_after))
        return Example(int(self.places[sample]), *said, *tops, group=label)

    def _top(self, said: Likeliest | None, at: int) -> tuple[tuple[str, float], ...]:
        if said is None:
            return ()
        pairs = zip(said.classes[at], said.chances[at], strict=True)
        return tuple((self.names[int(one)], float(chance)) for one, chance in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """n samples, [n] each: what they are, what the two networks take them for, and where they lie in the held-out data."""

    labels: np.ndarray
    before: np.ndarray
    after: np.ndarray
    places: np.ndarray
    names: tuple[str, ...] = field(default=())


def class_rows(sides: Sides) -> tuple[ClassRow, ...]:
    """A row for each class that occurs, the one that loses most points first; equals as the classes are numbered."""
    known, at = np.unique(sides.labels, return_inverse=True)
    was, is_now = sides.before == sides.labels, sides.after == sides.labels
    counts = [np.bincount(at, weights=one, minlength=len(known)).astype(int) for one in (np.ones(len(at)), was, is_now)]
    turned = [np.bincount(at, weights=one, minlength=len(known)).astype(int) for one in (was & ~is_now, ~was & is_now)]
    rows = [_row(sides.names, *map(int, numbers)) for numbers in zip(known, *counts, *turned, strict=True)]
    return tuple(sorted(rows, key=lambda row: (-row.points, row.index)))


def _row(names: Sequence[str], index: int, n: int, dense: int, correct: int, wrong: int, right: int) -> ClassRow:
    return ClassRow(names[index], n, dense, correct, wilson(dense, n), wilson(correct, n), index, wrong, right)


def flipped(sides: Sides, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The samples that changed sides, int64 [F]: those that turned wrong first, and of each kind those first of which a
    network was surest while it was right. `before` and `after` [n] are the probabilities of what was said."""
    was, is_now = sides.before == sides.labels, sides.after == sides.labels
    changed = np.flatnonzero(was != is_now)
    sure = np.where(was, before, after)[changed]
    return changed[np.lexsort((changed, -np.nan_to_num(sure), ~was[changed]))]


def changes(found: Breakage) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the two confusion matrices differ: rows [M] are labels, columns [M] what was said, and by how many samples, [M],
    the pruned network says it more often."""
    classes = len(found.names)
    pairs = np.concatenate([found.labels.astype(np.int64) * classes + said for said in (found.before, found.after)])
    signs = np.repeat([-1, 1], found.n)
    known, at = np.unique(pairs, return_inverse=True)
    total = np.bincount(at, weights=signs, minlength=len(known)).astype(int)
    there = total != 0
    return known[there] // max(1, classes), known[there] % max(1, classes), total[there]


def _confusion(labels: np.ndarray, said: np.ndarray, classes: int) -> np.ndarray:
    pairs = labels.astype(np.int64) * classes + said
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)
