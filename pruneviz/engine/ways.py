"""Ways: the networks that one Recipe stands for: dense, with zeros in dense storage, sparse, 2:4, and really smaller.

All are private copies or share the subject's tensors; the subject itself is never changed.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine import cost, evaluate, scope, sparse
from pruneviz.engine.structure import surgery
from pruneviz.engine.structure.units import KINDS, Kept, Structure
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe
from pruneviz.truths import DENSE, SEMI

AGREES = 1e-4
"""How far a sparse network's outputs may lie from the masked one's, max|Δ| / max|output|, in float32."""

Inputs = Tensor | dict[str, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """What a Recipe takes away: the weights that stay, and the units that stay in the network that is really smaller.

    `masks` [O, I, *K] by the name of each prunable weight. `granularity` and `amount` are those of the units; `reason` says
    why there is no smaller network.
    """

    masks: Mapping[str, np.ndarray]
    structure: Structure | None = None
    kept: Kept | None = None
    granularity: str = ""
    amount: float = 0.0
    reason: str = ""

    @property
    def removed(self) -> int:
        return sum(int((~mask).sum()) for mask in self.masks.values())

    @property
    def sparsity(self) -> float:
        return self.removed / max(1, sum(mask.size for mask in self.masks.values()))


def choose(subject: Subject, recipe: Recipe) -> Cut:
    """What goes. Where the Recipe takes single weights, the smaller network loses units until as few parameters are left."""
    standing = evaluate.stand(subject, recipe)
    cut = Cut(evaluate.mask(recipe, standing).layers())
    if recipe.granularity in KINDS:
        kept = evaluate.kept(recipe, standing)
        return replace(cut, structure=standing.structure, kept=kept, granularity=recipe.granularity, amount=recipe.amount)
    for kind in KINDS:
        try:
            if evaluate.structure_of(subject, kind).units:
                return _same_budget(subject, recipe, kind, cut)
        except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError) as problem:
            cut = replace(cut, reason=f"{kind}s cannot be found here: {' '.join(str(problem).split())[:160]}")
    return cut if cut.reason else replace(cut, reason="no filter, neuron, head or layer of this network can go")


def _same_budget(subject: Subject, recipe: Recipe, kind: str, cut: Cut) -> Cut:
    """The units that go so that as many parameters are left as the zeros leave, or as near as whole units come."""
    standing = evaluate.stand(subject, at_units(recipe, kind))
    counted = cost.count(subject.skeleton(), inputs_of(subject, 1))
    wanted, n = counted.parameters - cut.removed, standing.structure.units
    low, high = 0, n
    while low < high:  # the fewest units after which no more parameters are left than wanted
        middle = (low + high) // 2
        left, _ = cost.after(counted, standing.structure, standing.ranking.kept(middle / n))
        low, high = (low, middle) if left <= wanted else (middle + 1, high)
    near = [max(0, low - 1), low]
    gap = {one: abs(cost.after(counted, standing.structure, standing.ranking.kept(one / n))[0] - wanted) for one in near}
    amount = min(near, key=gap.get) / n
    return replace(
        cut, structure=standing.structure, kept=standing.ranking.kept(amount), granularity=kind, amount=amount, reason=""
    )


def at_units(recipe: Recipe, kind: str, amount: float = 0.0) -> Recipe:
    """The same opinion about units: what was said of single layers is left out, and a scope that units do not know."""
    rule = recipe.scope if recipe.scope in scope.shelf(units=True) else "global"
    return replace(recipe, granularity=kind, scope=rule, amount=amount, spared=(), overrides=(), gone=(), back=())


def dense(subject: Subject) -> nn.Module:
    """The network as it is, on tensors that it shares with the subject."""
    return subject.skeleton().eval().requires_grad_(False)


def with_zeros(subject: Subject, masks: Mapping[str, np.ndarray]) -> nn.Module:
    """The network with zeros where weights went, stored as before.

    Filters, neurons and heads are silent then, because who read them reads nothing. A layer is not: its weights are zero,
    but its biases and norms still speak, so this is not the network in which the layer is passed by.
    """
    network = dense(subject)
    for layer in subject.layers:
        weight = subject.parameter(layer)
        thin = torch.where(torch.from_numpy(masks[layer.name].copy()), weight, weight.new_zeros(()))
        put(network, (layer.name, *layer.aliases), thin)
    return network


def in_csr(network: nn.Module, inputs: Inputs) -> nn.Module:
    """The same network, multiplied by torch's CSR kernels; it is compared, and refused where it computes something else."""
    stored = copy.deepcopy(network, memo={id(one): one for one in (*network.parameters(), *network.buffers())})
    done, _ = sparse.to_csr(stored)
    if not done:
        raise ValueError("there is no linear or convolutional layer that CSR could stand in for")
    before, after = (surgery.logits(call(one, inputs)) for one in (network, stored))
    difference = float((before - after).abs().max() / before.abs().max().clamp(min=1e-30))
    if not difference <= AGREES:
        raise ValueError(f"in CSR it computes something else, by {difference:.2g} of its largest output")
    return stored


def in_semi(network: nn.Module) -> dict[str, nn.Module]:
    """On the GPU, in half precision: the dense network, and the same with its linear layers in 2:4."""
    whole = copy.deepcopy(network).cuda().half()
    half = copy.deepcopy(whole)
    for module in half.modules():
        if type(module) is nn.Linear and sparse.fits_semi(module.weight.shape):
            module.weight = nn.Parameter(sparse.two_of_four(module.weight), requires_grad=False)
    if not sparse.to_semi(half):
        raise ValueError("no linear layer has a size that 2:4 kernels take (multiples of 32 outputs and 64 inputs)")
    return {DENSE: whole, SEMI: half}


def smaller(network: nn.Module, cut: Cut, inputs: Inputs) -> tuple[nn.Module, surgery.Proof]:
    """The network without what went, and the proof that it computes what the masked one computes."""
    network, _, proof = surgery.remove(network, cut.structure, cut.kept, inputs)
    return network.eval().requires_grad_(False), proof


def thinned(weight: Tensor, share: float) -> Tensor:
    """The weight with its smallest `share` at zero; at most half a weight more or less."""
    gone = round(share * weight.numel())
    flat = weight.detach().clone().reshape(-1)
    flat[flat.abs().argsort(stable=True)[:gone]] = 0
    return flat.view(weight.shape)


def put(network: nn.Module, names: tuple[str, ...], tensor: Tensor) -> None:
    """Hangs one tensor into a private network, under all of its names."""
    parameter = nn.Parameter(tensor, requires_grad=False)
    for name in names:
        owner, _, attribute = name.rpartition(".")
        setattr(network.get_submodule(owner), attribute, parameter)


def largest(network: nn.Module, inputs: Inputs) -> tuple[str, Tensor] | None:
    """Of the layers that run, the one with the largest matrix that CSR could stand in for, and what flows into it."""
    seen: dict[str, Tensor] = {}
    hooks = [
        module.register_forward_pre_hook(lambda _module, given, name=name: seen.update({name: given[0]}))
        for name, module in network.named_modules()
        if sparse.stands_in(module)
    ]
    try:
        call(network, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    name = max(seen, key=lambda one: network.get_submodule(one).weight.numel(), default=None)
    return None if name is None else (name, seen[name].detach().contiguous())


def inputs_of(subject: Subject, batch: int, length: int = 0) -> Inputs:
    """A batch of held-out inputs, taken round and round; of sequences the first `length` places (0: all)."""
    found = subject.held_out.inputs(torch.arange(batch) % len(subject.held_out))
    cut = {name: _short(one, length) for name, one in found.items()} if isinstance(found, dict) else _short(found, length)
    return cut


def tokens_of(subject: Subject, length: int = 0) -> int:
    """How many tokens one input of a language model has, as `inputs_of` gives it; 0 of any other model."""
    return inputs_of(subject, 1, length).shape[1] if subject.task == "language_modelling" else 0


def bytes_of_one(subject: Subject) -> int:
    """How many bytes one input takes, or what the network makes of it where that is more."""
    inputs = inputs_of(subject, 1)
    with torch.no_grad():
        outputs = surgery.logits(call(dense(subject), inputs))
    given = [*inputs.values()] if isinstance(inputs, dict) else [inputs]
    return max(one.numel() * one.element_size() for one in (*given, outputs))


def _short(tensor: Tensor, length: int) -> Tensor:
    """Whole numbers [N, T] are tokens; anything else has no length to choose."""
    tokens = tensor.ndim == 2 and not tensor.is_floating_point()
    return tensor[:, :length].contiguous() if length and tokens else tensor


def call(network: nn.Module, inputs: Inputs) -> object:
    """One forward pass."""
    return network(**inputs) if isinstance(inputs, dict) else network(inputs)


def on_gpu(inputs: Inputs) -> Inputs:
    """The inputs on the GPU, floating-point ones in half precision."""
    if isinstance(inputs, dict):
        return {name: on_gpu(one) for name, one in inputs.items()}
    return inputs.cuda().half() if inputs.is_floating_point() else inputs.cuda()
