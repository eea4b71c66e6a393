"""Held: a mask that is held while a network is trained. What it removes is zero after every step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.mask import Mask

WORDS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
"""The whole numbers as wide as a float of so many bytes."""


class Held:
    """What stays of each parameter, by its name. An optimizer with momentum or decay moves pruned weights, so a loop applies
    this after every step; a parameter that several modules share has one mask."""

    def __init__(self, network: nn.Module, mask: Mask | None = None) -> None:
        self._network = network
        self._kept: dict[str, Tensor] = {}
        self._bits: list[tuple[Tensor, Tensor]] = []
        if mask is not None:
            self.hold(mask.layers())

    def hold(self, kept: Mapping[str, np.ndarray | Tensor]) -> None:
        """From now on exactly this stays, bool by parameter (True: kept), and all other parameters whole."""
        self._kept = {name: _own(stays) for name, stays in kept.items()}
        self._bits = [(self._network.get_parameter(name), one) for name, one in self._kept.items()]
        self._bits = [(one, -stays.to(WORDS[one.element_size()])) for one, stays in self._bits]
        self.apply()

    def apply(self) -> None:
        """What goes is zero. Bit by bit: an AND with no ones is +0 whatever was there, NaN too, and many times as fast as
        filling in by a mask."""
        for parameter, bits in self._bits:
            parameter.detach().view(bits.dtype).bitwise_and_(bits)

    def kept(self) -> dict[str, Tensor]:
        """What stays, bool by parameter. Read it; never write to it."""
        return dict(self._kept)


def _own(stays: np.ndarray | Tensor) -> Tensor:
    """The same in memory of its own: a ranking's mask may not be written to."""
    return stays.clone() if isinstance(stays, Tensor) else torch.from_numpy(np.array(stays))
