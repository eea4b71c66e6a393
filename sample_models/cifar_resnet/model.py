"""The CIFAR ResNets of He et al. 2016, §4.2, with shortcuts that have no parameters (option A).

Parameter names are those of the widely used checkpoints of akamaster/pytorch_resnet_cifar10:
conv1, bn1, layer{1,2,3}.{i}.{conv1,bn1,conv2,bn2}, linear.
"""

from __future__ import annotations

from torch import Tensor, nn

DEPTHS = (20, 32, 44, 56, 110)


class Thin(nn.Module):
    """Every second pixel, and zeros for the channels that are new: the shortcut that costs nothing."""

    def __init__(self, new: int) -> None:
        super().__init__()
        self.before, self.after = new // 2, new - new // 2

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class Block(nn.Module):
    """Two 3×3 convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        self.shortcut = nn.Identity() if stride == 1 else Thin(outputs - inputs)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu1(self.bn1(self.conv1(x)))
        return self.relu2(self.bn2(self.conv2(out)) + self.shortcut(x))


class CifarResNet(nn.Module):
    """A stem, three stages of (depth − 2) / 6 blocks at one, two and four times the width, a global average and a matrix."""

    def __init__(self, depth: int, classes: int, width: int) -> None:
        super().__init__()
        blocks = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.layer1 = _stage(width, width, 1, blocks)
        self.layer2 = _stage(width, 2 * width, 2, blocks)
        self.layer3 = _stage(2 * width, 4 * width, 2, blocks)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return self.linear(self.flatten(self.average(out)))


def build(depth: int = 20, classes: int = 10, width: int = 16) -> nn.Module:
    """The network, untrained. Input [N, 3, 32, 32]."""
    if depth not in DEPTHS:
        raise ValueError(f"depth {depth!r} is not one of {', '.join(map(str, DEPTHS))}: give one of these")
    return CifarResNet(depth, classes, width)


def _stage(inputs: int, outputs: int, stride: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(Block(inputs, outputs, stride), *(Block(outputs, outputs, 1) for _ in range(blocks - 1)))
