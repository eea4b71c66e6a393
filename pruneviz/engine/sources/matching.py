"""Matching: does a file of weights belong to this network? The answer is a table, and one sentence about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from pruneviz.engine.sources import llama2c, wrapping
from pruneviz.engine.sources.shelf import torchvision, transformers

FITS, MISSING, EXTRA, SHAPE, KIND = "fits", "missing", "too many", "another shape", "another kind"
_WORDS = {MISSING: "missing from the file", EXTRA: "too many", SHAPE: "of another shape", KIND: "of another kind"}


@dataclass(frozen=True, slots=True)
class Row:
    """One tensor: its shape in the file, its shape in the network, and whether they fit."""

    name: str
    stored: tuple[int, ...] | None
    wanted: tuple[int, ...] | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Match:
    """How a file of weights and a network fit: every tensor of either, those that do not fit first."""

    rows: tuple[Row, ...]
    words: str

    @property
    def ok(self) -> bool:
        return all(row.verdict == FITS for row in self.rows)

    @property
    def fits(self) -> int:
        return sum(row.verdict == FITS for row in self.rows)

    @property
    def share(self) -> float:
        """Of all tensors that either has, the share that fits."""
        return self.fits / max(1, len(self.rows))


def match(network: nn.Module, tensors: Mapping[str, Tensor]) -> Match:
    """How the tensors fit the network, by name, shape and kind. No number of the network's is read: an outline will do."""
    return compared(network, fitted(network, tensors)[0])


def fitted(network: nn.Module, found: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors by the names that `network` has for them: llama2.c's and older ones translated, an outer name left out."""
    own = set(network.state_dict())
    size = llama2c.head(network)
    if size and llama2c.named(found) and "tok.weight" not in own:
        found = llama2c.translated(found, size)
    best, words = _renamed(network, found), ()
    for prefix in wrapping.outer(found):
        inner = _renamed(network, wrapping.bare(found, prefix))
        if len(own & set(inner)) > len(own & set(best)):
            best, words = inner, (wrapping.left_out(prefix),)
    return best, words


def compared(network: nn.Module, found: Mapping[str, Tensor]) -> Match:
    """The same table for tensors that go by the network's own names."""
    own = network.state_dict()
    optional = _optional(network, found)
    rows = [
        _row(name, found.get(name), own.get(name))
        for name in (*own, *(one for one in found if one not in own))
        if name in found or name not in optional
    ]
    rows.sort(key=lambda row: row.verdict == FITS)  # stable: in the network's order otherwise
    return Match(tuple(rows), _sentence(rows))


def places(network: nn.Module) -> dict[str, object]:
    """Where each tensor lies: tied ones lie in one place."""
    return {name: _place(tensor) for name, tensor in network.state_dict(keep_vars=True).items()}


def _renamed(network: nn.Module, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if transformers.concerns(network):
        return transformers.renamed(network, found)
    return torchvision.renamed(network.state_dict(), found)


def _place(tensor: Tensor) -> object:
    return id(tensor) if tensor.is_meta or not tensor.numel() else (tensor.data_ptr(), tensor.shape, tensor.stride())


def _optional(network: nn.Module, found: Mapping[str, Tensor]) -> set[str]:
    """What a file need not hold: a tied tensor that it holds under another name, and a counter of batches, which nothing
    reads after training and older files do not have."""
    where = places(network)
    present = {where[name] for name in found if name in where}
    return {name for name, place in where.items() if place in present or name.endswith("num_batches_tracked")}


def _row(name: str, stored: Tensor | None, wanted: Tensor | None) -> Row:
    one, other = (None if tensor is None else tuple(tensor.shape) for tensor in (stored, wanted))
    if stored is None or wanted is None:
        return Row(name, one, other, MISSING if stored is None else EXTRA)
    if one != other:
        return Row(name, one, other, SHAPE)
    return Row(name, one, other, KIND if wanted.is_floating_point() and not stored.is_floating_point() else FITS)


def _sentence(rows: Sequence[Row]) -> str:
    bad = [row for row in rows if row.verdict != FITS]
    if not bad:
        return f"All {len(rows):,} tensors fit."
    groups = ((words, [row for row in bad if row.verdict == verdict]) for verdict, words in _WORDS.items())
    parts = [f"{len(some):,} {words} (such as {some[0].name[:64]})" for words, some in groups if some]
    return f"{len(rows) - len(bad):,} of {len(rows):,} tensors fit; {', '.join(parts)}."
