"""Script, second part, where units go: filters, neurons and heads fall silent, layers leave their list."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from pruneviz.engine import evaluate
from pruneviz.engine.export import script_parts
from pruneviz.engine.export.removal import ranges
from pruneviz.engine.export.script_piece import Piece, comment, literal, pasted
from pruneviz.engine.standing import Standing
from pruneviz.engine.structure import dropping, hanging, silence
from pruneviz.engine.structure.units import gone_blocks
from pruneviz.engine.subject import Subject
from pruneviz.findings import noun
from pruneviz.recipe import Recipe

_SILENCE = '''def prune(network: nn.Module) -> nn.Module:
    """Silences the units that go, in place: whoever would read them reads nothing."""
    with torch.no_grad():
        for (name, axis), gone in SILENT.items():
            tensor(network, name).index_fill_(axis, positions(gone), 0)
{broken}    return network'''
_BROKEN = """        for (name, axis), gone in BROKEN.items():
            found = tensor(network, name)
            rows = found.index_select(axis, positions(gone)).nan_to_num(nan=0, posinf=0, neginf=0)
            found.index_copy_(axis, positions(gone), rows)
"""
_DROP = '''def prune(network: nn.Module) -> nn.Module:
    """Takes the layers that go out of the network, in place."""
    drop(network, GONE)
    return network'''


def removal(subject: Subject, recipe: Recipe, standing: Standing) -> Piece:
    """`prune(network)`: the units that the Recipe takes, taken from a network that was just loaded."""
    if recipe.granularity == "layer":
        return _dropped(standing, recipe)
    return _silenced(subject, standing, recipe)


def _silenced(subject: Subject, standing: Standing, recipe: Recipe) -> Piece:
    """Filters, neurons, heads: the positions that nobody hears any more, along each axis of whoever read them."""
    structure, kept = standing.structure, evaluate.kept(recipe, standing)
    words = [
        comment(f"{recipe.granularity.capitalize()}s that go, chosen by PruneViz ({recipe.criterion.replace('_', ' ')}):")
    ]
    for group in structure.removable:
        gone = np.flatnonzero(~kept[group.name])
        if gone.size:
            many = noun(recipe.granularity)
            words.append(comment(f"{group.label}: {gone.size:,} of {group.units:,} {many}, {_spaced(gone)}"))
    silent = _table(silence.out_of(structure, kept, ("reads",)))
    broken = {
        place: gone
        for place, gone in silence.out_of(structure, kept, silence.OWN).items()
        if not silence.finite(hanging.tensor(subject.network, place[0]))
    }
    said = "What they would have told, by tensor and axis: these positions become zero."
    data = "\n".join([*words, comment(said), f"SILENT = {silent}"])
    if broken:
        data += (
            f"\n{comment('Theirs that are NaN or infinite, which would be heard all the same.')}\nBROKEN = {_table(broken)}"
        )
    text = _SILENCE.format(broken=_BROKEN if broken else "")
    return Piece(f"{data}\n\n\n{text}", (script_parts.positions, script_parts.tensor))


def _table(lost: Mapping[tuple[str, int], Tensor]) -> str:
    return literal({place: _spaced(gone.nonzero().flatten().numpy()) for place, gone in lost.items()})


def _spaced(positions: np.ndarray) -> str:
    """«0-4, 6», to be broken between lines."""
    return ranges(positions.tolist()).replace(",", ", ")


def _dropped(standing: Standing, recipe: Recipe) -> Piece:
    """Layers: they leave their list."""
    gone = list(gone_blocks(standing.structure, evaluate.kept(recipe, standing)))
    code = pasted(inspect.getsource(dropping))
    said = comment(f"Layers that go, chosen by PruneViz: {recipe.criterion.replace('_', ' ')}.")
    return Piece(f"{code.text}\n\n\n{said}\nGONE = {literal(gone)}\n\n\n{_DROP}", (), code.imports)
