"""Is there a small network inside the large one that learns as well from the same starting numbers?

Train, prune a share of the smallest of the weights that are left, set the rest back to what they were at the start, and
again: iterative magnitude pruning. What is found is a ticket, a mask with its starting numbers. Controls show what matters
of it: the same mask with new numbers, another mask of equal size with the old ones or with new ones, a single cut.

`amount` is the share of the rest that each round takes. Small networks go back to step 0, larger ones to an early step
(`rewind`). With `second`, the mask and the numbers found with one subject's data are trained, as all controls are, on
those of another card, or with «upper-half» on the second half of the classes after the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.course import Course
from pruneviz.engine import fitting
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import cutting, private, second, tickets
from pruneviz.engine.training.held import Held
from pruneviz.engine.training.labs import check, conclude
from pruneviz.engine.training.loop import Stage
from pruneviz.engine.training.memory import Memory
from pruneviz.engine.training.trial import Trial, attempt, lot, picked, places
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe

title = "Lottery tickets"
TICKET, TRANSFER = "ticket", "transfer"
CONTROLS = {
    "reinit": "the same mask, new starting numbers",
    "random": "a random mask of equal layer sizes, new starting numbers",
    "shuffled": "the mask shuffled within each layer, the old starting numbers",
    "one-shot": "one cut to the same sparsity, the old starting numbers",
}
ROUND = ("round", "remaining", "accuracy", "correct", "n", "early_step", "early_correct", "early_n", "held_loss", "loss")
"""The columns of an array `rounds:<lane>`: a row for each round that the lane has ended. `early_…`: see `trial.attempt`."""
POINTS, PICTURE = 4000, 1 << 20
"""So many weights are drawn, start against end; and a first layer of at most so many weights is pictured."""
default = Recipe(
    subject="digits_mlp",
    scope="layer",
    amount=0.2,
    course=Course(lab="lottery", steps=400, batch=60, rate=1.2e-3, rounds=14, control="reinit,random", every=40),
)


@dataclass(frozen=True, slots=True)
class _Leg:
    """One training: of a lane (the ticket, its transfer or a control) in a round, from the step that it is set back to."""

    round: int
    lane: str
    start: int

    @property
    def name(self) -> str:
        return f"round {self.round}" if self.lane == TICKET else f"round {self.round} {self.lane}"


def planned(subject: Subject, recipe: Recipe) -> int:
    """The steps of every lane in every round; what is set back to a later step takes fewer."""
    return sum(recipe.course.steps - leg.start for leg in _legs(recipe.course))


def run(subject: Subject, recipe: Recipe, memory: Memory) -> Iterator[Moment]:
    """Moments of every training. The last of each has the array `rounds:<lane>` of every lane so far; the ticket's also the
    first layer's `mask` (bits) with its `mask_shape`, and `places` among all prunable weights with what these were at the
    `start` and at the `end`, and which were there `before` this round's cut and `after` it."""
    hunt = _Hunt(subject, recipe, memory)
    for at, leg in enumerate(_legs(recipe.course)):
        if at >= memory.number("legs"):
            yield from hunt.go(leg)
            memory.forget(leg.name)
            memory.note("legs", at + 1)
    network = private.trained(subject)
    network.load_state_dict(memory.under(TICKET))
    conclude(memory, network, hunt.mask(recipe.course.rounds))


def judged_on(subject: Subject, recipe: Recipe) -> Subject:
    """The task that the ticket was found on."""
    return second.tasks(subject, recipe.course.second)[0] if recipe.course.second else subject


def _legs(course: Course) -> list[_Leg]:
    """All trainings, in order. In round 0 nothing is pruned: there is nothing yet to control."""
    there, controls = [TRANSFER] * bool(course.second), dict.fromkeys(filter(None, course.control.split(",")))
    legs = []
    for at in range(course.rounds + 1):
        lanes = [TICKET, *there, *(controls if at else ())]
        new = {"reinit", "random"} | ({TICKET} if at == 0 else set())
        legs += [_Leg(at, lane, 0 if lane in new else course.rewind) for lane in lanes]
    return legs


class _Hunt:
    """A hunt for a ticket: everything that is not in its memory follows from subject and Recipe alone."""

    def __init__(self, subject: Subject, recipe: Recipe, memory: Memory) -> None:
        _check(subject, recipe)
        if recipe.course.second:
            subject, self._second = second.tasks(subject, recipe.course.second)
        else:
            self._second = subject
        self._subject, self._recipe, self._memory = subject, recipe, memory
        self._output, self._at = tickets.output(subject), places(subject, POINTS)
        self._origin = private.fresh(subject, lot(recipe.seed, "start")).state_dict()

    def go(self, leg: _Leg) -> Iterator[Moment]:
        """One training. When its last moment comes, all that later ones need of it is in the memory."""
        course, network, kept = self._recipe.course, self._network(leg), self._kept(leg)
        subject = self._subject if leg.lane == TICKET else self._second
        stage = Stage(
            leg.name, network, subject.training, course, course.steps, lot(self._recipe.seed, f"order {leg.round}"),
            held=self._held(network, kept), start=leg.start, before=lambda step: self._note(leg, step, network),
        )  # fmt: skip
        inside = private.around(self._subject, network)
        said = {"round": float(leg.round), "amount": tickets.share(self._subject, self._asked(leg.round))}
        said["sparsity"] = cutting.sparsity(inside, kept)
        trial = Trial(stage, subject, self._behind(leg), planned(self._subject, self._recipe), said)
        for moment in attempt(trial, self._memory):
            last = moment.step == trial.behind + course.steps - leg.start
            yield replace(moment, arrays=self._end(leg, moment, inside)) if last else moment

    def mask(self, at: int) -> dict[str, Tensor]:
        """What the ticket keeps in a round, bool by parameter; nothing is said before the first cut."""
        return self._memory.under(f"mask {at}")

    def _network(self, leg: _Leg) -> nn.Module:
        """The lane's network where it starts from: the old numbers, at the step that it is set back to, or new ones."""
        if leg.lane in ("reinit", "random"):
            return private.fresh(self._subject, lot(self._recipe.seed, leg.name))
        network = private.trained(self._subject)
        network.load_state_dict(self._memory.under("rewound") if leg.start else self._origin)
        return network

    def _kept(self, leg: _Leg) -> dict[str, Tensor]:
        """What stays in the lane's network."""
        kept = self.mask(leg.round)
        if leg.lane in ("random", "shuffled"):
            return tickets.elsewhere(kept, lot(self._recipe.seed, f"mask of {leg.name}"))
        return self._memory.under(f"one-shot {leg.round}") if leg.lane == "one-shot" else kept

    def _held(self, network: nn.Module, kept: dict[str, Tensor]) -> Held:
        held = Held(network)
        held.hold(kept)
        return held

    def _note(self, leg: _Leg, step: int, network: nn.Module) -> None:
        """Notes the step that later rounds go back to, as the first one comes by."""
        if leg.lane == TICKET and leg.round == 0 and 0 < step == self._recipe.course.rewind:
            self._memory.put("rewound", network.state_dict())

    def _asked(self, at: int) -> Recipe:
        return tickets.after(self._subject, self._recipe, self._output, at)

    def _behind(self, leg: _Leg) -> int:
        legs = _legs(self._recipe.course)
        return sum(self._recipe.course.steps - one.start for one in legs[: legs.index(leg)])

    def _cut(self, inside: Subject, at: int, held: dict[str, Tensor]) -> dict[str, Tensor]:
        """What stays of a network after so many rounds."""
        asked = self._asked(at)
        with private.measuring(inside.network):
            return {
                name: torch.from_numpy(stays.copy())
                for name, stays in cutting.stays(inside, asked, asked.amount, held).items()
            }

    def _end(self, leg: _Leg, moment: Moment, inside: Subject) -> dict[str, np.ndarray]:
        """A training has ended: its row, and of the ticket the next round's mask."""
        memory, network, values = self._memory, inside.network, {"remaining": 1 - moment.values["sparsity"], **moment.values}
        row = torch.tensor([[values.get(name, float("nan")) for name in ROUND]], dtype=torch.float64)
        there = [memory[f"rounds/{leg.lane}"]] if f"rounds/{leg.lane}" in memory else []
        memory[f"rounds/{leg.lane}"] = torch.cat([*there, row])
        arrays = {f"rounds:{lane}": table.numpy() for lane, table in memory.under("rounds").items()}
        if leg.lane != TICKET:
            return arrays
        memory.forget(f"mask {leg.round - 1}")
        memory.forget(f"one-shot {leg.round - 1}")
        if leg.round == self._recipe.course.rounds:
            memory.put(TICKET, network.state_dict())
        else:
            memory.put(f"mask {leg.round + 1}", self._cut(inside, leg.round + 1, self.mask(leg.round)))
            self._cut_at_once(inside, leg)
        return arrays | self._picture(leg, inside)

    def _cut_at_once(self, inside: Subject, leg: _Leg) -> None:
        """Of the dense network, what stays in each round if it is cut once."""
        if leg.round == 0 and "one-shot" in self._recipe.course.control.split(","):
            for at in range(1, self._recipe.course.rounds + 1):
                self._memory.put(f"one-shot {at}", self._cut(inside, at, {}))

    def _picture(self, leg: _Leg, inside: Subject) -> dict[str, np.ndarray]:
        start = self._memory.under("rewound") or self._origin
        first, kept, later = self._subject.layers[0], self.mask(leg.round), self.mask(leg.round + 1) or self.mask(leg.round)
        parameters, at = dict(inside.network.named_parameters()), self._at
        ends = {"start": picked(inside, start, at), "end": picked(inside, parameters, at)}
        found = {"places": at, **{name: ends[name].astype(np.float32) for name in ends}}
        found |= {"before": picked(inside, kept, at), "after": picked(inside, later, at)}
        if first.size <= PICTURE:
            stays = kept.get(first.name, torch.ones(first.shape, dtype=torch.bool)).numpy()
            found |= {"mask": np.packbits(stays), "mask_shape": np.array(first.shape)}
        return found


def _check(subject: Subject, recipe: Recipe) -> None:
    """Refuses, in one sentence, what cannot be hunted."""
    check(subject)
    course = recipe.course
    if recipe.granularity != "weight":
        raise ValueError(f"tickets are made of single weights, not of {recipe.granularity}s: choose granularity = weight")
    fitting.check(subject, recipe)
    for one in filter(None, course.control.split(",")):
        if one not in CONTROLS:
            raise ValueError(f"unknown control {one[:40]!r}; there are {', '.join(CONTROLS)}, or several with commas")
    if not course.steps:
        raise ValueError("a training of 0 steps shows nothing: give steps of 1 or more")
    if not course.rewind < course.steps:
        raise ValueError(f"step {course.rewind} cannot be gone back to in a training of {course.steps}: give an earlier one")
