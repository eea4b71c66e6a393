"""Reality: one setting of one network, weighed and timed: dense, with zeros, sparse, and really smaller.

Everything is measured on the machine that runs this, as PyTorch runs it eagerly: evaluation mode, no gradients, contiguous
inputs. The ways of one batch size are timed in turns. `measure` is a generator: the Truth grows step by step.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from pruneviz.engine import cost, sparse, storage, timing, ways
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe
from pruneviz.truths import CSR, DENSE, SEMI, SMALLER, ZEROS, Crossing, Stored, Timed, Truth, plain

SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)
PATIENCE = 0.06
"""A network that takes more seconds than this for one batch is not run at nine sparsities: its largest layer is."""
ROOM = 2**30
"""Nor is one whose nine sparse copies would fill more bytes than this."""
LAYER, NETWORK = "layer", "network"

Problems = (RuntimeError, ValueError, AttributeError, TypeError, NotImplementedError)
"""What a network that somebody else wrote may raise when it is rebuilt."""


@dataclass(frozen=True, slots=True)
class How:
    """How patiently to measure: rounds of one comparison (0: as many as fit), and the seconds they may fill."""

    repeats: int = 0
    seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """How far it is (0 to 1), what comes next, and what is known so far."""

    done: float
    words: str
    truth: Truth


def measure(subject: Subject, recipe: Recipe, how: How | None = None) -> Iterator[Step]:
    """Weighs and times a Recipe's network; the last Step's Truth is complete."""
    bench = _Bench(subject, recipe, how or How())
    steps = list(bench.steps())
    for at, (words, work) in enumerate(steps):
        yield Step(at / len(steps), words, bench.truth)
        work()
    yield Step(1.0, "done", replace(bench.truth, complete=True))


@contextmanager
def threads(count: int) -> Iterator[int]:
    """While inside, torch computes with so many threads (0: all cores). This is the whole process's: a worker's business."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(count, 1024) or os.cpu_count() or 1)
    try:
        yield torch.get_num_threads()
    finally:
        torch.set_num_threads(before)


class _Bench:
    """What the steps share: the networks, and the Truth that grows."""

    def __init__(self, subject: Subject, recipe: Recipe, how: How) -> None:
        self.subject, self.recipe, self.how = subject, recipe, how
        self.batches = tuple(dict.fromkeys((1, recipe.batch)))
        self.networks: dict[str, nn.Module] = {}
        self.truth = Truth(
            machine=timing.machine(torch.get_num_threads(), "" if sparse.semi_reason() else torch.cuda.get_device_name()),
            subject=plain(subject.title),
            subject_sha256=subject.sha256,
            granularity=recipe.granularity,
            criterion=recipe.criterion,
            amount=recipe.amount,
            batch=recipe.batch,
            length=recipe.length,
            sparsity=0.0,
            tokens=ways.tokens_of(subject, recipe.length),
        )

    def steps(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """What is to be done, in order, each with its words."""
        yield "choosing what goes", self.choose
        yield "writing the files", self.weigh
        for batch in self.batches:
            yield f"timing the whole network, batch {batch}", partial(self.time, batch)
        yield "2:4 on the GPU", self.time_semi
        for batch in self.batches:
            yield f"sparse against dense, the largest layer, batch {batch}", partial(self.cross_layer, batch)
        for batch in self.batches:
            yield f"sparse against dense, the whole network, batch {batch}", partial(self.cross_network, batch)

    def choose(self) -> None:
        """Decides what goes, and builds the networks."""
        cut = ways.choose(self.subject, self.recipe)
        self._know(sparsity=cut.sparsity, smaller_granularity=cut.granularity, smaller_amount=cut.amount)
        inputs = self._inputs(2)
        built = {DENSE: ways.dense(self.subject), ZEROS: ways.with_zeros(self.subject, cut.masks)}
        with torch.no_grad():
            built[CSR] = self._try(CSR, lambda: ways.in_csr(built[ZEROS], inputs))
        if cut.kept is None:
            self._miss(SMALLER, cut.reason)
        else:
            built[SMALLER] = self._try(SMALLER, lambda: self._smaller(built[DENSE], cut, inputs))
        self.networks = {way: network for way, network in built.items() if network is not None}

    def weigh(self) -> None:
        """Writes each network's files, and counts bytes and multiply-adds."""
        for way in (DENSE, ZEROS, SMALLER):
            if way in self.networks:
                counted = cost.count(self.networks[way], self._inputs(1))
                self._know(stored=(*self.truth.stored, weighed(way, self.networks[way], counted)))

    def time(self, batch: int) -> None:
        """The whole network in all its ways, in turns."""
        inputs = self._inputs(batch)
        works = {way: partial(ways.call, network, inputs) for way, network in self.networks.items()}
        self._note(works, batch, "cpu")

    def time_semi(self) -> None:
        """2:4 against dense, both in half precision, where there is a GPU for it."""
        reason = sparse.semi_reason()
        if reason:
            return self._miss(SEMI, reason)
        networks = self._try(SEMI, lambda: ways.in_semi(self.networks[DENSE])) or {}
        for batch in self.batches if networks else ():
            inputs = ways.on_gpu(self._inputs(batch))
            self._note({way: partial(ways.call, one, inputs) for way, one in networks.items()}, batch, "cuda")

    def cross_layer(self, batch: int) -> None:
        """The largest layer alone, on the inputs that it gets, at nine sparsities."""
        with torch.no_grad():
            found = ways.largest(self.networks[DENSE], self._inputs(batch))
        if found is None:
            return self._miss(LAYER, "no linear or convolutional layer that CSR could stand in for")
        name, inputs = found
        module = self.networks[DENSE].get_submodule(name)
        works = {DENSE: partial(module, inputs)}
        works |= {str(share): partial(thin_module(module, share), inputs) for share in SPARSITIES}
        self._cross(works, name, tuple(module.weight.shape), batch)

    def cross_network(self, batch: int) -> None:
        """The whole network with every matrix at each of nine sparsities, where that is feasible."""
        timed = self.truth.time(DENSE, batch)
        room = 8 * self.subject.weights * sum(1 - share for share in SPARSITIES)
        if CSR not in self.networks or timed is None:
            return None
        if timed.milliseconds.median > 1000 * PATIENCE or room > ROOM:
            return self._miss(NETWORK, "too large to run at nine sparsities; its largest layer stands for it")
        inputs = self._inputs(batch)
        works = {DENSE: partial(ways.call, self.networks[DENSE], inputs)}
        works |= {str(share): partial(ways.call, thin_network(self.subject, share), inputs) for share in SPARSITIES}
        self._cross(works, "", (), batch)

    def _smaller(self, network: nn.Module, cut: ways.Cut, inputs: ways.Inputs) -> nn.Module:
        found, proof = ways.smaller(network, cut, inputs)
        self._know(difference=proof.difference)
        return found

    def _inputs(self, batch: int) -> ways.Inputs:
        return ways.inputs_of(self.subject, batch, self.recipe.length)

    def _timed(self, works: Mapping[str, timing.Work], device: str = "cpu") -> dict:
        with torch.no_grad():
            return timing.interleaved(works, repeats=self.how.repeats, seconds=self.how.seconds, device=device)

    def _note(self, works: Mapping[str, timing.Work], batch: int, device: str) -> None:
        found = self._timed(works, device)
        peer = timing.spread(found[DENSE])
        noted = (
            Timed(way, batch, timing.spread(values), timing.ratio(values, found[DENSE]), peer, device)
            for way, values in found.items()
        )
        self._know(times=(*self.truth.times, *noted))

    def _cross(self, works: Mapping[str, timing.Work], what: str, shape: tuple[int, ...], batch: int) -> None:
        found = self._timed(works)
        ratios = [timing.ratio(found[str(share)], found[DENSE]) for share in SPARSITIES]
        crossing = Crossing(
            what=plain(what),
            shape=shape,
            batch=batch,
            sparsities=SPARSITIES,
            ratios=tuple(one.median for one in ratios),
            lows=tuple(one.low for one in ratios),
            highs=tuple(one.high for one in ratios),
            n=ratios[0].n,
        )
        self._know(crossings=(*self.truth.crossings, crossing))

    def _try(self, way: str, build: Callable):
        """What `build` builds; None, with the reason noted, where that cannot be."""
        try:
            return build()
        except Problems as problem:
            return self._miss(way, str(problem))

    def _miss(self, what: str, why: str) -> None:
        known = {what: plain(why), **dict(self.truth.missing)}
        self._know(missing=tuple(known.items()))

    def _know(self, **more) -> None:
        self.truth = replace(self.truth, **more)


def weighed(way: str, network: nn.Module, counted: cost.Counted) -> Stored:
    """One network's files in bytes, and its multiply-adds: all of them, and those by weights that are not zero."""
    tensors = storage.tensors(network)
    learned = {names[0]: network.get_parameter(names[0]).detach() for names in counted.tied}
    nonzero = {name: int(tensor.count_nonzero()) for name, tensor in learned.items()}
    full = {name: nonzero[name] / max(1, tensor.numel()) for name, tensor in learned.items()}
    file = storage.file(tensors)
    return Stored(
        way=way,
        parameters=counted.parameters,
        nonzero=sum(nonzero.values()),
        dense=len(file),
        bitmask=len(storage.file(storage.bitmask(tensors))),
        csr=len(storage.file(storage.csr(tensors))),
        compressed=storage.compressed(file),
        macs=counted.macs,
        useful_macs=sum(use.macs * full.get(use.tensor, 1.0) for use in counted.uses),
    )


def thin_module(module: nn.Module, share: float) -> nn.Module:
    """One layer with its smallest `share` of weights at zero, in CSR."""
    thin = copy.deepcopy(module)
    thin.weight = nn.Parameter(ways.thinned(module.weight, share), requires_grad=False)
    return sparse.csr_module(thin)


def thin_network(subject: Subject, share: float) -> nn.Module:
    """The network with the smallest `share` of every matrix at zero, in CSR."""
    network = ways.dense(subject)
    for layer in subject.layers:
        ways.put(network, (layer.name, *layer.aliases), ways.thinned(subject.parameter(layer), share))
    sparse.to_csr(network)
    return network
