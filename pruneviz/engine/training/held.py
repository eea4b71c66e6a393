"""Held: a mask that is held while a network is trained. What it removes is zero after every step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.mask import Mask


class Held:
    """What goes of each parameter, by its name. An optimizer with momentum or decay moves pruned weights, so a loop applies
    this after every step; a parameter that several modules share has one mask."""

    def __init__(self, network: nn.Module, mask: Mask | None = None) -> None:
        self._network = network
        self._gone: dict[str, Tensor] = {}
        if mask is not None:
            self.hold(mask.layers())

    def hold(self, kept: Mapping[str, np.ndarray | Tensor]) -> None:
        """From now on exactly this stays, bool by parameter (True: kept), and all other parameters whole."""
        self._gone = {name: ~torch.as_tensor(stays) for name, stays in kept.items()}
        self.apply()

    def apply(self) -> None:
        """What goes is zero."""
        with torch.no_grad():
            for name, gone in self._gone.items():
                self._network.get_parameter(name).masked_fill_(gone, 0.0)

    def kept(self) -> dict[str, Tensor]:
        """What stays, bool by parameter."""
        return {name: ~gone for name, gone in self._gone.items()}
