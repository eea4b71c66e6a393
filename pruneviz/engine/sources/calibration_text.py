"""A text that somebody brings to calibrate a language model on: all of it, in windows as long as the model's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pruneviz.engine.sources import files, overlap, text
from pruneviz.engine.sources.limits import LOCAL, Limits, room
from pruneviz.engine.sources.refusal import SubjectError
from pruneviz.engine.sources.tokenizer import BEGINNING, Tokenizer
from pruneviz.engine.subject import Subject, Windows


def read(subject: Subject, path: Path, limits: Limits = LOCAL) -> Windows:
    """The text at `path` in the pieces of the subject's tokenizer, one window behind the other; a tail that is shorter than
    a window is left out, unless it is all there is.

    Raises SubjectError, one sentence, where the model has no tokenizer, where this is no text, or where it holds windows
    of the held-out text, which is to judge.
    """
    table, folder = (subject.origin.card.get("data", {}), subject.origin.folder) if subject.origin else ({}, "")
    if "tokenizer" not in table:
        raise SubjectError(
            f"{subject.title} names no tokenizer, so no text can be read for it: leave --calibration out, or say training",
            "tokenizer",
        )
    path = path.expanduser()
    if path.is_dir():
        raise SubjectError(
            f"{str(path)!r} is a folder: give the path of one text in it, or training, or held-out", "no-file"
        )
    if not path.is_file():
        raise SubjectError(f"there is no file {str(path)!r}: give the path of a text, or training, or held-out", "no-file")
    written, _ = text.content(path, limits)
    first, tokens = _tokens(written, Path(folder) / table["tokenizer"], limits)
    if found := overlap.covered(subject.held_out, tokens):
        raise SubjectError(
            f"{files.shown(path)} holds {found:,} of the {len(subject.held_out):,} windows of the held-out text, which is "
            "to judge: give a text that the model is not measured on",
            "training",
        )
    if "set" in table:  # whose windows are cut out of one stream of tokens: a text begins once
        first, tokens = (), (*first, *tokens)
    width = subject.held_out.stored.shape[1]
    room(f"{len(tokens):,} tokens of text", 32 * len(tokens), limits)
    rows = _rows(tokens, first, width)[: limits.samples]
    if not rows:
        raise SubjectError(f"{files.shown(path)} gives no two tokens in a row: give more text", "empty")
    return text.padded(rows)


def _tokens(written: str, tokenizer: Path, limits: Limits) -> tuple[tuple[int, ...], Sequence[int]]:
    """The tokens that begin a text, and those of this one."""
    words = text.words_of(tokenizer, limits)
    if isinstance(words, Tokenizer):
        return (BEGINNING,), words.encode(written)
    return tuple(words.beginning), words.plain([written])[0]


def _rows(tokens: Sequence[int], first: Sequence[int], width: int) -> list[list[int]]:
    """Windows that predict `width` tokens each; every one begins, after `first`, with the last token of the one before."""
    many = max(1, width + 1 - len(first))
    rows = [[*first, *tokens[at : at + many]] for at in range(0, max(1, len(tokens) - 1), max(1, many - 1))]
    return [one for one in rows if len(one) == width + 1] or [one for one in rows[:1] if len(one) > 1]
