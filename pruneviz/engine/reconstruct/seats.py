"""Seats: where a matrix sits in a network: what it is multiplied with, and how its weight reads as [O, I].

A Linear's weight is [O, I]; a Conv1D's of transformers lies the other way round; of a convolution the inputs of one row are
the patch that meets its kernel, so its row is the kernel laid out flat.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

SEEN = "is not a matrix whose inputs can be watched"


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """One matrix: its parameter's name, the module that multiplies with it, and others that multiply with the very same."""

    name: str
    module: nn.Module
    others: tuple[nn.Module, ...] = ()

    @property
    def reads(self) -> tuple:
        """How it reads its inputs: of two that read one tensor alike, the rows are the same."""
        if not self._patches:
            return ()
        one = self.module
        return (one.kernel_size, one.stride, tuple(one._reversed_padding_repeated_twice), one.dilation, one.padding_mode)

    def matrix(self) -> Tensor:
        """The weight as [O, I] float32, a view where it can be one."""
        weight = self.module.weight.detach()
        flat = weight.T if _flipped(self.module) else weight.flatten(1)
        return flat.float()

    def write(self, matrix: Tensor) -> None:
        """Puts a matrix [O, I] in the weight's place, in place, in the weight's own precision."""
        weight = self.module.weight
        with torch.no_grad():
            weight.copy_(matrix.T if _flipped(self.module) else matrix.view(weight.shape))

    @property
    def channels(self) -> int:
        """How many inputs there are for a pattern N:M to group: of a convolution, at each place of its kernel."""
        return self.module.weight.shape[0 if _flipped(self.module) else 1]

    def beside(self) -> Tensor | None:
        """The columns of `matrix` in the order in which a pattern N:M groups them, int64 [I]: neighbouring input channels
        at one place of the kernel, as the slider does and as sparse kernels read them. None where they lie so already."""
        places = self.module.weight[0, 0].numel() if self._patches else 1
        return None if places == 1 else torch.arange(self.channels * places).view(self.channels, places).T.reshape(-1)

    @property
    def _patches(self) -> bool:
        return isinstance(self.module, _ConvNd)

    def rounded(self, matrix: Tensor) -> Tensor:
        """A matrix [O, I] as it reads again once it was written."""
        return matrix.to(self.module.weight.dtype).to(matrix.dtype)

    def like_weight(self, matrix: Tensor) -> Tensor:
        """A matrix [O, I] in the weight's own shape."""
        return matrix.T.contiguous() if _flipped(self.module) else matrix.view(self.module.weight.shape)

    def rows(self, inputs: Tensor) -> Tensor:
        """What the rows of the matrix are multiplied with, [n, I], of one call's inputs."""
        if not self._patches:
            return inputs.reshape(-1, inputs.shape[-1])
        module, dims = self.module, self.module.weight.ndim - 2
        flat = inputs if inputs.ndim == dims + 2 else inputs[None]
        mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
        padded = functional.pad(flat, module._reversed_padding_repeated_twice, mode=mode)
        sizes, steps, gaps = ((1,) * (2 - dims) + one for one in (module.kernel_size, module.stride, module.dilation))
        patches = functional.unfold(padded[:, :, None] if dims == 1 else padded, sizes, gaps, 0, steps)
        return patches.transpose(1, 2).flatten(0, 1)


def seat(network: nn.Module, name: str) -> Seat | str:
    """The seat of the parameter of that name, or why it has none, in a few words."""
    owner, _, key = name.rpartition(".")
    module = network.get_submodule(owner)
    fits = isinstance(module, nn.Linear) or _flipped(module)
    if isinstance(module, _ConvNd) and not isinstance(module, _ConvTransposeNd):
        fits = module.groups == 1 and module.weight.ndim in (3, 4)
    if not fits or key != "weight":
        return SEEN
    others = (one for one in network.modules() if one is not module and one._parameters.get(key) is module.weight)
    return Seat(name, module, tuple(one for one in others if type(one) is type(module)))


def _flipped(module: nn.Module) -> bool:
    return type(module).__name__ == "Conv1D"
