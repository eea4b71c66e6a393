"""Three convolutions with BatchNorm, a global average and a small matrix: the shape of a plain image network."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def build(classes: int = 10, width: int = 32) -> nn.Module:
    """The network, untrained; its layers have `width`, 2 · `width` and 2 · `width` filters. Input [N, 1, 8, 8]."""
    double = 2 * width
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, width, 3, padding=1, bias=False),
            bn1=nn.BatchNorm2d(width),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(width, double, 3, padding=1, bias=False),
            bn2=nn.BatchNorm2d(double),
            relu2=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            conv3=nn.Conv2d(double, double, 3, padding=1, bias=False),
            bn3=nn.BatchNorm2d(double),
            relu3=nn.ReLU(),
            average=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(double, classes),
        )
    )
