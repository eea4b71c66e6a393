"""Breakage: which classes, examples and tokens a setting costs, from the outputs that its Report counts.

It runs in a `Workspace`, on the same samples in the same batches as every measurement, so what changes sides here is to the
sample what a Report counts as newly wrong and newly right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from pruneviz.breakage import (
    SHOWN,
    Breakage,
    Likeliest,
    Passage,
    Sides,
    TokenRise,
    TokenSpread,
    class_rows,
    flipped,
)
from pruneviz.confidence import reliability
from pruneviz.engine import progress
from pruneviz.engine.measure import Workspace, never
from pruneviz.engine.outcomes import Measurement
from pruneviz.engine.sources import pieces
from pruneviz.engine.standing import Standing, asked
from pruneviz.engine.subject import Subject
from pruneviz.first_flips import FirstFlips
from pruneviz.recipe import Recipe

CONTEXT = 12
"""So many tokens are shown before one whose loss rose."""
HARDEST = 0.01
"""The share of the tokens whose part of all rises is told."""
NOBODY = np.zeros(0, dtype=np.int32)


def breakage(
    subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace, most: int = SHOWN
) -> Breakage:  # fmt: skip
    """What a setting breaks, on all measured samples; of a text at most so many tokens are named."""
    for found in breakages(subject, recipe, standing, workspace, most=most):  # noqa: B007
        pass
    return found


def breakages(
    subject: Subject, recipe: Recipe, standing: Standing, workspace: Workspace, stop: Callable[[], bool] = never, *,
    most: int = SHOWN,
) -> Iterator[Breakage]:  # fmt: skip
    """What a setting breaks on ever more samples, in steps of about a third of a second; the last is on all of them."""
    run = workspace.detailed(workspace.run(standing.ranking, recipe.amount, *asked(recipe, standing)))
    while not run.done:
        workspace.advance(run, progress.STEP, stop)
        if stop():
            return
        yield _told(subject, standing, workspace, progress.partial(workspace, run), most)


def first_flips(
    recipe: Recipe, standing: Standing, workspace: Workspace, amounts: Sequence[float], stop: Callable[[], bool] = never
) -> Iterator[FirstFlips | None]:
    """At which of some ascending amounts each sample first changes sides, amount by amount; None says that a step of about a
    third of a second was done. Where as many units are gone as at the amount before, they are the same ones, and nothing is
    run again."""
    what, gone, told = asked(recipe, standing), None, None
    for amount in amounts:
        removed = standing.ranking.removals(amount, *what)
        if removed != gone:
            run, gone = workspace.run(standing.ranking, amount, *what), removed
        while not run.done:
            workspace.advance(run, progress.STEP, stop)
            if stop():
                return
            if not run.done:
                yield None
        told = _further(told or _nowhere(standing, workspace, len(amounts)), amount, run.outcomes.measurement().correct)
        yield told


def _nowhere(standing: Standing, workspace: Workspace, of: int) -> FirstFlips:
    """Before the first amount, nothing has changed sides."""
    dense = workspace.dense()
    if dense.correct is None:
        raise ValueError(f"{workspace.task.noun} are not right or wrong as a whole: look at the tokens whose loss rose most")
    return FirstFlips(
        (), np.full(dense.n, -1, dtype=np.int16), dense.correct, np.zeros(0, dtype=np.int64),
        standing.split.measured.numpy(), dense.labels.astype(np.int32), workspace.subject.classes, workspace.task.noun, of,
    )  # fmt: skip


def _further(told: FirstFlips, amount: float, correct: np.ndarray) -> FirstFlips:
    """One amount more, at which these samples [n] are right."""
    fresh = (told.first < 0) & (correct != told.right)
    first = np.where(fresh, len(told.amounts), told.first).astype(np.int16)
    wrong = np.append(told.wrong, int((told.right & ~correct).sum()))
    return replace(told, amounts=(*told.amounts, float(amount)), first=first, wrong=wrong)


def picture(subject: Subject, index: int) -> np.ndarray | None:
    """One held-out image as it is stored, uint8 [H, W, 3], brightest white; None where samples are no images."""
    stored = subject.held_out.stored
    if stored.ndim != 4 or stored.shape[1] not in (1, 3, 4) or not 0 <= index < len(stored):
        return None
    pixels = stored[index].permute(1, 2, 0).float().numpy()
    # Numbers up to 16, or around 0, are no bytes of a picture: they are stretched over its greys.
    if not (str(stored.dtype) == "torch.uint8" and subject.held_out.brightest > 16):
        low, high = min(0.0, float(pixels.min())), float(pixels.max())
        pixels = (pixels - low) * (255 / max(high - low, 1e-12))
    bytes_ = np.clip(pixels, 0, 255).astype(np.uint8)
    return np.repeat(bytes_, 3, axis=2) if bytes_.shape[2] == 1 else bytes_[..., :3]


def text(subject: Subject, index: int) -> str:
    """One held-out text, or pair of texts, as it was written; empty where samples are none, or their words are not known."""
    texts = getattr(subject.held_out, "texts", ())
    return " | ".join(texts[index]) if 0 <= index < len(texts) else ""


def _told(
    subject: Subject, standing: Standing, workspace: Workspace, partial: progress.Partial, most: int
) -> Breakage:  # fmt: skip
    places = standing.split.measured.numpy()[partial.at]
    what = {"names": subject.classes, "n": partial.n, "of": partial.of, "places": places}
    what |= {"metric": workspace.task.metric, "noun": workspace.task.noun}
    if partial.measured.predicted is None:
        nobody = dict.fromkeys(("labels", "before", "after", "flipped"), NOBODY)
        return Breakage(classes=(), **nobody, **what, **_of_tokens(subject, partial, places, most))
    return Breakage(**what, **_of_classes(subject, partial, places))


def _of_classes(subject: Subject, partial: progress.Partial, places: np.ndarray) -> dict:
    measured, dense = partial.measured, partial.dense
    said = [one.astype(np.int32) for one in (measured.labels, dense.predicted, measured.predicted)]
    sides = Sides(*said, places, subject.classes)
    sure = [one.details["chances"][:, 0] for one in (dense, measured)]
    turned = flipped(sides, *sure)
    labels, before, after = said
    return {
        "classes": class_rows(sides),
        "labels": labels,
        "before": before,
        "after": after,
        "flipped": turned,
        "top_before": _likeliest(dense, turned),
        "top_after": _likeliest(measured, turned),
        "reliability": tuple(reliability(*pair) for pair in zip(sure, (dense.correct, measured.correct), strict=True)),
    }


def _likeliest(said: Measurement, at: np.ndarray) -> Likeliest:
    return Likeliest(said.details["likeliest"][at], said.details["chances"][at])


def _of_tokens(subject: Subject, partial: progress.Partial, places: np.ndarray, most: int) -> dict:
    before, after = (one.details["token_losses"] for one in (partial.dense, partial.measured))
    targets = subject.held_out.labels.numpy()[places]
    rises = np.where(targets >= 0, after.astype(np.float64) - before, -np.inf)
    known = np.isfinite(rises)
    hardest = np.argsort(np.where(known, -rises, np.inf), axis=None, kind="stable")[: min(most, int((rises > 0).sum()))]
    named = (np.unravel_index(int(one), rises.shape) for one in hardest)
    tokens = tuple(
        _token(subject, int(places[window]), int(place), float(before[window, place]), float(after[window, place]))
        for window, place in named
    )
    spread = _spread(rises[known], int((targets >= 0).sum()))
    return {"tokens": tokens, "spread": spread, "passages": _passages(subject, before, after, places)}


def _passages(subject: Subject, before: np.ndarray, after: np.ndarray, places: np.ndarray) -> tuple[Passage, ...]:
    """Three windows: the one whose loss rises most per token, the middle one, and the one whose loss rises least."""
    held, names, many = subject.held_out, subject.classes, len(places)
    told = held.labels.numpy()[places] >= 0
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.where(told, after.astype(np.float64) - before, 0.0).sum(axis=1) / np.maximum(1, told.sum(axis=1))
    order = np.argsort(-np.nan_to_num(mean, nan=np.inf), kind="stable")
    found = []
    for rank in dict.fromkeys((0, many // 2, many - 1)):
        at = int(order[rank])
        window = int(places[at])
        row = (held.stored[window, 0], *held.labels[window][held.labels[window] >= 0])
        lead, *texts = pieces.each([names[int(token)] for token in row], names)
        found.append(Passage(window, lead, tuple(texts), before[at][told[at]], after[at][told[at]], rank, many))
    return tuple(found)


def _token(subject: Subject, window: int, place: int, dense_loss: float, loss: float) -> TokenRise:
    """A token with those before it: the last that the network reads there is the one right before."""
    held, names = subject.held_out, subject.classes
    read = held.stored[window, max(0, place + 1 - CONTEXT) : place + 1].tolist()
    token = pieces.text([names[int(held.labels[window, place])]])
    return TokenRise(token, pieces.text([names[one] for one in read]), dense_loss, loss, window, place)


def _spread(rises: np.ndarray, tokens: int) -> TokenSpread:
    """How the rises [tokens that have a finite one] are spread."""
    up = np.sort(np.maximum(rises, 0.0))[::-1]
    whole, few = float(up.sum()), max(1, round(HARDEST * len(up)))
    share = float(up[:few].sum()) / whole if whole > 0 else 0.0
    return TokenSpread(tokens, int((rises > 0).sum()), int((rises < 0).sum()), share)
