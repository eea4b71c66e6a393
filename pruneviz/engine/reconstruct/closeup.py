"""Closeup: one matrix of the dense network, small enough to be pruned in every way while somebody looks on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pruneviz.closeup import Closeup, ErrorLine, Sweep
from pruneviz.engine import criterion as criteria
from pruneviz.engine import granularity, reconstruct
from pruneviz.engine.batches import Inputs, rows
from pruneviz.engine.criterion import Evidence
from pruneviz.engine.pattern import fits, inputs_of
from pruneviz.engine.reconstruct import oneshot
from pruneviz.engine.reconstruct.choosing import stays
from pruneviz.engine.reconstruct.gram import Gram
from pruneviz.engine.reconstruct.problem import Problem, error
from pruneviz.engine.reconstruct.seats import Seat, seat
from pruneviz.engine.reconstruct.watching import Watch
from pruneviz.engine.structure import straddling
from pruneviz.engine.structure.calls import run
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe

LINES = (
    ("magnitude", "keep"),
    ("wanda", "keep"),
    ("ria", "keep"),
    ("wanda", "swaps"),
    ("", "sparsegpt"),
    ("wanda", "least_squares"),
    ("wanda", "swaps_refit"),
)
"""(criterion, method) of the lines, in the order in which they are drawn."""
AMOUNTS = (0.3, 0.5, 0.6, 0.7, 0.8)
PATTERNS = ("2:4", "4:8")
WIDEST = 512
"""Columns of a matrix that is looked at: systems of this size are solved for every row."""
TALLEST = 512
"""Rows that are solved; of a taller matrix the first so many stand for all, which have one Gram."""
EXCERPT = (16, 32)
"""Rows and columns of the film."""


def offered(subject: Subject) -> tuple[str, ...]:
    """The layers that can be looked at."""
    network = subject.skeleton().eval()
    found = (seat(network, layer.name) for layer in subject.layers)
    return tuple(one.name for one in found if isinstance(one, Seat) and one.matrix().shape[1] <= WIDEST)


def look(subject: Subject, recipe: Recipe, layer: str) -> Closeup:
    """All that the page draws of one matrix. Its inputs are those of the dense network."""
    started, network = time.perf_counter(), subject.skeleton().eval()
    batches = oneshot.calibration(subject, recipe)
    mine, gram = _seen(network, layer, batches)
    weight = mine.matrix()[:TALLEST].contiguous()
    pattern = granularity.pattern(recipe.granularity)
    unfit = _unfit(subject, layer, (*PATTERNS, recipe.granularity) if pattern else PATTERNS)
    held = tuple(name for name in PATTERNS if name not in unfit)
    amount = recipe.amount if pattern is None else 1 - pattern[0] / pattern[1]
    drawn = Problem(weight, gram, amount, None if recipe.granularity in unfit else pattern)
    columns = mine.beside()
    return Closeup(
        layer,
        tuple(mine.matrix().shape),
        sum(map(rows, batches)),
        tuple(_line(Problem(weight, gram, 1.0), pair, held, (recipe.seed, columns)) for pair in LINES),
        sweep(drawn.ordered(columns if drawn.pattern else None)),
        gram.inverse_diagonal.numpy().astype(np.float32),
        gram.norms.numpy().astype(np.float32),
        time.perf_counter() - started,
        tuple(unfit.items()),
    )


def sweep(problem: Problem) -> Sweep:
    """SparseGPT on the first rows and columns, a picture after each column. What goes is what it takes of the whole."""
    tall, wide = (min(most, size) for most, size in zip(EXCERPT, problem.weight.shape, strict=True))
    factor = problem.gram.factor
    kept = reconstruct.find("sparsegpt").solve(problem).kept[:tall, :wide]
    now = problem.weight[:tall].to(factor.dtype, copy=True)
    pictures, moved = [now[:, :wide].clone()], []
    for column in range(wide):
        apart = torch.where(kept[:, column], 0.0, now[:, column] / factor[column, column])
        now[:, column + 1 :] -= apart[:, None] * factor[column, column + 1 :]
        now[:, column] *= kept[:, column]
        pictures.append(now[:, :wide].clone())
        moved.append((apart * factor[column, column]).abs())
    numbers = [one.to(torch.float32).numpy() for one in (torch.stack(pictures), torch.stack(moved))]
    group = problem.pattern[1] if problem.pattern else 0
    return Sweep(numbers[0], kept.numpy(), numbers[1], wide, tall, group)


def _seen(network: torch.nn.Module, layer: str, batches: Sequence[Inputs]) -> tuple[Seat, Gram]:
    mine = seat(network, layer)
    if isinstance(mine, str):
        raise ValueError(f"{layer} {mine}: choose a matrix or a kernel")
    watch = Watch([mine], whole=True)
    with torch.no_grad():
        for batch in batches:
            with watch.batch(rows(batch)):
                run(network, batch)
    gram = watch.of(layer)
    if gram is None:
        raise ValueError(f"nothing comes by {layer} when the network runs: nothing is known of its inputs, choose another")
    return mine, gram


def _unfit(subject: Subject, name: str, patterns: Sequence[str]) -> dict[str, str]:
    """Of these patterns those that the slider and a walk refuse a layer, each with what the layer has instead."""
    layer, found = next(one for one in subject.layers if one.name == name), {}
    for pattern in patterns:
        _, m = granularity.pattern(pattern)
        heads = straddling.straddled(subject.network, m)
        size = next((heads[one] for one in (layer.name, *layer.aliases) if one in heads), None)
        if not fits(layer, m):
            many = inputs_of(layer)
            found[pattern] = f"has {many} input{'s' * (many != 1)}, no whole groups of {m}"
        elif size is not None:
            found[pattern] = f"reads attention heads of {size} channels, no whole groups of {m}: a group would mix two heads"
    return found


def _line(all_of_it: Problem, pair: tuple[str, str], patterns: Sequence[str], how: tuple[int, Tensor | None]) -> ErrorLine:
    """The errors of one way (criterion, method), each as a share of what the matrix gives. `how`: the seed, and the order of
    columns in which a pattern groups them."""
    (chosen, method), (seed, columns) = pair, how
    way, scores = reconstruct.find(method), None
    if chosen:
        evidence = Evidence("", all_of_it.weight, seed, input_norm=all_of_it.gram.norms[None, :])
        scores = criteria.find(chosen).saliency(evidence)
    whole = error(all_of_it, torch.zeros_like(all_of_it.weight)) or 1.0

    def lost(amount: float, pattern: tuple[int, int] | None) -> float:
        order = columns if pattern else None
        problem = replace(all_of_it, amount=amount, pattern=pattern).ordered(order)
        if scores is not None:
            mine = scores if order is None else scores[:, order]
            problem = replace(problem, kept=stays(mine, amount, pattern, rows=True))
        return error(problem, way.solve(problem).weight) / whole

    pairs = ((name, granularity.pattern(name)) for name in patterns)
    held = tuple((name, lost(1 - n / m, (n, m))) for name, (n, m) in pairs)
    said = {"keep": criteria.find(chosen).name if chosen else "", "sparsegpt": "SparseGPT"}.get(method)
    name = said or f"{criteria.find(chosen).name} + {way.name}"
    return ErrorLine(f"{chosen}/{method}", name, AMOUNTS, tuple(lost(one, None) for one in AMOUNTS), held)
