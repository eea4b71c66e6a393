"""Problems small enough for a plain loop, and what a plain loop says to them."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor

from pruneviz.engine.reconstruct.gram import Gram
from pruneviz.engine.reconstruct.problem import Problem


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def identity(width: int, dtype: torch.dtype = torch.float64) -> Gram:
    """H = I: half of it is one input of each kind, and two samples make the other half."""
    gram = Gram(width, dtype=dtype)
    gram.add(torch.eye(width, dtype=dtype), 2)
    return gram


def gram_of(seen: Tensor) -> Gram:
    """The Gram whose H is this positive definite [I, I]."""
    gram = Gram(len(seen), dtype=seen.dtype)
    gram.add(torch.linalg.cholesky(seen).T, 2)
    return gram


def drawn(
    rows: int, width: int, seed: int, *, tokens: int = 20, samples: int = 4, dead: int = 0, dtype=torch.float64
) -> tuple[Tensor, Gram]:
    """A weight [rows, width] and the Gram of inputs that lean on each other, the first `dead` of which are always zero."""
    source = generator(seed)
    inputs = torch.randn(tokens, width, generator=source, dtype=dtype)
    inputs = inputs @ (torch.eye(width, dtype=dtype) + 0.5 * torch.randn(width, width, generator=source, dtype=dtype))
    inputs[:, :dead] = 0
    gram = Gram(width, dtype=dtype)
    gram.add(inputs, samples)
    return torch.randn(rows, width, generator=source, dtype=dtype), gram


@st.composite
def problems(draw, pattern: bool | None = None, told: bool = True) -> Problem:
    """A problem in float64: any shape, fewer inputs than columns or more, with a support or none, a pattern or none."""
    seed, rows = draw(st.integers(0, 10_000)), draw(st.integers(1, 4))
    shape = draw(st.sampled_from([(1, 2), (2, 4), (1, 4), (3, 4), (4, 8)]))
    with_pattern = draw(st.booleans()) if pattern is None else pattern
    width = draw(st.integers(1, 4)) * shape[1] if with_pattern else draw(st.integers(1, 20))
    weight, gram = drawn(rows, width, seed, tokens=draw(st.sampled_from([2, 8, 40])))
    amount = 1 - shape[0] / shape[1] if with_pattern else draw(st.floats(0, 1))
    kept = support(rows, width, amount, shape if with_pattern else None, seed) if told else None
    return Problem(weight, gram, amount, shape if with_pattern else None, kept)


def support(rows: int, width: int, amount: float, pattern: tuple[int, int] | None, seed: int) -> Tensor:
    """A support drawn by lot: N of every M, or round(amount · n) gone wherever they lie."""
    lot = torch.rand(rows, width, generator=generator(seed + 1))
    if pattern is not None:
        stay, of = pattern
        return (lot.view(rows, -1, of).argsort(2).argsort(2) < stay).view(rows, width)
    return (lot.flatten().argsort().argsort() >= round(amount * rows * width)).view(rows, width)


def row_error(whole: Tensor, damped: Tensor, weight: Tensor) -> Tensor:
    """½ (ŵ − w)ᵀ (H + λI) (ŵ − w), row by row, as it is written."""
    return torch.stack([0.5 * (new - old) @ damped @ (new - old) for new, old in zip(weight, whole, strict=True)])
