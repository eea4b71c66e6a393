"""Outline: a network without its numbers. Every tensor has its name and shape, and none takes memory.

Who brings an architecture's arguments may have written anything in them: an outline is drawn first, and one that grows
beyond all measure is given up before a real network is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pruneviz.engine.sources.gate import SubjectError

# What would fill new parameters with random numbers.
_INITIALISERS = "normal_ trunc_normal_ kaiming_normal_ xavier_normal_ uniform_ kaiming_uniform_ xavier_uniform_ erfinv_"
RANDOM = frozenset((*_INITIALISERS.split(" "), "orthogonal_", "sparse_", "bernoulli_", "exponential_", "log_normal_"))
# Every way to get a new tensor, all of which take sizes and a device.
_MAKERS = frozenset((torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn, torch.randint, torch.eye))
# Real networks have up to a few thousand tensors; to draw as many takes half a second.
MOST_TENSORS, MOST_NUMBERS = 6_000, 1 << 37


class Unfilled(TorchFunctionMode):
    """In this thread, new parameters are left as they are: a card's weights will replace every one of them.

    It spares the time, and it spares the process-wide random stream, which other visitors' work must not feel.
    """

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(function, "__name__", "")
        if name in RANDOM:
            # Zero, not whatever lay in that memory: some initialisers draw again until all values lie within their bounds.
            return (args[0] if args else kwargs["tensor"]).detach().zero_()
        if function in (torch.rand, torch.randn):
            return torch.zeros(*args, **{key: one for key, one in kwargs.items() if key != "generator"})
        return function(*args, **kwargs)


class _Outline(TorchFunctionMode):
    """In this thread, new tensors have a shape and no content, and are counted."""

    def __init__(self, tensors: int, numbers: int) -> None:
        super().__init__()
        self._tensors, self._numbers = tensors, numbers

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        if getattr(function, "__name__", "") in RANDOM:
            return args[0] if args else kwargs["tensor"]
        if function in _MAKERS:
            kwargs = {**{key: one for key, one in kwargs.items() if key != "generator"}, "device": "meta"}
        elif function is torch.arange and any(isinstance(one, int | float) and abs(one) > self._numbers for one in args):
            self._give_up()
        made = function(*args, **kwargs)
        if function in _MAKERS:
            self._count(made)
        return made

    def _count(self, made: Tensor) -> None:
        self._tensors -= 1
        self._numbers -= math.prod(made.shape)
        if self._tensors < 0 or self._numbers < 0:
            self._give_up()

    def _give_up(self) -> None:
        raise SubjectError(
            "the architecture would have more tensors or numbers than are let in: give smaller arguments", "too-large"
        )


@contextmanager
def unfilled() -> Iterator[None]:
    """What is built in here has parameters that nobody has filled."""
    with Unfilled():
        yield


def outline(make: Callable[[], nn.Module], tensors: int = MOST_TENSORS, numbers: int = MOST_NUMBERS) -> nn.Module:
    """The network that `make` builds, every parameter on the meta device; at most so many tensors and numbers."""
    with _Outline(tensors, numbers):
        return make()
