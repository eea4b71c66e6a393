"""LeNet-300-100 on 64 pixels: three matrices, two ReLUs (LeCun et al. 1998; the sizes of Han et al. 2015)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def build(pixels: int = 64, classes: int = 10, width: int = 300) -> nn.Module:
    """The network, untrained; the second layer has a third of the first one's `width`. Input [N, 1, 8, 8]."""
    second = max(1, round(width / 3))
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(pixels, width),
            relu1=nn.ReLU(),
            fc2=nn.Linear(width, second),
            relu2=nn.ReLU(),
            fc3=nn.Linear(second, classes),
        )
    )
