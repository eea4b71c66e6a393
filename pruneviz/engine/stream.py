"""Stream: what comes into a block and what goes out of it, watched or gated while a private network runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pruneviz.engine.calibration import Calibration
from pruneviz.engine.rehearsal import ROOM
from pruneviz.engine.tasks.language_modelling import NOTHING

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

    An output is an image where it has more than three axes and the block convolves: then channels do not come last. What
    only fills a window of text up to its length is no token.
    """
    images = _images(network, blocks)

    def look(block: str, before: Tensor, after: Tensor, part: Calibration) -> Tensor:
        if part.labels.shape == after.shape[:2] and after.ndim == 3:
            before, after = (one[part.labels != NOTHING] for one in (before, after))
        return cosine(*_rows(before, after, whole=block in images))

    return {block: 1 - mean for block, mean in _means(network, blocks, data, look, told).items()}


def angular(network: nn.Module, blocks: Sequence[str], data: Calibration, told=None) -> dict[str, float]:
    """E arccos(cos(x_in, x_out)) / π per block, in [0, 1]: at the last token that a window of text predicts from; of samples
    that predict no token after another, at every token, or of the whole where a block's output is an image."""
    images = _images(network, blocks)

    def look(block: str, before: Tensor, after: Tensor, part: Calibration) -> Tensor:
        pair = (before, after) if part.labels.ndim != 2 else [_last(one, part) for one in (before, after)]
        return angle(*_rows(*pair, whole=block in images))

    return _means(network, blocks, data, look, told)


def angles(network: nn.Module, blocks: Sequence[str], data: Calibration) -> Tensor:
    """The angular distance between what flows before block i and before block j, float64 [L + 1, L + 1], of a network whose
    `blocks` [L] follow on each other: of the layers i … j − 1 together, at the last token of each window of text."""
    total = torch.zeros(len(blocks) + 1, len(blocks) + 1, dtype=torch.float64)
    flows: list[Tensor] = []
    places = {block: at for at, block in enumerate(blocks)}

    def look(block: str, before: Tensor, after: Tensor) -> None:
        flows.extend([before.double()] if places[block] == 0 else [])
        flows.append(after.double())

    with torch.inference_mode(), meeting(network, blocks, look):
        for part in data.split(chunk(network, blocks, data)):
            flows.clear()
            part.outputs(network)
            last = [_last(one, part) for one in flows]
            total += torch.stack([torch.stack([angle(one, other).sum() for other in last]) for one in last])
    return total / len(data)


def _means(
    network: nn.Module, blocks: Sequence[str], data: Calibration,
    look: Callable[[str, Tensor, Tensor, Calibration], Tensor], told: Callable[[int, int], None] | None,
) -> dict[str, float]:  # fmt: skip
    """The mean of what is seen at each block, over all rows of all samples."""
    total, rows, done = dict.fromkeys(blocks, 0.0), dict.fromkeys(blocks, 0), 0
    for part in data.split(chunk(network, blocks, data)):

        def meet(block: str, before: Tensor, after: Tensor, part: Calibration = part) -> None:
            seen = look(block, before, after, part)
            total[block] += float(seen.sum())
            rows[block] += len(seen)

        with torch.inference_mode(), meeting(network, blocks, meet):
            part.outputs(network)
        done += len(part)
        if told:
            told(done, len(data))
    return {block: total[block] / rows[block] for block in blocks}


def _images(network: nn.Module, blocks: Sequence[str]) -> set[str]:
    """The blocks that convolve."""
    kind = nn.modules.conv._ConvNd
    return {block for block in blocks if any(isinstance(one, kind) for one in network.get_submodule(block).modules())}


def _rows(*both: Tensor, whole: bool) -> list[Tensor]:
    """Two outputs as rows of vectors: a token each, or a whole image each."""
    return [(one.flatten(1) if whole and one.ndim > 3 else one.flatten(0, -2)).double() for one in both]


def _last(flow: Tensor, part: Calibration) -> Tensor:
    """Of what flows [n, T, W] the last token of each window that something is predicted from, [n, W]."""
    if flow.ndim != 3 or flow.shape[:2] != part.labels.shape:
        raise ValueError(
            f"a layer gives {list(flow.shape)} for {len(part)} windows of text, and not a vector for each token"
        )
    told = part.labels != NOTHING
    last = (told * torch.arange(1, told.shape[1] + 1)).argmax(dim=1)
    return flow[torch.arange(len(flow)), last.to(flow.device)]


def angle(before: Tensor, after: Tensor) -> Tensor:
    """The angle between each pair of rows over π, [rows], exact where it is small: 0 where nothing stays nothing, ½ where
    nothing becomes something."""
    one, other = (rows / rows.norm(dim=1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny) for rows in (before, after))
    return 2 * torch.atan2((one - other).norm(dim=1), (one + other).norm(dim=1)) / math.pi


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
