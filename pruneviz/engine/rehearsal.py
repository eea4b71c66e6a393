"""Rehearsal: a private network to differentiate, and per-sample gradients summed without ever holding all of them.

The network shares the subject's weights and owns everything else. Derivatives are asked of autograd as values; nothing is
written to a `.grad`, no hook is set, and no weight is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.engine.batches import Inputs, at, precision, rows, said, split
from pruneviz.engine.subject import Subject
from pruneviz.engine.tally import LAYOUTS, Layout, Tally
from pruneviz.engine.tape import Kind, Tape, read

# What one chunk of samples may keep: 64 M floats are 256 MB.
ROOM = 2**26

Cotangents = Callable[[Tensor, Tensor], Iterable[Tensor]]
"""(logits [n, …, C], labels [n, …]) → directions [n, …, C] at the logits, one at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Rehearsal:
    """A private network in eval mode, its prunable weights by layer name, and what a first look at two samples showed."""

    network: nn.Module
    weights: dict[str, nn.Parameter]
    layouts: dict[str, Layout]  # the weights whose per-sample gradients can be read off the tape
    kind: Kind
    classes: int
    chunk: int

    @property
    def rest(self) -> list[str]:
        """The weights whose per-sample gradients need the general, slower way."""
        return [name for name in self.weights if name not in self.layouts]


@contextmanager
def differentiating() -> Iterator[None]:
    """Derivatives work here, whatever mode the caller was in."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def rehearse(subject: Subject, inputs: Inputs) -> Rehearsal:
    """A private network for `inputs` [N, …], after a first look at two samples."""
    few = at(inputs, slice(0, 2))
    with differentiating():
        network, weights = _private(subject, precision(inputs))
        logits = said(network, few)
        places = subject.held_out.labels.ndim - 1  # a text has a label at every place
        if logits.ndim != 2 + places or len(logits) != rows(few):
            wanted = f"logits [samples, {'places, ' * places}classes]"
            raise ValueError(f"{subject.title} gave {list(logits.shape)} for {rows(few)} samples; gradients need {wanted}")
        tape = read(logits, weights)
        layouts = _layouts(network, weights, tape, logits, few)
        room = sum(p.inputs.numel() for found in tape.products.values() for p in found) // rows(few)
    return Rehearsal(network, weights, layouts, tape.kind, logits.shape[-1], max(1, min(512, ROOM // (4 * max(1, room)))))


def chunks(rehearsal: Rehearsal, inputs: Inputs, labels: Tensor) -> Iterator[tuple[Inputs, Tensor, Tensor]]:
    """(inputs, labels, logits) of a few samples at a time, the logits ready to be differentiated."""
    for some, theirs in zip(split(inputs, rehearsal.chunk), labels.split(rehearsal.chunk), strict=True):
        yield some, theirs, said(rehearsal.network, some)


def tallies(rehearsal: Rehearsal, tape: Tape, samples: int, power: int) -> dict[str, Tally]:
    """An empty tally for each weight on the tape."""
    return {
        name: Tally(tape.products[name], layout, samples, power)
        for name, layout in rehearsal.layouts.items()
        if name in tape.products
    }


def spread(logits: Tensor, books: dict[str, Tally], cotangent: Tensor, times: Tensor | None = None) -> None:
    """Propagates one direction to all weights on the tape and adds their per-sample gradients to the tallies."""
    edges = [product.edge for book in books.values() for product in book.products]
    if edges:
        found = iter(torch.autograd.grad(logits, edges, cotangent, retain_graph=True))
        for book in books.values():
            book.add([next(found) for _ in book.products], times)


def sums(rehearsal: Rehearsal, inputs: Inputs, labels: Tensor, cotangents: Cotangents, power: int) -> dict[str, Tensor]:
    """Σ over samples and directions of |g|^power, by layer, g [O, I, *K] being one sample's gradient along a direction."""
    total = {name: torch.zeros_like(weight) for name, weight in rehearsal.weights.items()}
    with differentiating():
        for some, theirs, logits in chunks(rehearsal, inputs, labels):
            tape = read(logits, rehearsal.weights)
            books = tallies(rehearsal, tape, len(theirs), power)
            for cotangent in cotangents(logits.detach(), theirs):
                spread(logits, books, cotangent)
                _add_rest(rehearsal, some, cotangent, power, total)
            for name, book in books.items():
                total[name] += book.total()
    return {name: value.detach() for name, value in total.items()}


def _private(subject: Subject, dtype: torch.dtype) -> tuple[nn.Module, dict[str, nn.Parameter]]:
    """The skeleton with parameters of its own over the same memory, tied ones still tied, and copies of the buffers."""
    network = subject.skeleton().eval()
    weights = {layer.name: nn.Parameter(network.get_parameter(layer.name).detach().to(dtype)) for layer in subject.layers}
    known = {name: weights[layer.name] for layer in subject.layers for name in (layer.name, *layer.aliases)}
    own = set(map(id, weights.values()))
    same = {id(network.get_parameter(name)): weight for name, weight in known.items()}
    for place, module in network.named_modules(remove_duplicate=False):
        for name, old in list(module._parameters.items()):
            if old is not None and id(old) not in own:
                weight = same.get(id(old), known.get(f"{place}.{name}" if place else name))
                module._parameters[name] = weight if weight is not None else _constant(old, dtype)
        for name, old in list(module._buffers.items()):
            if old is not None:
                module._buffers[name] = old.detach().to(dtype, copy=True) if old.is_floating_point() else old.clone()
    return network, weights


def _constant(old: nn.Parameter, dtype: torch.dtype) -> nn.Parameter:
    return nn.Parameter(old.detach().to(dtype) if old.is_floating_point() else old.detach(), requires_grad=False)


def _layouts(
    network: nn.Module, weights: dict[str, nn.Parameter], tape: Tape, logits: Tensor, few: Inputs
) -> dict[str, Layout]:
    """Which weights' per-sample gradients can be read off the tape, and how its rows are ordered.

    Two samples are differentiated one by one and compared: whoever mixes samples in a way that is not understood here
    is left to the general way.
    """
    direction = torch.cos(torch.arange(logits[0].numel(), dtype=logits.dtype, device=logits.device) + 1)
    direction = direction.view(logits.shape[1:])
    true = dict.fromkeys(weights, 0)
    for one in split(few, 1):
        gradients = torch.autograd.grad(said(network, one), list(weights.values()), direction[None], allow_unused=True)
        for name, gradient in zip(weights, gradients, strict=True):
            true[name] = true[name] + (gradient.abs() if gradient is not None else torch.zeros_like(weights[name]))
    layouts: dict[str, Layout] = {}
    for layout in LAYOUTS:
        open_ = {name: found for name, found in tape.products.items() if name not in layouts}
        books = {
            name: Tally(found, layout, rows(few), 1) for name, found in open_.items() if Tally.fits(found, layout, rows(few))
        }
        spread(logits, books, direction.expand_as(logits))
        for name, book in books.items():
            off = (book.total() - true[name]).abs().max() > 1e-3 * true[name].max()
            if not off:  # not a number agrees with itself
                layouts[name] = layout
    return layouts


def _add_rest(rehearsal: Rehearsal, some: Inputs, cotangent: Tensor, power: int, total: dict[str, Tensor]) -> None:
    if not rehearsal.rest:
        return
    for gradients in _one_by_one(rehearsal, some, cotangent):
        for name, gradient in zip(rehearsal.rest, gradients, strict=True):
            total[name] += (gradient.abs() if power == 1 else gradient.square()).sum(0)


def _one_by_one(rehearsal: Rehearsal, some: Inputs, cotangent: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Per-sample gradients [n, O, I, *K] of the weights off the tape: by `vmap`, or one sample at a time where it fails."""
    weights = {name: rehearsal.weights[name].detach() for name in rehearsal.rest}
    floats = sum(weight.numel() for weight in weights.values())
    step = max(1, ROOM // (2 * floats))

    def along(values: dict[str, Tensor], sample: Inputs, direction: Tensor) -> Tensor:
        alone = {name: one[None] for name, one in sample.items()} if isinstance(sample, dict) else sample[None]
        return (said(rehearsal.network, alone, values)[0] * direction).sum()

    for part, directions in zip(split(some, step), cotangent.split(step), strict=True):
        try:
            found = torch.func.vmap(torch.func.grad(along), in_dims=(None, 0, 0))(weights, part, directions)
            yield tuple(found[name] for name in rehearsal.rest)
        except (RuntimeError, ValueError, TypeError, UserWarning):  # an operation that vmap cannot batch
            for sample, direction in zip(split(part, 1), directions.split(1), strict=True):
                asked = [rehearsal.weights[name] for name in rehearsal.rest]
                found = torch.autograd.grad(said(rehearsal.network, sample), asked, direction, materialize_grads=True)
                yield tuple(gradient[None] for gradient in found)
