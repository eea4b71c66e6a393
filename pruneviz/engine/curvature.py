"""Curvature: ∂²L/∂w² of every weight, exact where that can be had, and a word for what it is where it cannot.

L is the mean cross-entropy. Its Hessian along one weight is Gauss-Newton's part, through the logits, plus one part for
every bend of an activation (Schraudolph 2002, eq. 6-8; Martens 2020, §8):

    h(w) = Σ_c (∂s_c/∂w)² + Σ_k φ″(z_k) · ∂L/∂a_k · (∂z_k/∂w)²

with s_c the columns of a factor of diag(p) − ppᵀ, and a = φ(z) the elementwise activations. ReLU, pooling, BatchNorm at
rest and sums of branches have no bend: there the first part is all of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from pruneviz.engine.batches import Inputs, at, said
from pruneviz.engine.bends import derivatives
from pruneviz.engine.rehearsal import Rehearsal, chunks, differentiating, spread, sums, tallies
from pruneviz.engine.tally import Tally
from pruneviz.engine.tape import OPERANDS, SMOOTH, Product, Tape, operation, reachable, read

EXACT, GAUSS_NEWTON, FISHER = "exact", "Gauss-Newton", "empirical Fisher"
MOST_CLASSES = 50  # one backward pass per class: beyond this the Fisher's single one is the affordable answer
MOST_COLUMNS = 2048  # one backward pass per bent activation that is not next to the weights it bends


def hessian_diagonal(rehearsal: Rehearsal, inputs: Inputs, labels: Tensor) -> tuple[dict[str, Tensor], str]:
    """∂²L/∂w² by layer [O, I, *K], signed, and what it is: exact, Gauss-Newton or empirical Fisher."""
    if rehearsal.classes > MOST_CLASSES:
        total, word = sums(rehearsal, inputs, labels, error, power=2), FISHER
    elif rehearsal.kind == "smooth" and _affordable(rehearsal, inputs):
        total, word = _with_bends(rehearsal, inputs, labels), EXACT
    else:
        total = sums(rehearsal, inputs, labels, factor, power=2)
        word = EXACT if rehearsal.kind == "piecewise linear" else GAUSS_NEWTON
    return {name: value.div_(len(labels)) for name, value in total.items()}, word


def error(logits: Tensor, labels: Tensor) -> Iterator[Tensor]:
    """The gradient of each sample's cross-entropy at the logits, p − y [n, C]; of a window's sum over its tokens
    [n, T, C] from labels [n, T], zero where a label is negative, which says that nothing is predicted."""
    probability, told = logits.softmax(-1), (labels >= 0).unsqueeze(-1).to(logits.dtype)
    yield probability.scatter_add_(-1, labels.clamp(min=0).unsqueeze(-1), -told).mul_(told)


def factor(logits: Tensor, labels: Tensor) -> Iterator[Tensor]:
    """The columns of a factor of the cross-entropy's Hessian at the logits: diag(p) − ppᵀ = Σ_c s_c s_cᵀ.

    It has rank C − 1, and so many columns [n, C] has its Cholesky factor in closed form (Tanabe & Sagae 1992, theorem 1):
    with q_c = Σ_{j>c} p_j, s_c = √(p_c q_c / q_{c−1}) (e_c − p_{>c} / q_c). Sums of tails keep their digits.
    """
    probability = logits.softmax(1)
    tails = probability.flip(1).cumsum(1).flip(1)  # q_{c−1}
    for c in range(logits.shape[1] - 1):
        here, after, before = probability[:, c], tails[:, c + 1], tails[:, c]
        column = torch.zeros_like(probability)
        column[:, c] = (here * after / before).sqrt()
        column[:, c + 1 :] = -probability[:, c + 1 :] * (here / (after * before)).sqrt()[:, None]
        yield column.nan_to_num_(0.0, 0.0, 0.0)


def _affordable(rehearsal: Rehearsal, inputs: Inputs) -> bool:
    """Whether every bend is understood, and few enough are far from the weights that they bend."""
    if rehearsal.rest or any(layout != "samples first" for layout in rehearsal.layouts.values()):
        return False
    with differentiating():
        logits = said(rehearsal.network, at(inputs, slice(0, 1)))
        tape = read(logits, rehearsal.weights)
        columns = 0
        for node in tape.bends:
            slope, _ = derivatives(node)
            if len(slope) != 1:
                return False
            near = {product.name for product, _ in _near(node, torch.ones_like(slope), tape)}
            columns += slope.numel() if _below(node, tape) - near else 0
    return columns <= MOST_COLUMNS


def _with_bends(rehearsal: Rehearsal, inputs: Inputs, labels: Tensor) -> dict[str, Tensor]:
    total = {name: torch.zeros_like(weight) for name, weight in rehearsal.weights.items()}
    with differentiating():
        for _, theirs, logits in chunks(rehearsal, inputs, labels):
            tape = read(logits, rehearsal.weights)
            books = tallies(rehearsal, tape, len(theirs), power=2)
            for column in factor(logits.detach(), theirs):
                spread(logits, books, column)
            (wrong,) = error(logits.detach(), theirs)
            flows = torch.autograd.grad(logits, [GradientEdge(node, 0) for node in tape.bends], wrong, retain_graph=True)
            for node, flow in zip(tape.bends, flows, strict=True):
                _add_bend(node, flow * derivatives(node)[1], tape, books)
            for name, book in books.items():
                total[name] += book.total()
    return total


def _add_bend(node: Node, bend: Tensor, tape: Tape, books: dict[str, Tally]) -> None:
    """Adds Σ_k r_k (∂z_k/∂w)² of one activation, r = φ″(z) ∂L/∂a [n, …], to the weights below it."""
    near = set()
    for product, diagonal in _near(node, bend, tape):
        books[product.name].add_diagonal(diagonal)
        near.add(product.name)
    far = {name: books[name] for name in _below(node, tape) - near}
    if not far:
        return
    start, flat = GradientEdge(*node.next_functions[0]), bend.flatten(1)
    for k in range(flat.shape[1]):
        one = torch.zeros_like(flat)
        one[:, k] = 1
        spread(start, far, one.view_as(bend), times=flat[:, k])


def _below(node: Node, tape: Tape) -> set[str]:
    """The weights that an activation depends on."""
    under = set(reachable(node))
    return {name for name, products in tape.products.items() if products[0].node in under}


def _near(node: Node, bend: Tensor, tape: Tape) -> Iterator[tuple[Product, Tensor]]:
    """The weights whose part of a bend needs no backward pass: the product right behind it, and, where samples do not
    share places (plain vectors), the product behind that one, since Σ_k r_k (∂z_k/∂x_j)² = Σ_k r_k W_kj² there."""
    products = {product.node: product for found in tape.products.values() for product in found}
    below = node.next_functions[0][0]
    for _ in range(2):
        below, bend = _through_elementwise(below, bend)
        product = products.get(below)
        if product is None:
            return
        yield product, bend
        if product.is_convolution or len(product.inputs) != len(bend):
            return
        inputs, matrix = OPERANDS[operation(below)]
        weight = below.next_functions[matrix][0]
        weight = weight.variable if product.swapped else weight.next_functions[0][0].variable.t()  # [I, O]
        bend = bend @ weight.detach().square().t()
        below = below.next_functions[inputs][0]


def _through_elementwise(node: Node | None, bend: Tensor) -> tuple[Node | None, Tensor]:
    """Walks down through what acts on each element alone; r becomes r · (∂ out/∂ in)²."""
    while True:
        kind = operation(node) if node is not None else ""
        if kind == "NativeBatchNorm":
            weight = node._saved_weight
            scale = (node._saved_running_var + node._saved_eps).rsqrt() * (1 if weight is None else weight)
            slope = scale.view(1, -1, *[1] * (bend.ndim - 2))
        elif kind == "Relu":
            slope = (node._saved_result > 0).to(bend.dtype)
        elif kind in SMOOTH:
            slope = derivatives(node)[0]
        else:
            return node, bend
        bend = bend * slope.detach().square()
        node = node.next_functions[0][0]
