"""Networks with units that are few enough to be gated, silenced and judged by hand; and their structures, written out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pruneviz.engine.structure.units import Group, Part, Structure


def each(units: int, times: int = 1) -> np.ndarray:
    """Every unit owns `times` positions in a row."""
    return np.repeat(np.arange(units), times)


class Small(nn.Module):
    """Two convolutions, the first with a BatchNorm, and a matrix that reads nine pixels of each channel. 4x4 images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.fc = nn.Conv2d(4, 3, 2, bias=False), nn.Linear(27, 4)

    def forward(self, x: Tensor, first: Tensor | None = None, second: Tensor | None = None) -> Tensor:
        x = torch.relu(self.bn1(self.conv1(x)))
        x = x if first is None else x * first.view(1, -1, 1, 1)
        x = torch.relu(self.conv2(x))
        x = x if second is None else x * second.view(1, -1, 1, 1)
        return self.fc(x.flatten(1))


SMALL = Structure(
    "filter",
    (
        Group(
            "conv1", "conv1", "filter", 4,
            (
                Part("conv1.weight", 0, "makes", each(4)), Part("conv1.bias", 0, "follows", each(4)),
                Part("bn1.weight", 0, "follows", each(4)), Part("bn1.bias", 0, "follows", each(4)),
                Part("bn1.running_mean", 0, "follows", each(4)), Part("bn1.running_var", 0, "follows", each(4)),
                Part("conv2.weight", 1, "reads", each(4)),
            ),
            modules=("conv1",),
        ),
        Group(
            "conv2", "conv2", "filter", 3,
            (Part("conv2.weight", 0, "makes", each(3)), Part("fc.weight", 1, "reads", each(3, 9))),
            modules=("conv2",),
        ),
        Group("fc", "fc", "filter", 4, reason="the output"),
    ),
)  # fmt: skip


class Odd(nn.Module):
    """Channels read by a grouped convolution, by a transposed one and by a matrix that is called as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.grouped = nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 3, groups=2, padding=1)
        self.up, self.matrix = nn.ConvTranspose2d(4, 2, 2, stride=2), nn.Linear(4, 4)

    def forward(self, x: Tensor, gate: Tensor | None = None) -> Tensor:
        x = torch.relu(self.conv(x))
        x = x if gate is None else x * gate.view(1, -1, 1, 1)
        pooled = functional.linear(x.mean((2, 3)), self.matrix.weight, self.matrix.bias)
        return pooled + self.up(x).flatten(2).mean(2).repeat(1, 2) + self.grouped(x).flatten(2).square().mean(2)


TURNS = np.array([0, 1, 0, 1])
# Units in pairs: 0 and 2 stand at one position of the grouped kernel's input axis, and so do 1 and 3.
ODD = Structure(
    "filter",
    (
        Group(
            "conv", "conv", "filter", 2,
            (
                Part("conv.weight", 0, "makes", TURNS), Part("conv.bias", 0, "follows", TURNS),
                Part("grouped.weight", 1, "reads", each(2)), Part("up.weight", 0, "reads", TURNS),
                Part("matrix.weight", 1, "reads", TURNS),
            ),
            modules=("conv",),
        ),
    ),
)  # fmt: skip


class Blocks(nn.Module):
    """Tokens through three residual blocks: one does nothing, one only makes longer, one computes."""

    def __init__(self, batch_first: bool = True) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.embed = nn.Linear(4, 6)
        self.blocks = nn.ModuleList([nn.Identity(), Longer(), Block()])
        self.head = nn.Linear(6, 4)

    def forward(self, x: Tensor, gates: Tensor | None = None) -> Tensor:
        x = self.embed(x[:, 0])
        x = x if self.batch_first else x.transpose(0, 1)
        for at, block in enumerate(self.blocks):
            y = block(x)
            x = y if gates is None else x + gates[at] * (y - x)
        x = x if self.batch_first else x.transpose(0, 1)
        return self.head(x).mean(1)


class Longer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 3


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(6, 5), nn.Linear(5, 6)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(torch.tanh(self.up(x)))


NAMES = ("blocks.0", "blocks.1", "blocks.2")
BLOCKS = Structure("layer", (Group("blocks", "blocks", "layer", 3, modules=NAMES, blocks=NAMES),))
