"""Script, second part: what goes. A formula where one finds the very same weights again, else what the engine chose.

A formula is run here, by the functions that the script will hold, and compared with the engine's mask bit for bit.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import textwrap
import zlib
from collections.abc import Sequence

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from pruneviz.engine import evaluate, granularity, pattern
from pruneviz.engine.export import script_parts, script_units
from pruneviz.engine.export.script_piece import Piece, comment, literal
from pruneviz.engine.mask import Mask
from pruneviz.engine.pattern import PatternRanking
from pruneviz.engine.standing import Standing
from pruneviz.engine.subject import Layer, Subject
from pruneviz.recipe import Recipe

MASK = "mask.safetensors"
LONGEST = 1 << 20
"""So many letters of mask are written into a script; a longer one becomes a file beside it."""
SORTED = 50_000_000
"""More weights than these are not sorted by a script: what goes is written out."""
_PRUNE = '''def prune(network: nn.Module) -> nn.Module:
    """Sets to zero what goes, in place."""
    with torch.no_grad():
        for name, kept in masks(network).items():
            network.get_parameter(name).masked_fill_(~kept, 0)  # not multiplied: NaN × 0 is NaN
    return network'''
_MASKS = '''def masks(network: nn.Module) -> dict[str, Tensor]:
    """What stays of each layer, True = kept."""
{body}


{prune}'''


def removal(subject: Subject, recipe: Recipe, standing: Standing) -> Piece:
    """`prune(network)`: what the Recipe takes, taken from a network that was just loaded."""
    if standing.structure is not None:
        return script_units.removal(subject, recipe, standing)
    mask = evaluate.mask(recipe, standing)
    return _formula(subject, recipe, standing, mask) or _written(subject, recipe, mask)


def _formula(subject: Subject, recipe: Recipe, standing: Standing, mask: Mask) -> Piece | None:
    """A few lines that find the same mask again; None where there are none."""
    if recipe.criterion not in ("magnitude", "random") or subject.weights > SORTED:
        return None
    by = _by_pattern if isinstance(standing.ranking, PatternRanking) else _by_order
    piece, kept = by(subject, recipe, standing)
    same = all(
        np.array_equal(part, kept[name].numpy()) if name in kept else part.all() for name, part in mask.layers().items()
    )
    return piece if same else None


def _scores(recipe: Recipe, layers: Sequence[Layer], subject: Subject) -> tuple[str, dict[str, Tensor], tuple]:
    """Each weight's importance: as Python over LAYERS, as numbers, and the function that it calls."""
    if recipe.criterion == "magnitude":
        text = "scores = {name: network.get_parameter(name).detach().abs() for name in LAYERS}"
        return text, {one.name: subject.parameter(one).abs() for one in layers}, ()
    text = f"scores = {{name: drawn(name, network.get_parameter(name).shape, seed={recipe.seed}) for name in LAYERS}}"
    drawn = {one.name: script_parts.drawn(one.name, torch.Size(one.shape), recipe.seed) for one in layers}
    return text, drawn, (script_parts.drawn,)


def _by_order(subject: Subject, recipe: Recipe, standing: Standing) -> tuple[Piece, dict[str, Tensor]]:
    """The smallest go: of all layers at once, or of each layer as many as the rule of competition gives it."""
    text, scores, parts = _scores(recipe, subject.layers, subject)
    own = recipe.own_amounts()
    follow = {name: score for name, score in scores.items() if name not in own}
    names = f"LAYERS = {literal([one.name for one in subject.layers])}\n"
    if recipe.scope == "global" and follow:
        counts = {name: round(own[name] * scores[name].numel()) for name in own}
        apart = script_parts.smallest_of_each({name: scores[name] for name in own}, counts)
        kept = script_parts.smallest_of_all(follow, recipe.amount) | apart
        data = f"{names}AMOUNT = {recipe.amount!r}"
        if not own:
            body, parts = "return smallest_of_all(scores, AMOUNT)", (*parts, script_parts.smallest_of_all)
        else:
            data += f"\nOWN = {literal(own)}  # layers that lose a share of their own"
            body, parts = inspect.cleandoc(_WITH_OWN), (*parts, script_parts.smallest_of_all, script_parts.smallest_of_each)
        return _masks(data, f"{text}\n{body}", parts), kept
    counts = dict(zip(standing.ranking.names, standing.ranking.counts(recipe.amount, own).tolist(), strict=True))
    if not own and counts == {name: round(recipe.amount * score.numel()) for name, score in scores.items()}:
        body = f"{text}\ncounts = {{name: round(AMOUNT * score.numel()) for name, score in scores.items()}}"
        body += "\nreturn smallest_of_each(scores, counts)"
        piece = _masks(f"{names}AMOUNT = {recipe.amount!r}", body, (*parts, script_parts.smallest_of_each))
        return piece, script_parts.smallest_of_each(scores, counts)
    said = comment(f"How many of each layer go, by the rule «{recipe.scope}»: a share of {recipe.amount:g} of all in all.")
    piece = _masks(
        f"{names}{said}\nCOUNTS = {literal(counts)}", f"{text}\nreturn smallest_of_each(scores, COUNTS)",
        (*parts, script_parts.smallest_of_each),
    )  # fmt: skip
    return piece, script_parts.smallest_of_each(scores, counts)


_WITH_OWN = """
    followers = {name: score for name, score in scores.items() if name not in OWN}
    others = {name: scores[name] for name in OWN}
    counts = {name: round(OWN[name] * score.numel()) for name, score in others.items()}
    return smallest_of_all(followers, AMOUNT) | smallest_of_each(others, counts)"""


def _by_pattern(subject: Subject, recipe: Recipe, standing: Standing) -> tuple[Piece, dict[str, Tensor]]:
    """Of every m neighbouring inputs the n highest stay."""
    ranking, (n, m) = standing.ranking, granularity.pattern(recipe.granularity)
    whole = {*ranking.dense, *ranking.names_of(recipe.own_amounts())}
    chosen = [one for one in subject.layers if one.name not in whole and ranking.applies(recipe.amount)]
    text, scores, parts = _scores(recipe, chosen, subject)
    axes = {one.name: pattern.inputs_axis(one) for one in chosen}
    data = f"LAYERS = {literal(axes)}  # each layer's axis of inputs\nKEPT, OF = {n}, {m}"
    body = f"{text}\nreturn {{name: highest_of_every(score, LAYERS[name], KEPT, OF) for name, score in scores.items()}}"
    kept = {name: script_parts.highest_of_every(score, axes[name], n, m) for name, score in scores.items()}
    return _masks(data, body, (*parts, script_parts.highest_of_every)), kept


def _written(subject: Subject, recipe: Recipe, mask: Mask) -> Piece:
    """What stays, one bit for each weight: in the script, or in a file beside it where that is too long."""
    packed = np.packbits(mask.flat, bitorder="little")
    letters = base64.b64encode(zlib.compress(packed.tobytes(), 9)).decode()
    names = f"LAYERS = {literal(list(mask.names))}\n"
    said = f"Chosen by PruneViz: {recipe.criterion.replace('_', ' ')}, {recipe.scope}, {recipe.amount:g} asked for."
    shapes = "shapes = {name: network.get_parameter(name).shape for name in LAYERS}\n"
    if len(letters) > LONGEST:
        file = safetensors.torch.save({"kept": torch.from_numpy(packed)})
        sha256 = hashlib.sha256(file).hexdigest()
        body = f'packed = load_file(find(["{MASK}"], "{sha256}"))["kept"].numpy().tobytes()\n'
        piece = _masks(f"{comment(said)}\n{names}", f"{shapes}{body}return unpacked(packed, shapes)",
                       (script_parts.find, script_parts.unpacked))  # fmt: skip
        return Piece(piece.text, piece.parts, (), ((MASK, file),))
    lines = "\n".join(textwrap.wrap(letters, 100))
    data = f'{comment(said + " One bit for each weight, compressed.")}\n{names}KEPT = """\n{lines}\n"""'
    return _masks(data, f"{shapes}return unpacked(unwritten(KEPT), shapes)", (script_parts.unwritten, script_parts.unpacked))


def _masks(data: str, body: str, parts: tuple) -> Piece:
    functions = _MASKS.format(body=textwrap.indent(body, "    "), prune=_PRUNE)
    return Piece(f"{data.strip()}\n\n\n{functions}", parts)
