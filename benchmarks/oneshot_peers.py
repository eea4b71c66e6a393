"""The published code of SparseGPT and of Wanda, each told of a case's inputs and asked for an amount."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import types
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from benchmarks.oneshot_layers import Case


@dataclass(frozen=True, slots=True)
class Amount:
    """How much goes: a share, or N of every M stay."""

    name: str
    share: float
    pattern: tuple[int, int] | None = None

    @property
    def published(self) -> tuple[int, int]:
        """How many of how many go, as the published code is told; (0, 0) where a share goes."""
        return (self.pattern[1] - self.pattern[0], self.pattern[1]) if self.pattern else (0, 0)

    def fits(self, case: Case) -> bool:
        return self.pattern is None or case.weight.shape[1] % self.pattern[1] == 0


AMOUNTS = (Amount("50 %", 0.5), Amount("70 %", 0.7), Amount("2:4", 0.5, (2, 4)), Amount("4:8", 0.5, (4, 8)))


class SparseGPT:
    """Ours and the published one, each told of the same inputs."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder))
        try:
            self._theirs = importlib.import_module("sparsegpt")
        finally:
            sys.path.remove(str(folder))

    def gathered(self, case: Case) -> object:
        """Theirs, told of all inputs."""
        layer = nn.Linear(*reversed(case.weight.shape), bias=False, dtype=case.weight.dtype).requires_grad_(False)
        layer.weight.copy_(case.weight)
        with _kept_wide(case):
            them = self._theirs.SparseGPT(layer)
            them.H = them.H.to(case.weight.dtype)
            for one in case.inputs:
                them.add_batch(one, None)
        return them

    def solved(self, case: Case, them: object, amount: Amount) -> Tensor:
        """Their weights, in place. Their last line waits for a GPU, and they print."""
        quiet = contextlib.redirect_stdout(io.StringIO())
        still = contextlib.nullcontext() if torch.cuda.is_available() else mock.patch("torch.cuda.synchronize")
        with quiet, still, _kept_wide(case):
            them.fasterprune(amount.share, *amount.published)
        return them.layer.weight


def _kept_wide(case: Case) -> contextlib.AbstractContextManager:
    """Their code asks for float32 wherever it computes; a case in float64 stays one."""
    wide = case.weight.dtype == torch.float64
    return mock.patch.object(Tensor, "float", Tensor.double) if wide else contextlib.nullcontext()


class Wanda:
    """The published code: a whole function of theirs, given a model of one layer, whose inputs are the case's."""

    def __init__(self, folder: Path) -> None:
        package = types.ModuleType("published_wanda")
        package.__path__ = [str(folder / "lib")]
        # What it would fetch its calibration text with, and an ablation: neither is called here.
        data, ablate = types.ModuleType("published_wanda.data"), types.ModuleType("published_wanda.ablate")
        data.get_loaders, ablate.AblateGPT = None, None
        sys.modules |= {one.__name__: one for one in (package, data, ablate)}
        self._theirs = importlib.import_module("published_wanda.prune")

    def kept(self, case: Case, amount: Amount) -> Tensor:
        """What stays of the case's matrix."""
        model = _Model(case)
        told = types.SimpleNamespace(nsamples=len(case.inputs), seed=0, sparsity_ratio=amount.share, use_variant=False)

        def loaders(*_plain: object, **_named: object) -> tuple[list, None]:
            return [(one[None], None) for one in case.inputs], None

        quiet = contextlib.redirect_stdout(io.StringIO())
        with quiet, mock.patch.object(self._theirs, "get_loaders", loaders), torch.no_grad():
            self._theirs.prune_wanda(told, model, None, torch.device("cpu"), *amount.published)
        return model.model.layers[0].matrix.weight != 0


class _Layer(nn.Module):
    """One matrix. What it gives is not needed, so it hands on what it was given."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Linear(*reversed(weight.shape), bias=False).requires_grad_(False)
        self.matrix.weight.copy_(weight)
        self.matrix.forward = lambda x: x

    def forward(self, x: Tensor, attention_mask: object = None, position_ids: object = None) -> tuple[Tensor]:
        return (self.matrix(x),)


class _Model(nn.Module):
    """As much of a language model as the published function asks for."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.model, self.seqlen, self.hf_device_map = nn.Module(), len(case.inputs[0]), {}
        self.model.layers = nn.ModuleList([_Layer(case.weight)])
        self.config = types.SimpleNamespace(use_cache=False, hidden_size=case.weight.shape[1])
        self.dummy = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> None:
        self.model.layers[0](x, attention_mask=None, position_ids=None)
