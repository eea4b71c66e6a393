"""Networks of blocks that hand one tensor on, as a language model's do, small enough to be walked by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.engine.criterion import find as criterion
from pruneviz.engine.reconstruct import find, walk
from pruneviz.engine.reconstruct.seats import Seat, seat
from tests.engine.networks import randomised

WIDTH, TOKENS = 8, 5


class Block(nn.Module):
    """Three matrices are given the very same tensor, as queries, keys and values are, and two others what comes of it."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, scale: float = 1.0) -> tuple[Tensor]:
        seen = torch.tanh(x)
        x = x + scale * torch.sigmoid(self.q(seen)) * self.k(input=seen) + self.v(seen)
        return (x + self.down(torch.relu(self.up(torch.tanh(x)))),)


class Chain(nn.Module):
    """An embedding, blocks and an output matrix, which is outside of them. Inputs are [n, T, width]."""

    def __init__(self, blocks: int = 3) -> None:
        super().__init__()
        self.first = nn.Linear(WIDTH, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(blocks))
        self.last = nn.Linear(WIDTH, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            (x,) = block(x, scale=0.5)
        return self.last(x)


class Broken(Chain):
    """Between the blocks something happens: they hand on no tensor, so there is no chain."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = block(x, scale=0.5)[0] * 1.0
        return self.last(x)


def chain(kind: type[Chain] = Chain, blocks: int = 3, seed: int = 0) -> Chain:
    """With random weights, half as large as a standard normal's."""
    network = randomised(kind(blocks), seed)
    for one in network.parameters():
        one.mul_(0.5)
    return network


def seats_of(network: nn.Module) -> tuple[Seat, ...]:
    """The matrices inside of the blocks."""
    names = [f"{name}.weight" for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    return tuple(seat(network, name) for name in names if name.startswith("blocks."))


def batches(count: int = 3, samples: int = 4, seed: int = 1) -> tuple[Tensor, ...]:
    source = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(samples, TOKENS, WIDTH, generator=source) for _ in range(count))


def plan(network: nn.Module, method: str = "sparsegpt", chosen: str = "wanda", amount: float = 0.5, **more) -> walk.Plan:
    shares = {one.name: amount for one in seats_of(network)}
    return walk.Plan(criterion(chosen), find(method), more.pop("shares", shares), **more)


def hooks(network: nn.Module) -> int:
    """How many hooks of any kind hang anywhere."""
    return sum(
        len(getattr(part, kind))
        for part in network.modules()
        for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")
    )
