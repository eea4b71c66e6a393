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
BLOCK = 2**18  # floats of G at a time: they stay in the cache between being formed and being summed
THIN = 32  # from this many places and inputs on, joining directions to one wide product pays
WAITING = (
    2**23
)  # floats of δ that wait for each other, so that the patches of a convolution are laid out once for many directions


class Tally:
    """Σ over samples (and directions) of times · |G|^power for one weight. Adding is all it does; `total` is the answer."""

    def __init__(self, products: list[Product], layout: Layout, samples: int, power: int) -> None:
        self.products, self.layout, self.samples, self.power = products, layout, samples, power
        self.groups = _groups(products[0])
        self.paired: Tensor | None = None  # [n, G, O, T, T]
        self.summed: Tensor | None = None  # [G, O, P]
        self.waiting: list[tuple[Tensor, Tensor | None]] = []

    @staticmethod
    def fits(products: list[Product], layout: Layout, samples: int) -> bool:
        """Whether samples can be told apart in these products: their number divides the rows."""
        return (
            all(
                layout == LAYOUTS[0] and len(product.inputs) == samples
                if product.is_convolution
                else len(product.inputs) % samples == 0
                for product in products
            )
            and len({_groups(product) for product in products}) == 1
        )

    def add(self, flows: list[Tensor], times: Tensor | None = None) -> None:
        """Adds one direction: `flows` are the gradients at the products' outputs, `times` [n] weighs the samples."""
        deltas = _joined([self._deltas(*pair) for pair in zip(flows, self.products, strict=True)])  # [n, G, O, T]
        places = deltas.shape[-1]
        if places == 1 and self.power == 1:
            self._add_to_pairs(deltas.abs().unsqueeze(-1), times)
        elif places == 1 and self.paired is not None:
            self.paired.addcmul_(
                (deltas if times is None else deltas * times.view(-1, 1, 1, 1))[..., None], deltas[..., None]
            )
        elif places <= PAIRED and self.power == 2:
            self._add_to_pairs(_pairs(deltas), times)
        else:
            if self.waiting and (self.waiting[0][1] is None) != (times is None):
                self._form()
            self.waiting.append((deltas, times))
            if len(self.waiting) * deltas.numel() >= WAITING:
                self._form()

    def add_diagonal(self, flow: Tensor) -> None:
        """Adds Σ_t r_t x_t² of one product: what a bend of second derivative r right behind the product contributes."""
        deltas = self._deltas(flow, self.products[0])
        self._add_summed(torch.einsum("ngot,ngpt->gop", deltas, self._patches().square()))

    def total(self) -> Tensor:
        """The sum [O, I, *K], in the shape of the weight."""
        product = self.products[0]
        self._form()
        if self.paired is not None:
            patches = self._patches()
            other = patches.abs().unsqueeze(-1) if self.power == 1 else _pairs(patches)
            rows, columns = (part.transpose(0, 1).transpose(1, 2).flatten(2) for part in (self.paired, other))
            self._add_summed(rows @ columns.transpose(1, 2))
            self.paired = None
        if self.summed is None:
            return product.inputs.new_zeros(product.shape)
        whole = self.summed.flatten(0, 1)
        return whole.t().contiguous() if product.swapped else whole.reshape(product.shape)

    def _add_to_pairs(self, pairs: Tensor, times: Tensor | None) -> None:
        pairs = pairs if times is None else pairs * times.view(-1, 1, 1, 1, 1)
        self.paired = pairs if self.paired is None else self.paired.add_(pairs)

    def _form(self) -> None:
        """Forms the waiting G, a few samples at a time, and sums their powers."""
        if not self.waiting:
            return
        (_, groups, outputs, places), many = self.waiting[0][0].shape, len(self.waiting)
        width = torch.Size(self.products[0].shape).numel() // (groups * outputs)
        joined = min(places, width) >= THIN  # thin products are joined to one wide product, others take turns
        step = max(1, BLOCK // ((many if joined else 1) * groups * outputs * width))
        for start in range(0, self.samples, step):
            part = slice(start, start + step)
            patches = self._patches(part).transpose(2, 3)
            for some in [self.waiting] if joined else [[one] for one in self.waiting]:
                self._add_summed(self._powered(some, part, patches).sum((0, 2)))
        self.waiting = []

    def _powered(self, some: list[tuple[Tensor, Tensor | None]], part: slice, patches: Tensor) -> Tensor:
        """times · |G|^power of some directions D and samples: [n, G, D, O, P]."""
        outputs = some[0][0].shape[2]
        deltas = torch.stack([deltas[part] for deltas, _ in some], dim=2).flatten(2, 3) if some[1:] else some[0][0][part]
        formed = deltas @ patches
        powered = (formed.abs_() if self.power == 1 else formed.square_()).unflatten(2, (len(some), outputs))
        if some[0][1] is None:
            return powered
        times = torch.stack([times[part] for _, times in some], dim=1)
        return powered.mul_(times.view(-1, 1, len(some), 1, 1))

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

    def _patches(self, part: slice = slice(None)) -> Tensor:
        """What flowed in at each place, of the samples in `part`: [n, G, P, T]."""
        return _joined([self._flowed_in(product, part) for product in self.products])

    def _flowed_in(self, product: Product, part: slice) -> Tensor:
        if product.is_convolution:
            return _unfolded(product, product.inputs[part], self.groups)
        return self._rows(product.inputs)[part]


def _unfolded(product: Product, inputs: Tensor, groups: int) -> Tensor:
    """A convolution's inputs [n, I, *extent] as the patches that its kernel sees [n, G, I/G·K, T]."""
    node, kernel = product.node, product.shape[2:]
    where = [tuple(node._saved_dilation), tuple(node._saved_padding), tuple(node._saved_stride)]
    if inputs.ndim == 3:  # a one-dimensional convolution is one pixel high
        inputs, kernel = inputs.unsqueeze(2), (1, *kernel)
        where = [(fill, pair[-1]) for fill, pair in zip((1, 0, 1), where, strict=True)]
    patches = functional.unfold(inputs, kernel, *where)
    return patches.view(len(inputs), groups, -1, patches.shape[-1])


def _groups(product: Product) -> int:
    return product.node._saved_groups if product.is_convolution else 1


def _joined(parts: list[Tensor]) -> Tensor:
    """The places of all calls in a row."""
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def _pairs(parts: Tensor) -> Tensor:
    """Products of all pairs of places [n, G, D, T, T]."""
    return parts.unsqueeze(-1) * parts.unsqueeze(-2)
