"""Rig: a private network on a device, and everything that makes it compute without what goes: weights, units, again all.

A ranking writes the weights in one pass; where units go, only what changes since the last amount is rewritten (`silence`).
Who uses a rig says when: it knows no lock.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import device as devices
from pruneviz.engine import silence
from pruneviz.engine.mask import Mask
from pruneviz.engine.pattern import PatternRanking
from pruneviz.engine.prepared import ELSEWHERE, Prepared, channels_last, close
from pruneviz.engine.ranking import Ranking, fraction
from pruneviz.engine.strokes import Strokes
from pruneviz.engine.structure import silence as silenced
from pruneviz.engine.structure import surgery
from pruneviz.engine.structure.units import Kept, Structure
from pruneviz.engine.subject import Subject
from pruneviz.engine.unit_ranking import UnitRanking

PLACED = 2
"""Rankings whose order stays on a device beside the weights, the latest."""


class Rig:
    """A prepared network and what stands in it. `trial` are the first few inputs, to check silence on."""

    def __init__(self, subject: Subject, prepared: Prepared, name: str, trial: Tensor | dict) -> None:
        self.subject, self.name = subject, name
        self.network, self.weights = prepared.network, prepared.weights
        self._folded, self._trial = prepared.folded, trial
        self._silencers: dict[str, silence.Silencer] = {}
        self._broken: dict[str, np.ndarray] = {}
        self._active: silence.Silencer | None = None
        self._strokes: OrderedDict[int, tuple[Ranking, Strokes]] = OrderedDict()

    @property
    def where(self) -> torch.device:
        return self.weights.out.device

    def inputs(self, prepared: Tensor | dict) -> Tensor | dict:
        """A batch where the network is, as it likes it."""
        return channels_last(devices.batch(prepared, self.where))

    def dense(self) -> nn.Module:
        """The network as it is."""
        self._rest()
        self.weights.out.copy_(self.weights.source)
        return self.network

    def masked(self, mask: Mask) -> nn.Module:
        """The network with just the weights that `mask` keeps. What goes may be NaN, so it is not multiplied away."""
        self._rest()
        source, out = self.weights.source, self.weights.out
        if self.weights.near:
            out.zero_()
            np.copyto(out.numpy(), source.numpy(), where=mask.flat)
        else:
            torch.where(torch.tensor(mask.flat).to(out.device), source, source.new_zeros(()), out=out)
        return self.network

    def stand(
        self, ranking: Ranking | UnitRanking | PatternRanking, amount: float, own: Mapping[str, float], gone=(), back=()
    ) -> nn.Module:
        """The network without what `ranking` takes at `amount`."""
        if isinstance(ranking, PatternRanking):
            return self.masked(ranking.keep(amount, own))
        if isinstance(ranking, UnitRanking):
            return self._silenced(ranking.structure, ranking.leaves(own, gone, back) <= fraction(amount), ranking)
        self._rest()
        if self.weights.near:
            ranking.write(amount, self.weights.source, self.weights.out, own)
        else:
            self._placed(ranking).write(amount, self.weights.out, own)
        return self.network

    def silences(self, kind: str) -> bool:
        """Whether units of this kind are silenced in place, or every setting needs a copy of its own."""
        found = self._silencers.get(kind)
        return found is not None and found.possible

    def _placed(self, ranking: Ranking) -> Strokes:
        """A ranking's order beside the weights, made once."""
        held = self._strokes.pop(id(ranking), None) or (ranking, Strokes.on(ranking, self.weights.source, self.name))
        self._strokes[id(ranking)] = held
        while len(self._strokes) > PLACED:
            self._strokes.popitem(last=False)
        return held[1]

    def _silenced(self, structure: Structure, gone: np.ndarray, ranking: UnitRanking) -> nn.Module:
        silencer = self._silencers.get(structure.granularity)
        if silencer is None or silencer.structure is not structure:
            silencer = self._silencers[structure.granularity] = self._silencer(structure, ranking)
        # While a unit with a NaN stays, it may multiply by it what is silent: only who leaves the readers out is right.
        if not silencer.possible or (self._broken[structure.granularity] & ~gone).any():
            return self._plainly(structure, ranking.split(~gone))
        if self._active is not silencer:
            self.dense()
            silencer.enter()
            self._active = silencer
        silencer.move(gone)
        return self.network

    def _rest(self) -> None:
        """Back to the network in which no unit is silent; the prunable weights are for whoever comes next to write."""
        if self._active is not None:
            self._active.move(np.zeros_like(self._active.gone))
            self._active = None

    def _plainly(self, structure: Structure, kept: Kept) -> nn.Module:
        """The slow way that is always right: a copy of its own for each setting."""
        network = surgery.masked(self.subject.skeleton().eval(), structure, kept)
        return network if self.weights.near else devices.moved(network, self.where)

    def _silencer(self, structure: Structure, ranking: UnitRanking) -> silence.Silencer:
        """A silencer for these units, checked: what it silences is heard by nobody, and all else is as it was."""
        self._rest()
        broken = np.concatenate([np.zeros(0, bool), *silenced.broken(self.subject.network, structure).values()])
        self._broken[structure.granularity] = broken
        silencer = silence.Silencer(self.network, structure, self.weights, self._folded)
        if silencer.possible:
            gone = silence.trial(structure) | broken
            inputs = self.inputs(self._trial)
            self.weights.out.copy_(self.weights.source)
            with torch.inference_mode():
                plain = silence.outputs(self._plainly(structure, ranking.split(~gone)), inputs)
                silencer.enter()
                silencer.move(gone)
                quick = silence.outputs(self.network, inputs)
                # With the readers' weights zeroed as well, no bit may change: else something is left to be heard.
                silence.readers(structure, gone, self.weights)
                silencer.possible = torch.equal(quick, silence.outputs(self.network, inputs)) and self._close(plain, quick)
            silencer.move(np.zeros_like(gone))
        return silencer

    def _close(self, plain: Tensor, quick: Tensor) -> bool:
        return close(plain, quick) if self.weights.near else close(plain, quick, ELSEWHERE)
