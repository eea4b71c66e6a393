"""LeNet-300-100 on 64 pixels: three matrices, two ReLUs (LeCun et al. 1998; the sizes of Han et al. 2015)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def build(pixels: int = 64, classes: int = 10) -> nn.Module:
    """The network, untrained. Input [N, 1, 8, 8]."""
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(pixels, 300),
            relu1=nn.ReLU(),
            fc2=nn.Linear(300, 100),
            relu2=nn.ReLU(),
            fc3=nn.Linear(100, classes),
        )
    )
