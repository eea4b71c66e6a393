"""A LeNet-5 as adversarial-robustness toolkits use it: two padded 3×3 convolutions, two matrices, ReLU throughout."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def build(classes: int = 10) -> nn.Module:
    """The network, untrained. Input [N, 1, 28, 28]."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 32, 3, padding=1),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(32, 64, 3, padding=1),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            linear1=nn.Linear(3136, 200),
            relu3=nn.ReLU(),
            linear2=nn.Linear(200, classes),
        )
    )
