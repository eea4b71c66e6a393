"""LeNet-300-100: three matrices, two ReLUs (LeCun et al. 1998), with the names of Caffe's own."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def build(classes: int = 10, width: int = 300) -> nn.Module:
    """The network, untrained; the second layer has a third of the first one's `width`. Input [N, 1, 28, 28]."""
    second = max(1, round(width / 3))
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            ip1=nn.Linear(784, width),
            relu1=nn.ReLU(),
            ip2=nn.Linear(width, second),
            relu2=nn.ReLU(),
            ip3=nn.Linear(second, classes),
        )
    )
