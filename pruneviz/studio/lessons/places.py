"""Places: the pages of the menu by their addresses, as a lesson names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """The pages of the menu, each as (file, title, address); the first is what the app's own address opens."""

    pages: Sequence[tuple[str, str, str]]

    def has(self, address: str) -> bool:
        return any(one[2] == address for one in self.pages)

    def file(self, address: str) -> str:
        """The file of a page; that of the first where there is no such page."""
        return next((one[0] for one in self.pages if one[2] == address), self.pages[0][0])

    def title(self, address: str) -> str:
        return next((one[1] for one in self.pages if one[2] == address), self.pages[0][1])

    def path(self, address: str) -> str:
        """What follows the app's own address: nothing for the first page, or where there is no such page."""
        return address if self.has(address) and address != self.pages[0][2] else ""
