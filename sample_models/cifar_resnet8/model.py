"""The ResNet-8 of MLPerf Tiny's image classification benchmark: convolutions with biases, 1×1 projections.

It was trained in Keras, and keeps two of Keras's habits: «same» padding, which at stride 2 pads only the right and the
bottom of a 3×3 window, and a BatchNorm epsilon of 0.001. Input is 0..255, not scaled.
"""

from __future__ import annotations

from torch import Tensor, nn


class Block(nn.Module):
    """Two 3×3 convolutions and a way around them; `sc` is the projection where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d(1 if stride == 1 else (0, 1, 0, 1))
        self.c1 = nn.Conv2d(inputs, outputs, 3, stride=stride)
        self.n1 = nn.BatchNorm2d(outputs, eps=1e-3)
        self.relu1 = nn.ReLU()
        self.c2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.n2 = nn.BatchNorm2d(outputs, eps=1e-3)
        self.relu2 = nn.ReLU()
        self.sc = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu1(self.n1(self.c1(self.pad(x))))
        return self.relu2(self.n2(self.c2(out)) + self.sc(x))


class CifarResNet8(nn.Module):
    """A stem, one block each at one, two and four times the width, a global average and a matrix."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width, eps=1e-3)
        self.relu = nn.ReLU()
        self.b1 = Block(width, width, 1)
        self.b2 = Block(width, 2 * width, 2)
        self.b3 = Block(2 * width, 4 * width, 2)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        out = self.b3(self.b2(self.b1(self.relu(self.bn1(self.conv1(x))))))
        return self.fc(self.flatten(self.average(out)))


def build(classes: int = 10, width: int = 16) -> nn.Module:
    """The network, untrained. Input [N, 3, 32, 32], 0..255."""
    return CifarResNet8(classes, width)
