"""Stream: what comes into a block and what goes out of it, watched or gated while a private network runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pruneviz.engine.calibration import Calibration
from pruneviz.engine.rehearsal import ROOM

MOST = 64  # samples at a time


@contextmanager
def meeting(
    network: nn.Module, blocks: Sequence[str], meet: Callable[[str, Tensor, Tensor], Tensor | None]
) -> Iterator[None]:
    """`meet(block, input, output)` is called whenever a block has run; what it returns is its output instead."""
    hooks = []
    for block in blocks:
        entered: list[Tensor] = []

        def enter(_module: nn.Module, plain: tuple, named: dict, entered: list[Tensor] = entered) -> None:
            # A copy: the block may overwrite its input.
            entered.append(next(one for one in (*plain, *named.values()) if isinstance(one, Tensor)).clone())

        def leave(_module: nn.Module, _plain: tuple, output: object, block: str = block, entered: list[Tensor] = entered):
            first = output if isinstance(output, Tensor) else output[0]
            other = meet(block, entered.pop(), first)
            if other is None:
                return None
            return other if isinstance(output, Tensor) else type(output)((other, *output[1:]))

        module = network.get_submodule(block)
        hooks += [module.register_forward_pre_hook(enter, with_kwargs=True), module.register_forward_hook(leave)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def gated(network: nn.Module, gates: Mapping[str, Tensor], axes: Mapping[str, int]) -> Iterator[None]:
    """While inside, each block gives x + ξ (block(x) − x), ξ [n] being its gate: to the bit what it gave where ξ is 1."""

    def gate(block: str, before: Tensor, after: Tensor) -> Tensor:
        shape = [-1 if at == axes[block] else 1 for at in range(after.ndim)]
        return after + (gates[block].to(after.dtype).view(shape) - 1) * (after - before)

    with meeting(network, tuple(gates), gate):
        yield


def sample_axes(network: nn.Module, blocks: Sequence[str], data: Calibration) -> dict[str, int]:
    """Along which axis of a block's output the samples lie: the one that grows when a second sample comes along."""
    one, two = (_shapes(network, blocks, data.at(slice(0, n))) for n in (1, 2))
    if len(data) < 2:
        return dict.fromkeys(blocks, 0)
    axes = {}
    for block in blocks:
        grown = [at for at, (few, many) in enumerate(zip(one[block], two[block], strict=True)) if (few, many) == (1, 2)]
        if not grown:
            raise ValueError(f"{block} gives {list(two[block])} for two samples: no axis of it counts samples")
        axes[block] = grown[0]
    return axes


def chunk(network: nn.Module, blocks: Sequence[str], data: Calibration) -> int:
    """How many samples to take at a time, so that what the blocks give fits in memory many times over."""
    one = data.at(slice(0, 1))
    given = sum(torch.Size(shape).numel() for shape in _shapes(network, blocks, one).values())
    return max(1, min(MOST, ROOM // (32 * given + 4 * one.width(network))))


def influence(network: nn.Module, blocks: Sequence[str], data: Calibration, told=None) -> dict[str, float]:
    """1 − E cos(x_in, x_out) per block: token by token, or of the whole where a block's output is an image.

    An output is an image where it has more than three axes and the block convolves: then channels do not come last.
    """
    total, rows, done = dict.fromkeys(blocks, 0.0), dict.fromkeys(blocks, 0), 0
    images = {
        block
        for block in blocks
        if any(isinstance(one, nn.modules.conv._ConvNd) for one in network.get_submodule(block).modules())
    }

    def look(block: str, before: Tensor, after: Tensor) -> None:
        whole = after.ndim > 3 and block in images
        pairs = [(one.flatten(1) if whole else one.flatten(0, -2)).double() for one in (before, after)]
        cosines = cosine(*pairs)
        total[block] += float(cosines.sum())
        rows[block] += len(cosines)

    size = chunk(network, blocks, data)
    with torch.inference_mode(), meeting(network, blocks, look):
        for some in data.split(size):
            some.outputs(network)
            done += len(some)
            if told:
                told(done, len(data))
    return {block: 1 - total[block] / rows[block] for block in blocks}


def cosine(before: Tensor, after: Tensor) -> Tensor:
    """The cosine of each pair of rows, [rows]: 1 where nothing stays nothing, 0 where nothing becomes something."""
    one, other = before.norm(dim=1), after.norm(dim=1)
    product, empty = one * other, (one == 0) & (other == 0)
    found = (before * after).sum(1) / torch.where(product == 0, 1.0, product)
    return torch.where(empty, 1.0, found)


def _shapes(network: nn.Module, blocks: Sequence[str], data: Calibration) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    with (
        torch.inference_mode(),
        meeting(network, blocks, lambda block, _, after: shapes.update({block: tuple(after.shape)})),
    ):
        data.outputs(network)
    return shapes
