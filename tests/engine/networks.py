"""Networks small enough to be computed by hand or by brute force."""

from __future__ import annotations

import torch
from torch import nn


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and BatchNorm statistic random, so that nothing is right by being zero or one."""
    source = generator(seed)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            values = torch.randn(tensor.shape, generator=source)
            tensor.copy_(values.abs() + 0.5 if name.endswith("running_var") else values)
    return network.eval().requires_grad_(False)


class Residual(nn.Module):
    """Convolution, BatchNorm, ReLU and a shortcut: what folding must not confuse."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        one = torch.relu(self.bn1(self.conv1(x)))
        two = torch.relu(self.bn2(self.conv2(one)) + one)
        return self.fc(two.mean((2, 3)))


class Shared(nn.Module):
    """One convolution read twice, by a BatchNorm and by a sum: it must not be folded."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Linear(3, 3)

    def forward(self, x):
        y = self.conv(x)
        return self.fc((self.norm(y) + y).mean((2, 3)))


def images(n: int = 24, classes: int = 3, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    source = generator(seed)
    return torch.randn(n, 1, 6, 6, generator=source), torch.randint(0, classes, (n,), generator=source)
