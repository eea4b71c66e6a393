"""A LeNet-5 as adversarial-robustness toolkits use it: two padded 3×3 convolutions, two matrices, ReLU throughout."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def build(classes: int = 10, width: int = 32) -> nn.Module:
    """The network, untrained; 2 · `width` filters follow `width`, and the matrix keeps pace. Input [N, 1, 28, 28]."""
    double, hidden = 2 * width, max(1, round(200 * width / 32))
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, width, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(width, double, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            linear1=nn.Linear(49 * double, hidden),
            relu3=nn.ReLU(),
            linear2=nn.Linear(hidden, classes),
        )
    )
