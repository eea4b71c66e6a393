"""Gates: how strongly each sample's loss feels a gate on a unit begin to close, |∂ℓ/∂ξ| at ξ = 1, for all units at once.

A gate on a unit multiplies the weights that read it, so its derivative is Σ w ∂ℓ/∂w over them. What flowed into these
weights and what flowed back gives it for every sample of a batch in one pass; where that cannot be read off, samples are
differentiated one by one with gates in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from pruneviz.engine import stream
from pruneviz.engine.calibration import Calibration
from pruneviz.engine.rehearsal import ROOM, differentiating
from pruneviz.engine.structure.units import NOBODY, Group, Structure
from pruneviz.engine.subject import Subject
from pruneviz.engine.tally import LAYOUTS, Layout
from pruneviz.engine.tape import Product, Tape, read
from pruneviz.engine.working import private

Place = tuple[str, int]
"""A tensor and the axis along which units read it."""
Told = Callable[[int, int], None]
MOST = 64  # samples at a time


def gradients(subject: Subject, structure: Structure, data: Calibration, told: Told | None = None) -> dict[str, Tensor]:
    """The mean over predictions of |∂ℓ/∂ξ|, float64 [U], by group."""
    if any(group.blocks for group in structure.removable):
        return _of_layers(subject, structure, data, told)
    places = tuple(dict.fromkeys((part.tensor, part.axis) for g in structure.removable for part in g.of("reads")))
    network, weights = private(subject.network, frozenset(tensor for tensor, _ in places))
    total = {group.name: torch.zeros(group.units, dtype=torch.float64) for group in structure.removable}
    if not places:
        return total
    with differentiating():
        layouts, size = _first_look(network, weights, places, data.at(slice(0, 2)))
        done = 0
        for some in data.split(size):
            pulls = _pulls(network, weights, places, layouts, some)
            for group in structure.removable:
                total[group.name] += _by_unit(group, pulls, len(some)).abs().sum(0)
            done += len(some)
            if told:
                told(done, len(data))
    return {name: value / data.predictions for name, value in total.items()}


def _first_look(
    network: nn.Module, weights: dict[str, nn.Parameter], places: tuple[Place, ...], few: Calibration
) -> tuple[dict[Place, Layout], int]:
    """Which places can be read off the tape, and how its rows are ordered; and how many samples to take at a time.

    Two samples are differentiated one by one and compared: whoever mixes samples in a way that is not understood here
    is left to the general way.
    """
    true = _one_by_one(network, weights, places, few)
    outputs = few.outputs(network)
    loss = few.losses(outputs).sum()
    tape = read(loss, weights)
    flows = _flows(loss, tape)
    layouts: dict[Place, Layout] = {}
    for place in places:
        for layout in LAYOUTS:
            found = _read_off(tape, flows, weights, place, layout, len(few))
            if found is not None and (found - true[place]).abs().max() <= 1e-3 * true[place].abs().max():
                layouts[place] = layout  # not a number agrees with nothing
                break
    read_in = sum(product.inputs.numel() for products in tape.products.values() for product in products)
    room = (read_in + outputs.numel()) // len(few)
    return layouts, max(1, min(MOST, ROOM // (4 * max(1, room))))


def _pulls(
    network: nn.Module, weights: dict[str, nn.Parameter], places: tuple[Place, ...], layouts: dict[Place, Layout],
    some: Calibration,
) -> dict[Place, Tensor]:  # fmt: skip
    """Per place, Σ w ∂ℓ/∂w over everything that stands at a position of its axis, [n, size]."""
    rest = tuple(place for place in places if place not in layouts)
    pulls = _one_by_one(network, weights, rest, some) if rest else {}
    if layouts:
        loss = some.losses(some.outputs(network)).sum()
        tape = read(loss, {tensor: weights[tensor] for tensor, _ in layouts})
        flows = _flows(loss, tape)
        for place, layout in layouts.items():
            pulls[place] = _read_off(tape, flows, weights, place, layout, len(some))
    return pulls


def _one_by_one(
    network: nn.Module, weights: dict[str, nn.Parameter], places: tuple[Place, ...], some: Calibration
) -> dict[Place, Tensor]:
    """The general way: a gate of its own at every position, one sample at a time."""
    rows: dict[Place, list[Tensor]] = {place: [] for place in places}
    for one in some.split(1):
        gates = {place: weights[place[0]].new_ones(weights[place[0]].shape[place[1]]).requires_grad_() for place in places}
        gated = {tensor: weights[tensor] for tensor, _ in places}
        for (tensor, axis), gate in gates.items():
            gated[tensor] = gated[tensor] * gate.view([-1 if at == axis else 1 for at in range(gated[tensor].ndim)])
        loss = one.losses(one.outputs(network, gated)).sum()
        found = torch.autograd.grad(loss, list(gates.values()), materialize_grads=True)
        for place, gradient in zip(places, found, strict=True):
            rows[place].append(gradient.detach())
    return {place: torch.stack(found) for place, found in rows.items()}


def _flows(loss: Tensor, tape: Tape) -> dict[int, Tensor]:
    """What flowed back to each product on the tape."""
    products = [product for found in tape.products.values() for product in found]
    if not products:
        return {}
    return dict(zip(map(id, products), torch.autograd.grad(loss, [product.edge for product in products]), strict=True))


def _read_off(
    tape: Tape, flows: Mapping[int, Tensor], weights: Mapping[str, Tensor], place: Place, layout: Layout, n: int
) -> Tensor | None:
    """The pulls of one place [n, size], summed over all uses of its tensor; None where a use cannot be read."""
    tensor, axis = place
    parts = [
        _pull(product, flows[id(product)], weights[tensor].detach(), axis, layout, n)
        for product in tape.products.get(tensor, ())
    ]
    return None if not parts or any(part is None for part in parts) else sum(parts[1:], parts[0])


def _pull(product: Product, flow: Tensor, weight: Tensor, axis: int, layout: Layout, n: int) -> Tensor | None:
    if product.is_convolution:
        return _convolution_pull(product, flow, weight, axis) if layout == LAYOUTS[0] and len(flow) == n else None
    inwards = axis == (0 if product.swapped else 1)
    rows, outputs_first = product.inputs.flatten(0, -2), weight.t() if product.swapped else weight
    flow = flow.flatten(0, -2)
    if len(rows) % n:
        return None
    felt = rows * (flow @ outputs_first) if inwards else flow * (rows @ outputs_first.t())
    return felt.view(n, -1, felt.shape[1]).sum(1) if layout == LAYOUTS[0] else felt.view(-1, n, felt.shape[1]).sum(0)


def _convolution_pull(product: Product, flow: Tensor, weight: Tensor, axis: int) -> Tensor | None:
    node, inputs = product.node, product.inputs
    where = [list(node._saved_stride), list(node._saved_padding), list(node._saved_dilation)]
    if axis == 1:
        back, _, _ = torch.ops.aten.convolution_backward(
            flow, inputs, weight, None, *where, False, [0] * len(where[0]), node._saved_groups, [True, False, False]
        )
        felt = (inputs * back).flatten(2).sum(2)
        return felt.view(len(felt), node._saved_groups, -1).sum(1)
    if axis == 0:
        made = torch.convolution(inputs, weight, None, *where, False, [0] * len(where[0]), node._saved_groups)
        return (flow * made).flatten(2).sum(2)
    return None


def _by_unit(group: Group, pulls: Mapping[Place, Tensor], n: int) -> Tensor:
    """The derivative at each unit's gate, float64 [n, U]: the sum over all that read it."""
    total = torch.zeros(n, group.units, dtype=torch.float64)
    for part in group.of("reads"):
        owned = torch.from_numpy(part.owner != NOBODY)
        owner = torch.from_numpy(part.owner).to(torch.int64)[owned]
        total.index_add_(1, owner, pulls[part.tensor, part.axis].double().cpu()[:, owned])
    return total


def _of_layers(subject: Subject, structure: Structure, data: Calibration, told: Told | None) -> dict[str, Tensor]:
    """Gates on what each block adds to its input: x + ξ (block(x) − x)."""
    blocks = tuple(block for group in structure.removable for block in group.blocks)
    network, _ = private(subject.network)
    with differentiating():
        axes = stream.sample_axes(network, blocks, data)
        total, done = dict.fromkeys(blocks, 0.0), 0
        for some in data.split(stream.chunk(network, blocks, data)):
            gates = {block: torch.ones(len(some), dtype=torch.float64, requires_grad=True) for block in blocks}
            with stream.gated(network, gates, axes):
                loss = some.losses(some.outputs(network)).sum()
            for block, felt in zip(
                blocks, torch.autograd.grad(loss, list(gates.values()), materialize_grads=True), strict=True
            ):
                total[block] += float(felt.abs().sum(dtype=torch.float64))
            done += len(some)
            if told:
                told(done, len(data))
    return {
        group.name: torch.tensor([total[block] for block in group.blocks], dtype=torch.float64) / data.predictions
        for group in structure.removable
    }
