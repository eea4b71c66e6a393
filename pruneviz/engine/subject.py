"""Subject: a trained network, its data and its task. Nothing that anybody does changes it.

The network inside a subject is shared by every visitor and is never run. Whoever wants to run it takes `skeleton()`: a
private module tree that shares the tensors and owns everything else, so two threads cannot meet in it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from pruneviz.engine.export.removal import Step


@dataclass(frozen=True, slots=True)
class Preparation:
    """How stored samples become inputs: (x / scale − mean) / std per channel, resized first where `resize` is given.

    With `crop`, `resize` is the shorter side and the middle `crop` × `crop` pixels stay, which is done once, when the images
    are read; without it, `resize` is both sides. `interpolation` is how pixels are mixed.
    """

    scale: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    resize: int | None = None
    crop: int | None = None
    interpolation: str = "bilinear"


@dataclass(frozen=True, eq=False)
class Samples:
    """Stored samples [N, C, H, W] (any number type) and labels [N] (int64), with the preparation that the network needs."""

    stored: Tensor
    labels: Tensor
    preparation: Preparation = field(default_factory=Preparation)

    @cached_property
    def brightest(self) -> float:
        """The largest number that is stored, in any sample; looked for once."""
        return float(self.stored.max())

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, index: Tensor | slice = slice(None)) -> Tensor:
        """The network's inputs, float32 [n, C, H, W], of the samples at `index`."""
        how = self.preparation
        chosen = self.stored[index].to(torch.float32) / how.scale
        mean = torch.tensor(how.mean, dtype=torch.float32).view(1, -1, *[1] * (chosen.ndim - 2))
        std = torch.tensor(how.std, dtype=torch.float32).view(1, -1, *[1] * (chosen.ndim - 2))
        prepared = (chosen - mean) / std
        if how.resize and not how.crop and tuple(prepared.shape[-2:]) != (how.resize, how.resize):
            size, mode = (how.resize, how.resize), "bicubic" if how.interpolation == "bicubic" else "bilinear"
            prepared = nn.functional.interpolate(prepared, size=size, mode=mode, antialias=True, align_corners=False)
        return prepared


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of a text: tokens [N, T] and the token that follows each [N, T] (int64), −100 where nothing is predicted."""

    stored: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, index: Tensor | slice = slice(None)) -> Tensor:
        """The network's inputs, int64 [n, T], of the windows at `index`."""
        return self.stored[index]


@dataclass(frozen=True, eq=False)
class Sentences:
    """Texts, or pairs of them, as tokens [N, T] of which the first `lengths` [N] count, and labels [N] (all int64).

    `names` are the keywords that the network takes (none: it takes the tokens alone), `types` [N, T] says which token is of
    a pair's second text, `texts` are the texts themselves, to be shown.
    """

    stored: Tensor
    lengths: Tensor
    labels: Tensor
    types: Tensor
    names: tuple[str, ...] = ()
    texts: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, index: Tensor | slice = slice(None)) -> Tensor | dict[str, Tensor]:
        """The network's inputs of the texts at `index`, as long as the longest of them: int64 [n, t] by keyword."""
        lengths = self.lengths[index]
        longest = int(lengths.max()) if len(lengths) else 0
        tokens = self.stored[index][:, :longest]
        if not self.names:
            return tokens
        known = {
            "input_ids": tokens,
            "attention_mask": (torch.arange(longest) < lengths[:, None]).to(torch.int64),
            "token_type_ids": self.types[index][:, :longest],
        }
        return {name: known[name] for name in self.names}


@dataclass(frozen=True, slots=True)
class Layer:
    """One prunable weight. `name` is its parameter's name (the first, where storage is shared), `label` the module's."""

    name: str
    label: str
    kind: str
    shape: tuple[int, ...]
    aliases: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        return int(torch.Size(self.shape).numel())


def inputs_axis(layer: Layer) -> int:
    """Along which axis of its weight a layer's inputs lie: 1 of [O, I, *K], 0 where weights are stored [I, O]."""
    kind = getattr(layer, "kind", "")
    return 0 if kind == "Conv1D" or "Transpose" in kind else 1


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a subject came from, as plain data: its card, the folder that the card's paths start from, what was removed
    from its architecture before its weights were filled in, oldest first, what there is to say about how it was read, and
    what every Report of it has to say (`caveats`)."""

    card: Mapping[str, Any]
    folder: str
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained network with its held-out data. `layers` can be pruned; `skipped` says what cannot, and why."""

    name: str
    title: str
    words: str
    licence: str
    task: str
    network: nn.Module
    layers: tuple[Layer, ...]
    skipped: tuple[tuple[str, str], ...]
    held_out: Samples | Windows | Sentences
    training: Samples | Windows | Sentences | None
    classes: tuple[str, ...]
    calibration: str
    sha256: str
    data_sha256: str
    nonfinite: tuple[tuple[str, int], ...] = ()
    origin: Origin | None = None
    metric: str = ""

    @property
    def weights(self) -> int:
        return sum(layer.size for layer in self.layers)

    def parameter(self, layer: Layer) -> Tensor:
        """The weight itself. Read it; never write to it."""
        return self.network.get_parameter(layer.name).detach()

    def tensors(self) -> list[Tensor]:
        """The prunable weights, in the order of `layers`."""
        return [self.parameter(layer) for layer in self.layers]

    def skeleton(self) -> nn.Module:
        """A private network that shares this one's tensors: swap parameters in it freely, write to none of them in place."""
        shared = {id(tensor): tensor for tensor in (*self.network.parameters(), *self.network.buffers())}
        return copy.deepcopy(self.network, memo=shared)
