"""Cutting: removing for real what a Recipe marks, with its proof; and one matrix pruned in three ways, side by side."""

from __future__ import annotations

import numpy as np

from pruneviz.charts.chart import number
from pruneviz.charts.holes import Hole
from pruneviz.recipe import Recipe
from pruneviz.removed import Removed
from pruneviz.studio import kitchen, larder, orders, written

HALF = 0.5
BESIDE = "removal"
"""The preview on all samples is waited for beside the strip, which shows the first ones meanwhile."""
REMOVE, ARCHIVE = "remove", "archive"


def remove(recipe: Recipe) -> Removed:
    """Removes what the Recipe marks from a copy of the network, proves it equal, and measures it on the held-out data. Of a
    heavy model the worker process does it, and a page that waits for it can be left."""
    asked = kitchen.measured_part(recipe)
    if kitchen.heavy(recipe.subject):
        return orders.finished(kitchen.job_part(asked), REMOVE, panel=BESIDE)
    if _remove.known(asked) is None:
        kitchen.wait_for(asked)
    return _remove(asked)


@larder.kept(16, dry=True)
def _remove(recipe: Recipe) -> Removed:
    from pruneviz.engine import compared

    model, standing = kitchen.subject(recipe.subject), kitchen.standing_of(recipe)
    for _, found in compared.removed(model, recipe, standing, kitchen.report(recipe).score):  # noqa: B007
        pass
    return found


def proof(found: Removed, metric: str) -> str:
    """What the comparison says, in a sentence with its numbers."""
    noise = f"noise is anything up to {number(found.noise)}"
    apart = f"within {number(found.difference)} of the largest output ({noise})" if found.difference else "to the last bit"
    said = f"Proven: the smaller network says what the masked preview says, {apart}"
    if found.correct[0] is None:
        return f"{said}; the {metric} is {'the same' if found.same else 'not the same'}."
    again = "as in the preview" if found.same else f"not {found.correct[0]:,} as in the preview"
    return f"{said}. {found.correct[1]:,} of {found.n:,} held-out samples are right, {again}."


def file_name(recipe: Recipe) -> str:
    """What the archive is called."""
    return f"{recipe.subject.rpartition('/')[2].removesuffix('.toml')}-{recipe.granularity}-{100 * recipe.amount:g}.zip"


def archive(recipe: Recipe) -> bytes:
    """The smaller network as a .zip: the recipe, the weights, a file that rebuilds it, ONNX."""
    asked = kitchen.measured_part(recipe)
    if kitchen.heavy(recipe.subject):
        return written.content(kitchen.job_part(asked), ARCHIVE, BESIDE)
    if _archive.known(asked) is None:
        kitchen.wait_for(asked)
    return _archive(asked)


@larder.kept(2)
def _archive(recipe: Recipe) -> bytes:
    from pruneviz.engine.export import package

    return package.archive(kitchen.subject(recipe.subject), recipe, kitchen.standing_of(recipe))[0]


def matrices(name: str) -> dict[str, str]:
    """The weights that can be shown as a matrix: name → label, the largest first."""
    layers = sorted(kitchen.subject(name).layers, key=lambda one: -one.size)
    return {one.name: one.label for one in layers if len(one.shape) > 1}


@larder.kept(32, dry=True)
def holes(name: str, layer: str) -> tuple[Hole, ...]:
    """One layer's weight matrix [outputs, inputs] with half of it gone in three ways, each time the smallest: single
    weights wherever they lie, whole rows and columns, and two of every four neighbouring inputs."""
    from pruneviz.engine import pattern

    model = kitchen.subject(name)
    one = next(one for one in model.layers if one.name == layer)
    sizes = np.abs(model.parameter(one).numpy())
    axis = pattern.inputs_axis(one)
    found = [
        Hole("single weights", "the smallest weights, wherever they lie", scattered(_flat(sizes, axis))),
        Hole("whole rows and columns", "the outputs and inputs with the smallest weights", crossed(_flat(sizes, axis))),
    ]
    if pattern.fits(one, 4):
        found.append(Hole("2:4", "the two smallest of every four inputs", _flat(pattern.highest(sizes, axis, 2, 4), axis)))
    return tuple(found)


def _flat(values: np.ndarray, axis: int) -> np.ndarray:
    """A weight as a matrix [outputs, the rest]. Its inputs, along `axis`, come last, so that the neighbours of which 2:4
    keeps two lie beside each other."""
    last = np.moveaxis(values, axis, -1)
    return np.moveaxis(last, 1 - axis if axis else 0, 0).reshape(values.shape[1 - axis], -1)


def scattered(sizes: np.ndarray) -> np.ndarray:
    """All but the smaller half of a matrix [rows, columns], bool."""
    kept = np.ones(sizes.size, dtype=bool)
    kept[np.argsort(sizes, axis=None, kind="stable")[: round(HALF * sizes.size)]] = False
    return kept.reshape(sizes.shape)


def crossed(sizes: np.ndarray) -> np.ndarray:
    """Half of a matrix [rows, columns] by whole rows and columns: the same share 1 − √½ of both, smallest sums first."""
    kept = np.ones(sizes.shape, dtype=bool)
    for axis in (0, 1):
        sums = sizes.sum(axis=1 - axis)
        gone = np.argsort(sums, kind="stable")[: round((1 - HALF**0.5) * len(sums))]
        kept[(gone, slice(None)) if axis == 0 else (slice(None), gone)] = False
    return kept
