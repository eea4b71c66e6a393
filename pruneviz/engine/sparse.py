"""Sparse: the same network with matrices that hold only what is not zero, multiplied by torch's own sparse kernels.

CSR runs wherever torch does: a convolution becomes a matrix product over unfolded patches. 2:4 runs on CUDA devices that
have the instruction. Attention modules of torch's own read their matrices themselves and stay dense.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

FEW = 2
SEMI_CAPABILITY = (8, 0)
SEMI_ROWS, SEMI_COLUMNS = 32, 64
"""What torch's 2:4 kernels ask of a half-precision matrix [O, I]: multiples of both."""


class SparseLinear(nn.Module):
    """y = xWᵀ + b with W [O, I] in CSR."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = compressed_rows(weight), bias

    def forward(self, x: Tensor) -> Tensor:
        """x [..., I] → [..., O]."""
        flat = x.reshape(-1, x.shape[-1])
        # Torch has two ways to the same product; for few rows this one is three times as fast, for many as slow.
        y = functional.linear(flat, self.weight) if len(flat) <= FEW else (self.weight @ flat.t()).t().contiguous()
        if self.bias is not None:
            y = y + self.bias
        return y.view(*x.shape[:-1], -1)


class SparseConv(nn.Module):
    """A convolution whose kernel is one CSR matrix [O, I·K] over unfolded patches; groups are blocks of it."""

    def __init__(self, conv: nn.Conv1d | nn.Conv2d) -> None:
        super().__init__()
        self.weight = compressed_rows(_ungrouped(conv.weight.detach(), conv.groups).flatten(1))
        self.bias, self.flat = conv.bias, isinstance(conv, nn.Conv1d)
        line = (1,) if self.flat else ()  # one dimension is two of which the first is 1
        self.size, self.stride = line + conv.kernel_size, line + conv.stride
        self.dilation = line + conv.dilation
        self.pad = tuple(conv._reversed_padding_repeated_twice)
        self.mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode

    def forward(self, x: Tensor) -> Tensor:
        """x [N, I, H, W] → [N, O, H', W']; without H for one dimension."""
        if any(self.pad):
            x = functional.pad(x, self.pad, self.mode)
        if self.flat:
            x = x.unsqueeze(2)
        sides = [self._side(x, at) for at in (0, 1)]
        patches = self._patches(x)
        # One product for the whole batch: samples lie side by side, [I·K, N·L].
        y = self.weight @ patches.transpose(0, 1).reshape(patches.shape[1], -1)
        if self.bias is not None:
            y = y + self.bias[:, None]
        y = y.view(len(y), len(x), *sides).transpose(0, 1).contiguous()
        return y.squeeze(2) if self.flat else y

    def _side(self, x: Tensor, at: int) -> int:
        """How many places the kernel finds along one side."""
        return (x.shape[2 + at] - self.dilation[at] * (self.size[at] - 1) - 1) // self.stride[at] + 1

    def _patches(self, x: Tensor) -> Tensor:
        """x [N, I, H, W] → [N, I·K, L]."""
        if self.size == (1, 1):
            return x[:, :, :: self.stride[0], :: self.stride[1]].flatten(2)
        return functional.unfold(x, self.size, self.dilation, 0, self.stride)


class SemiLinear(nn.Module):
    """y = xWᵀ + b with W [O, I] in 2:4, in half precision, on a CUDA device."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.weight, self.bias = torch.sparse.to_sparse_semi_structured(weight), bias

    def forward(self, x: Tensor) -> Tensor:
        """x [..., I] → [..., O]."""
        return functional.linear(x.reshape(-1, x.shape[-1]), self.weight, self.bias).reshape(*x.shape[:-1], -1)


def compressed_rows(weight: Tensor) -> Tensor:
    """A matrix [O, I] in CSR with 32-bit indices, as torch's kernels take them without converting."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Ss]parse CSR.*")
        wide = weight.detach().contiguous().to_sparse_csr()
        rows, columns = wide.crow_indices().to(torch.int32), wide.col_indices().to(torch.int32)
        return torch.sparse_csr_tensor(rows, columns, wide.values(), wide.shape, check_invariants=True)


def to_csr(network: nn.Module) -> tuple[int, int]:
    """Puts CSR in the place of every matrix and kernel that it can, in place; (weights it now multiplies, of how many)."""
    done = 0
    _slowly(network)
    for owner, key, module in list(_places(network)):
        setattr(owner, key, csr_module(module))
        done += module.weight.numel()
    rest = sum(one.numel() for one in network.parameters() if one.ndim > 1)
    return done, done + rest


def csr_module(module: nn.Module) -> nn.Module:
    """The same layer with its weight in CSR."""
    if isinstance(module, nn.Conv1d | nn.Conv2d):
        return SparseConv(module)
    return SparseLinear(_matrix(module), module.bias)


def stands_in(module: nn.Module) -> bool:
    """Whether CSR can take this layer's place: one that is called, not one whose weight somebody reads."""
    return type(module) in (nn.Linear, nn.Conv1d, nn.Conv2d) or type(module).__name__ == "Conv1D"


def to_semi(network: nn.Module) -> int:
    """Puts 2:4 in the place of every linear layer whose size allows, in place; the number of weights that it now holds.

    The network lies on a CUDA device, in half precision, and each of these matrices is 2:4 already.
    """
    done = 0
    _slowly(network)
    for owner, key, module in list(_places(network)):
        weight = _matrix(module)
        if not isinstance(module, nn.Conv1d | nn.Conv2d) and fits_semi(weight.shape):
            setattr(owner, key, SemiLinear(weight.contiguous(), module.bias))
            done += weight.numel()
    return done


def fits_semi(shape: torch.Size) -> bool:
    """Whether torch's 2:4 kernels take a half-precision matrix of this shape."""
    return len(shape) == 2 and not shape[0] % SEMI_ROWS and not shape[1] % SEMI_COLUMNS


def two_of_four(weight: Tensor) -> Tensor:
    """The matrix [O, I] with the two smaller of every four inputs at zero; I is a multiple of 4."""
    fours = weight.detach().unflatten(-1, (-1, 4))
    stay = fours.abs().topk(2, dim=-1).indices
    return torch.zeros_like(fours).scatter(-1, stay, fours.gather(-1, stay)).flatten(-2)


def semi_reason() -> str:
    """Why 2:4 cannot be timed here; empty where it can."""
    if not torch.cuda.is_available():
        return "needs an NVIDIA GPU from the Ampere generation on; not here"
    if torch.cuda.get_device_capability() < SEMI_CAPABILITY:
        return f"needs an NVIDIA GPU from the Ampere generation on; {torch.cuda.get_device_name()} is older"
    return ""


def _places(network: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """(owner, name in it, module) of every layer that can be replaced; torch's attention is not entered."""
    for owner in network.modules():
        if isinstance(owner, nn.MultiheadAttention):
            continue
        for key, module in owner.named_children():
            if stands_in(module):
                yield owner, key, module


def _slowly(network: nn.Module) -> None:
    """Torch's encoder layer has a fast path that reads its matrices itself and knows dense ones only: not taken."""
    for module in network.modules():
        if isinstance(module, nn.TransformerEncoderLayer):
            module.activation_relu_or_gelu = 0


def _matrix(module: nn.Module) -> Tensor:
    weight = module.weight.detach()
    return weight.t() if type(module).__name__ == "Conv1D" else weight


def _ungrouped(weight: Tensor, groups: int) -> Tensor:
    """A grouped kernel [O, I/g, *K] as a whole one [O, I, *K] with zeros outside of its blocks."""
    if groups == 1:
        return weight
    outputs, inputs = len(weight) // groups, weight.shape[1]
    whole = weight.new_zeros(len(weight), inputs * groups, *weight.shape[2:])
    for at in range(groups):
        rows = slice(at * outputs, (at + 1) * outputs)
        whole[rows, at * inputs : (at + 1) * inputs] = weight[rows]
    return whole
