"""Measure: accuracy (or perplexity) of a masked network on held-out samples, at the speed of the arithmetic.

A `Workspace` is a private copy of a subject's network made ready for many masks (`prepared`), into which settings are
written at memory speed (`rig`). At construction it is compared with the plain network; where the two differ, it does not
fold. Samples are run in one fixed order and in fixed batches (`grid`), so a setting may be measured at once or step by step
(`progress`): the numbers are the same.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import device as devices
from pruneviz.engine import grid, silence, tasks
from pruneviz.engine.mask import Mask
from pruneviz.engine.outcomes import Measurement, Outcomes
from pruneviz.engine.pattern import PatternRanking
from pruneviz.engine.prepared import AGREEING, ELSEWHERE, Prepared, channels_last, close, prepare
from pruneviz.engine.ranking import Ranking
from pruneviz.engine.rig import Rig
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import UnitRanking

KEPT_BYTES = 128 * 2**20
"""Inputs up to this size are prepared once and kept; larger held-out sets are prepared batch by batch."""

FEWEST = 2
"""A step runs at least so many samples: one alone has no interval."""

TRIED = 4
"""So many samples tell whether the made-ready network computes what the plain one does."""


def never() -> bool:
    """The answer of whoever does not want to stop."""
    return False


class Run:
    """One setting being measured, a few batches at a time. Any number of them may take turns in one workspace."""

    def __init__(self, stand: Callable[[Rig], nn.Module], outcomes: Outcomes) -> None:
        self.stand, self.outcomes = stand, outcomes
        self.network: nn.Module | None = None
        self.rig: Rig | None = None

    @property
    def n(self) -> int:
        """How many samples it has been run on."""
        return int(self.outcomes.known.sum())

    @property
    def done(self) -> bool:
        return bool(self.outcomes.known.all())


class Workspace:
    """A private network for many masks on the same samples. Safe to share: one caller at a time measures in it.

    Where `device` is not here, or has not the memory, the processor measures instead, and `words` say so.
    """

    def __init__(self, subject: Subject, measured: Tensor, device: str = devices.CPU):
        self.subject = subject
        self.task = tasks.of(subject)
        self.words: tuple[str, ...] = ()
        self._measured = measured
        self._lock = threading.Lock()
        self._dense = Run(Rig.dense, Outcomes(self.task, len(measured), detailed=True))
        self._standing: Run | None = None
        self._settle(device)

    def amount(
        self, ranking: Ranking | UnitRanking | PatternRanking, amount: float, own: Mapping[str, float], gone=(), back=()
    ) -> Measurement:
        """The network without what `ranking` takes at `amount`."""
        return self._whole(self.run(ranking, amount, own, gone, back))

    def masked(self, mask: Mask) -> Measurement:
        """The network with just the weights that `mask` keeps."""
        return self._whole(Run(lambda rig: rig.masked(mask), self._blank()))

    def dense(self) -> Measurement:
        """The network as it is. Each sample is run once and remembered."""
        return self._whole(self._dense)

    def dense_at(self, at: np.ndarray | None = None) -> Measurement:
        """The network as it is on those of the samples that it has been run on: on all of them, or at these places."""
        return self._dense.outcomes.measurement(at)

    def paired(self, run: Run) -> np.ndarray:
        """The places of the samples that a run and the dense network have both been run on, int64 [n]."""
        return np.flatnonzero(run.outcomes.known & self._dense.outcomes.known)

    def named(self, at: np.ndarray) -> str:
        """A name for the samples at these places, the first sixteen letters of a sha256: the same only where the data and
        the samples are the same."""
        which = self._measured.numpy()[at].astype("<i8").tobytes()
        return hashlib.sha256((self.subject.data_sha256 or self.subject.sha256).encode() + which).hexdigest()[:16]

    def run(self, ranking, amount: float, own: Mapping[str, float], gone=(), back=()) -> Run:
        """One setting, to be measured step by step by `advance`."""
        return Run(lambda rig: rig.stand(ranking, amount, own, gone, back), self._blank())

    def detailed(self, run: Run) -> Run:
        """The same setting, to be measured with what the task tells of each sample; of the dense network that is known
        always."""
        return Run(run.stand, Outcomes(self.task, len(self._measured), detailed=True))

    def advance(self, run: Run | None, seconds: float, stop: Callable[[], bool] = never) -> None:
        """Runs about so many seconds' worth of the next samples, and the dense network where it has not been on them yet;
        the dense network alone where `run` is None. `stop` is asked between batches."""
        with self._lock:
            self._surely(lambda: self._advance(run or self._dense, seconds, stop))

    def stand(self, ranking: Ranking | UnitRanking, amount: float, own: Mapping[str, float], gone=(), back=()) -> None:
        """Makes the network ready for `amount`, without running it."""
        with self._lock:
            self._standing = None
            self._surely(lambda: self._rig.stand(ranking, amount, own, gone, back))

    def silences(self, kind: str) -> bool:
        """Whether units of this kind are silenced in place, or every setting needs a copy of its own."""
        return self._rig.silences(kind)

    def outputs(self, ranking: Ranking | UnitRanking, amount: float, own: Mapping[str, float], gone=(), back=()) -> Tensor:
        """What the network says on the measured samples without what `ranking` takes, in the samples' own order."""

        def work() -> Tensor:
            network = self._rig.stand(ranking, amount, own, gone, back)
            said = [_said(network, self._inputs(at)).cpu() for at in range(len(self.grid.batches))]
            return torch.cat(said)[self.grid.natural()]

        with self._lock:
            self._standing = None
            return self._surely(work)

    @property
    def n(self) -> int:
        """How many samples a whole measurement runs."""
        return len(self._measured)

    @property
    def pace(self) -> float | None:
        """Seconds that the network takes for a sample, as it did of late; None before the first."""
        return self._pace

    @property
    def held(self) -> int:
        """Bytes that this workspace keeps, wherever they lie."""
        return sum(_bytes(one) for one in (*self._kept.values(), self._rig.weights.source, self._rig.weights.out))

    def _blank(self) -> Outcomes:
        return Outcomes(self.task, len(self._measured))

    def _whole(self, run: Run) -> Measurement:
        with self._lock:
            self._surely(lambda: self._take(run, self._left(run), never))
        return run.outcomes.measurement()

    # What follows is for whoever holds the lock, or for the constructor.

    def _settle(self, name: str) -> None:
        """Moves to a device; to the processor where that is not possible."""
        if not devices.known(name):
            name = self._away(name, "is not here")
        try:
            self._build(name)
            return
        except (RuntimeError, NotImplementedError) as problem:
            if name == devices.CPU:
                raise
            why = "ran out of memory" if devices.out_of_memory(problem) else "cannot run this model"
        # After the handler: its traceback held what filled the device.
        self._build(self._away(name, why))
        devices.give_back(name)

    def _surely(self, work: Callable):
        """Does the work; where the device has no memory left, on the processor."""
        try:
            return work()
        except RuntimeError as problem:
            if self.device == devices.CPU or not devices.out_of_memory(problem):
                raise
        name = self.device
        self._build(self._away(name, "ran out of memory"))
        devices.give_back(name)
        return work()

    def _away(self, name: str, why: str) -> str:
        self.words = (*self.words, f"The device {name} {why}: measured on the processor instead.")
        return devices.CPU

    def _build(self, name: str) -> None:
        where, self.device = devices.ready(name), name
        self._standing = self._dense.network = self._dense.rig = None
        self._kept: dict[int, Tensor | dict] = {}
        self._pace: float | None = None
        few = self._measured[: min(TRIED, grid.affordable(self.subject))]
        inputs = self.subject.held_out.inputs(few)
        plain = _said(self.subject.skeleton().eval(), inputs)
        self._rig = Rig(self.subject, self._agreeing(where, inputs, plain), name, inputs)
        near, numbers = self._rig.weights.near, (_bytes(inputs) // (4 * len(few)), plain.numel() // len(few))
        self.grid = grid.cut(len(self._measured), grid.size(self.subject, *numbers, wide=not near))
        room = KEPT_BYTES if near else (devices.free(name) or 8 * KEPT_BYTES) // 4
        self._keeping = 4 * numbers[0] * len(self._measured) <= room

    def _agreeing(self, where: torch.device, inputs: Tensor | dict, plain: Tensor) -> Prepared:
        """The made-ready network, folded where it then computes what the plain one computes on the first samples."""
        ready = prepare(self.subject, where, fold=True)
        here, within = channels_last(devices.batch(inputs, where)), AGREEING if ready.weights.near else ELSEWHERE
        if close(plain, _said(ready.network, here), within):
            return ready
        ready = prepare(self.subject, where, fold=False)
        comparable = not ready.weights.near and bool(torch.isfinite(plain).all())
        if comparable and not close(plain, _said(ready.network, here), within):
            raise RuntimeError(f"{self.device} computes something else than the processor")
        return ready

    def _left(self, run: Run) -> list[int]:
        """The batches that a run has not been on, in order."""
        return [at for at, batch in enumerate(self.grid.batches) if not run.outcomes.known[batch].all()]

    def _advance(self, run: Run, seconds: float, stop: Callable[[], bool]) -> None:
        unknown, chosen, due, samples = set(self._left(self._dense)), [], 0.0, 0
        for at in self._left(run):
            size, both = len(self.grid.batches[at]), at in unknown and run is not self._dense
            due += size * (math.inf if self._pace is None else self._pace) * (2 if both else 1)
            if samples >= FEWEST and due > seconds:
                break
            chosen, samples = [*chosen, at], samples + size
        if run is not self._dense:
            self._take(self._dense, [at for at in chosen if at in unknown], stop)
        self._take(run, chosen, stop)

    def _take(self, run: Run, batches: list[int], stop: Callable[[], bool]) -> None:
        """Runs one setting on these batches."""
        for at in batches:
            if stop():
                return
            network, inputs = self._network(run), self._inputs(at)
            started = time.perf_counter()
            run.outcomes.add(self.grid.batches[at], _said(network, inputs), self.subject.held_out.labels[self._part(at)])
            each = (time.perf_counter() - started) / len(self.grid.batches[at])
            # The very first batch warms the network up; from then on half of what is believed is the latest.
            self._pace = each if self._pace is None else (self._pace + each) / 2
        if run.done:
            run.network = run.rig = self._standing = None

    def _network(self, run: Run) -> nn.Module:
        """The network that a run needs, made ready again where somebody else stood in it meanwhile."""
        shared = run.network is self._rig.network
        if run.rig is not self._rig or (shared and self._standing is not run):
            self._standing = None
            run.network, run.rig = run.stand(self._rig), self._rig
            self._standing = run
        return run.network

    def _part(self, at: int) -> Tensor:
        return self._measured[torch.from_numpy(self.grid.batches[at])]

    def _inputs(self, at: int) -> Tensor | dict:
        found = self._kept.get(at)
        if found is None:
            found = self._rig.inputs(self.subject.held_out.inputs(self._part(at)))
            if self._keeping:
                self._kept[at] = found
        return found


def _said(network: nn.Module, inputs: Tensor | dict) -> Tensor:
    with torch.inference_mode():
        return silence.outputs(network, inputs)


def _bytes(batch: Tensor | Mapping[str, Tensor]) -> int:
    tensors = batch.values() if isinstance(batch, Mapping) else (batch,)
    return sum(one.numel() * one.element_size() for one in tensors)
