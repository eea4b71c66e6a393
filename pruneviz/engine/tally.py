"""Tally: sums powers of per-sample gradients of one weight, from what flowed in and what flowed back.

One sample's gradient is G = Σ_t δ_t x_tᵀ over the places t where the weight was used: tokens, pixels, calls. With few
places, Σ_i G² is one matrix product over samples and pairs of places, and no G is ever formed.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from pruneviz.engine.tape import Product

Layout = Literal["samples first", "samples last"]
LAYOUTS: tuple[Layout, ...] = ("samples first", "samples last")
PAIRED = 4  # up to this many places, pairs of places cost less than forming every G
BLOCK = 2**20  # floats of G at a time: they stay in the cache between being formed and being summed


class Tally:
    """Σ over samples (and directions) of times · |G|^power for one weight. Adding is all it does; `total` is the answer."""

    def __init__(self, products: list[Product], layout: Layout, samples: int, power: int) -> None:
        self.products, self.layout, self.samples, self.power = products, layout, samples, power
        self.groups = _groups(products[0])
        self.patches = torch.cat([self._patches(product) for product in products], dim=-1)  # [n, G, P, T]
        self.places = self.patches.shape[-1]
        self.paired: Tensor | None = None  # [n, G, O, T, T]
        self.summed: Tensor | None = None  # [G, O, P]

    @staticmethod
    def fits(products: list[Product], layout: Layout, samples: int) -> bool:
        """Whether samples can be told apart in these products: their number divides the rows."""
        return all(
            layout == LAYOUTS[0] and len(product.inputs) == samples
            if product.is_convolution
            else len(product.inputs) % samples == 0
            for product in products
        ) and len({_groups(product) for product in products}) == 1

    def add(self, flows: list[Tensor], times: Tensor | None = None) -> None:
        """Adds one direction: `flows` are the gradients at the products' outputs, `times` [n] weighs the samples."""
        deltas = torch.cat([self._deltas(*pair) for pair in zip(flows, self.products, strict=True)], dim=-1)  # [n, G, O, T]
        if self.places == 1 and self.power == 1:
            self._add_to_pairs(deltas.abs().unsqueeze(-1), times)
        elif self.places <= PAIRED and self.power == 2:
            self._add_to_pairs(deltas.square().unsqueeze(-1) if self.places == 1 else _pairs(deltas), times)
        else:
            self._add_formed(deltas, times)

    def add_diagonal(self, flow: Tensor) -> None:
        """Adds Σ_t r_t x_t² of one product: what a bend of second derivative r right behind the product contributes."""
        deltas = self._deltas(flow, self.products[0])
        self._add_summed(torch.einsum("ngot,ngpt->gop", deltas, self.patches.square()))

    def total(self) -> Tensor:
        """The sum [O, I, *K], in the shape of the weight."""
        product = self.products[0]
        if self.paired is not None:
            other = self.patches.abs().unsqueeze(-1) if self.power == 1 else _pairs(self.patches)
            rows, columns = (part.transpose(0, 1).transpose(1, 2).flatten(2) for part in (self.paired, other))
            self._add_summed(rows @ columns.transpose(1, 2))
            self.paired = None
        if self.summed is None:
            return self.patches.new_zeros(product.shape)
        whole = self.summed.flatten(0, 1)
        return whole.t().contiguous() if product.swapped else whole.reshape(product.shape)

    def _add_to_pairs(self, pairs: Tensor, times: Tensor | None) -> None:
        pairs = pairs if times is None else pairs * times.view(-1, 1, 1, 1, 1)
        self.paired = pairs if self.paired is None else self.paired.add_(pairs)

    def _add_formed(self, deltas: Tensor, times: Tensor | None) -> None:
        step = max(1, BLOCK // (deltas[0, ..., 0].numel() * self.patches.shape[2]))
        for start in range(0, self.samples, step):
            part = slice(start, start + step)
            formed = deltas[part] @ self.patches[part].transpose(2, 3)
            powered = formed.abs_() if self.power == 1 else formed.square_()
            powered = powered if times is None else powered.mul_(times[part].view(-1, 1, 1, 1))
            self._add_summed(powered.sum(0))

    def _add_summed(self, more: Tensor) -> None:
        self.summed = more if self.summed is None else self.summed.add_(more)

    def _rows(self, rows: Tensor) -> Tensor:
        """[rows, D] → [n, 1, D, T]."""
        if self.layout == "samples first":
            return rows.view(self.samples, 1, -1, rows.shape[-1]).transpose(2, 3)
        return rows.view(-1, self.samples, 1, rows.shape[-1]).permute(1, 2, 3, 0)

    def _deltas(self, flow: Tensor, product: Product) -> Tensor:
        if product.is_convolution:
            return flow.reshape(self.samples, self.groups, -1, flow[0, 0].numel())
        return self._rows(flow.reshape(-1, flow.shape[-1]))

    def _patches(self, product: Product) -> Tensor:
        if not product.is_convolution:
            return self._rows(product.inputs)
        node, inputs, kernel = product.node, product.inputs, product.shape[2:]
        where = [tuple(node._saved_dilation), tuple(node._saved_padding), tuple(node._saved_stride)]
        if inputs.ndim == 3 and len(where[0]) == 1:  # a one-dimensional convolution is one pixel high
            inputs, kernel = inputs.unsqueeze(2), (1, *kernel)
            where = [(fill, *pair) for fill, pair in zip((1, 0, 1), where, strict=True)]
        patches = functional.unfold(inputs, kernel, *where)
        return patches.view(self.samples, self.groups, -1, patches.shape[-1])


def _groups(product: Product) -> int:
    return product.node._saved_groups if product.is_convolution else 1


def _pairs(parts: Tensor) -> Tensor:
    """Products of all pairs of places [n, G, D, T, T]."""
    return parts.unsqueeze(-1) * parts.unsqueeze(-2)
