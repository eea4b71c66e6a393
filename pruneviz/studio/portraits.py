"""Portraits: the kernels of a model's filters and neurons as small pictures. They depend on the model alone."""

from __future__ import annotations

import numpy as np

from pruneviz.studio import kitchen, larder
from pruneviz.studio.anatomy import Picture

CELLS = 1024
"""At most so many weights of a kernel are drawn: more than a face has pixels."""
ALL_CELLS = 2**18
"""At most so many weights of a model travel to the browser as pictures; further groups are drawn as bars."""


@larder.kept(8, dry=True)
def portraits(name: str, granularity: str) -> dict[str, Picture]:
    """The kernels of each group that can be drawn: filters, and neurons that look at the image itself."""
    if granularity not in ("filter", "neuron"):
        return {}
    model, room, found = kitchen.subject(name), ALL_CELLS, {}
    weights = dict(model.network.named_parameters(remove_duplicate=False))
    image = tuple(model.held_out.stored.shape[1:]) if granularity == "neuron" else ()
    for group in kitchen.structure(name, granularity).groups:
        kernels = _kernels(weights, group, image)
        if kernels is None:
            continue
        drawn = _picture(kernels)
        if drawn.cells.size <= room:
            found[group.name] = drawn
            room -= drawn.cells.size
    return found


def _kernels(weights, group, image: tuple[int, ...]) -> np.ndarray | None:
    """A group's kernels [U, inputs, high, wide]; None where its units are made of something that has no such shape."""
    for part in group.of("makes"):
        if not np.array_equal(part.owner, np.arange(group.units)):
            continue
        weight = np.moveaxis(weights[part.tensor].detach().numpy(), part.axis, 0)
        if weight.ndim == 4:
            return weight
        if weight.ndim == 2 and len(image) == 3 and weight.shape[1] == int(np.prod(image)):
            return weight.reshape(len(weight), *image)
    return None


def _picture(kernels: np.ndarray) -> Picture:
    """Kernels [U, inputs, high, wide] as pictures: slices side by side, each unit on its own scale; the strongest slices
    where there are too many."""
    units, inputs, high, wide = kernels.shape
    gap = 1 if inputs > 1 and high * wide > 1 else 0
    most = max(1, CELLS // ((high + gap) * (wide + gap)))
    shown = min(inputs, int(np.sqrt(most)) ** 2 if inputs > most else inputs)
    chosen = np.sort(np.argsort(-np.abs(kernels).sum(axis=(0, 2, 3)), kind="stable")[:shown])
    across = int(np.ceil(np.sqrt(shown)))
    down = -(-shown // across)
    cells = np.full((units, down * (high + gap) - gap, across * (wide + gap) - gap), np.nan, dtype=np.float32)
    scale = np.maximum(np.abs(kernels[:, chosen]).max(axis=(1, 2, 3)), 1e-30)
    for at, index in enumerate(chosen):
        top, left = (at // across) * (high + gap), (at % across) * (wide + gap)
        cells[:, top : top + high, left : left + wide] = kernels[:, index] / scale[:, None, None]
    return Picture(cells, high, wide, across, gap, shown, inputs, _note(shown, inputs, f"{high}×{wide}"))


def _note(shown: int, inputs: int, size: str) -> str:
    if inputs == 1:
        return ""
    what = "weights, one for each input" if size == "1×1" else f"slices of {size}, one for each input"
    return f"{inputs} {what}" if shown == inputs else f"the strongest {shown} of {inputs} {what}"
