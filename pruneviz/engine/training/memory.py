"""Memory: what a run has to remember so that it goes on, to the bit, after its process has ended. Tensors by name."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Memory:
    """Tensors by name. They are copied on their way in and never written to afterwards, so whoever stores `tensors()` has a
    picture of one instant, whatever the run does next."""

    def __init__(self, tensors: Mapping[str, Tensor] | None = None) -> None:
        self._tensors = dict(tensors or {})

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def __setitem__(self, name: str, tensor: Tensor) -> None:
        self._tensors[name] = tensor.detach().to("cpu", copy=True).contiguous()

    def tensors(self) -> dict[str, Tensor]:
        """Everything, as it is now."""
        return dict(self._tensors)

    def under(self, place: str) -> dict[str, Tensor]:
        """What lies below a place, by what follows its name and a slash."""
        start = f"{place}/"
        return {name[len(start) :]: tensor for name, tensor in self._tensors.items() if name.startswith(start)}

    def put(self, place: str, tensors: Mapping[str, Tensor]) -> None:
        """These, and nothing else, below a place."""
        self.forget(place)
        for name, tensor in tensors.items():
            self[f"{place}/{name}"] = tensor

    def forget(self, place: str) -> None:
        """Nothing of this name or below it."""
        start = f"{place}/"
        self._tensors = {
            name: tensor for name, tensor in self._tensors.items() if name != place and not name.startswith(start)
        }

    def number(self, name: str, otherwise: int = 0) -> int:
        """A whole number that was noted."""
        return int(self._tensors[name]) if name in self._tensors else otherwise

    def note(self, name: str, number: int) -> None:
        """Notes a whole number."""
        self._tensors[name] = torch.tensor(number, dtype=torch.int64)
