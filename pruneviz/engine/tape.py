"""Tape: what autograd remembers of one forward pass, read without a single hook.

The graph behind the logits names every product of a weight with its inputs, keeps those inputs, and says whether the
network is piecewise linear. Reading it sees functional calls, attention and in-place activations as they really ran.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, Node

Kind = Literal["piecewise linear", "smooth", "other"]

# Linear in what flows in; shapes and sums, nothing else.
LINEAR = frozenset({
    "View", "UnsafeView", "ReshapeAlias", "AsStrided", "T", "Transpose", "Permute", "Expand", "Squeeze", "Unsqueeze",
    "Slice", "Select", "Cat", "Stack", "Clone", "Alias", "Add", "Sub", "Rsub", "Neg", "Sum", "Mean", "AvgPool2D",
    "AdaptiveAvgPool2D", "MkldnnAdaptiveAvgPool2D", "ConstantPadNd", "ReflectionPad2D", "ReplicationPad2D",
    "UpsampleNearest2D", "UpsampleBilinear2D", "ToCopy", "Split", "SplitWithSizes", "Unbind", "PixelShuffle", "Index",
    "Roll", "Flip",
})  # fmt: skip
# Linear on each side of a finite number of borders: the second derivative is zero wherever there is one.
PIECES = frozenset(
    {"Relu", "LeakyRelu", "Hardtanh", "Threshold", "MaxPool2DWithIndices", "AdaptiveMaxPool2D", "Abs", "Clamp"}
)
# Elementwise and curved; `pruneviz.engine.bends` has their derivatives.
SMOOTH = frozenset({"Tanh", "Sigmoid", "Gelu", "Silu", "Softplus", "Elu", "Mish", "Hardswish", "LogSigmoid"})
# Products: linear in each operand; the bias, where there is one, is only added.
OPERANDS = {"Addmm": (1, 2), "Mm": (0, 1), "Bmm": (0, 1), "Convolution": (0, 1), "PreluKernel": (0, 1), "Mul": (0, 1)}


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """One product of a prunable weight with its inputs: a matrix product [rows, I] or a convolution [N, I, *extent]."""

    name: str
    node: Node
    inputs: Tensor
    shape: tuple[int, ...]
    swapped: bool = False  # the weight is stored [I, O]

    @property
    def edge(self) -> GradientEdge:
        return GradientEdge(self.node, 0)

    @property
    def is_convolution(self) -> bool:
        return operation(self.node) == "Convolution"


@dataclass(frozen=True, slots=True, eq=False)
class Tape:
    """One forward pass: its products by weight, its smooth bends, and what kind of function the network is."""

    products: dict[str, list[Product]]
    bends: tuple[Node, ...]
    kind: Kind


def operation(node: Node) -> str:
    """The bare name of what a node does: `AddmmBackward0` is «Addmm»."""
    return re.sub(r"Backward\d*$", "", node.name().rsplit("::", 1)[-1])


def read(logits: Tensor, weights: dict[str, nn.Parameter]) -> Tape:
    """Reads the graph behind `logits`. A weight is in `products` only if every use that it has is such a product."""
    names = {id(weight): name for name, weight in weights.items()}
    nodes = list(reachable(logits.grad_fn))
    parents: dict[Node, list[Node]] = {}
    for node in nodes:
        for child, _ in node.next_functions:
            parents.setdefault(child, []).append(node)
    leaves = {node: names[id(node.variable)] for node in nodes if _is_leaf(node) and id(node.variable) in names}
    uses = {leaf: list(_uses(leaf, parents)) for leaf in leaves}
    products = {name: [_product(*use, leaf, name) for use in uses[leaf]] for leaf, name in leaves.items()}
    known = {name: found for name, found in products.items() if None not in found}
    bends = tuple(node for node in nodes if operation(node) in SMOOTH)
    # A weight that is used twice multiplies itself: then Gauss-Newton and the Hessian's diagonal part ways.
    once = all(len(found) == 1 for found in uses.values())
    if not once or not all(_is_known(node) for node in nodes):
        return Tape(known, bends, "other")
    return Tape(known, bends, "smooth" if bends else "piecewise linear")


def reachable(start: Node | None) -> Iterator[Node]:
    """All nodes below `start`, itself included, each once."""
    stack, seen = [start], {None}
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        yield node
        stack.extend(child for child, _ in node.next_functions)


def _is_leaf(node: Node) -> bool:
    return operation(node) == "AccumulateGrad"


def _uses(leaf: Node, parents: dict[Node, list[Node]]) -> Iterator[tuple[Node, Node]]:
    """Every node that uses the weight at `leaf`, with the operand that it sees: the leaf, or the leaf transposed."""
    for parent in parents.get(leaf, ()):
        if operation(parent) == "T":
            yield from ((user, parent) for user in parents.get(parent, ()))
        else:
            yield parent, leaf


def _product(user: Node, operand: Node, leaf: Node, name: str) -> Product | None:
    """The use of a weight as a product, or None where it is something else."""
    shape, turned = tuple(leaf.variable.shape), operand is not leaf
    kind, edges = operation(user), [child for child, _ in user.next_functions]
    if kind == "Addmm" and edges[2] is operand and edges[1] is not operand and user._saved_alpha == 1:
        return Product(name, user, user._saved_mat1.detach(), shape, swapped=not turned)
    if kind == "Mm" and edges[1] is operand and edges[0] is not operand:
        return Product(name, user, user._saved_self.detach(), shape, swapped=not turned)
    if kind == "Convolution" and not turned and edges[1] is operand and not user._saved_transposed and len(shape) in (3, 4):
        return Product(name, user, user._saved_input.detach(), shape)
    return None


def _is_known(node: Node) -> bool:
    kind = operation(node)
    if kind in LINEAR or kind in PIECES or kind == "AccumulateGrad":
        return True
    if kind in SMOOTH:
        return hasattr(node, "_saved_result" if kind in ("Tanh", "Sigmoid") else "_saved_self")
    edges = [child for child, _ in node.next_functions]
    if kind in ("NativeBatchNorm", "CudnnBatchNorm"):
        return not node._saved_training and not any(edges[1:])
    if kind == "Div":
        return edges[1] is None
    if kind in OPERANDS:
        return sum(not _is_weight(edges[place]) for place in OPERANDS[kind]) <= 1
    return False


def _is_weight(node: Node | None) -> bool:
    """A constant, or a leaf weight that was at most reshaped: it does not depend on anything else."""
    while node is not None and operation(node) in ("T", "View", "Transpose", "Permute", "Unsqueeze", "Expand"):
        node = node.next_functions[0][0]
    return node is None or _is_leaf(node)
