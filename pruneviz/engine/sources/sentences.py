"""Texts with labels, or pairs of texts: from a table's rows to tokens that a network takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pruneviz.engine.sources import class_names, encoder, found, tabular
from pruneviz.engine.sources.encoder import Encoder
from pruneviz.engine.sources.found import Data, Wants
from pruneviz.engine.sources.limits import LOCAL, Limits, room
from pruneviz.engine.sources.refusal import SubjectError
from pruneviz.engine.sources.tabular import Rows
from pruneviz.engine.subject import Sentences

CONTEXT = 128
"""Tokens that a text is cut to where nobody says how many: sentences are shorter, and time grows with each of them."""


def read(table: Mapping[str, Any], folder: Path, wants: Wants, limits: Limits = LOCAL) -> Data:
    """The texts that a card names, as tokens; `folder` is where the card lies."""
    if "tokenizer" not in table:
        raise SubjectError(f"[data] lacks 'tokenizer': name a folder with {encoder.WAYS}", "tokenizer")
    words = encoder.read(folder / table["tokenizer"], limits)
    most = _context(table.get("context"), wants)
    _check_vocabulary(words, wants)
    held_out, rows, told = _split(folder / table["file"], table, (words, most, wants), limits)
    name = found.drawn(rows.sha256, (len(held_out), len(rows.labels)))
    training, hashes, notes = None, [name, words.sha256], [rows.note, *told]
    if "training_file" in table:
        training, others, more = _split(folder / table["training_file"], table, (words, most, wants), limits)
        if others.sha256 == rows.sha256:
            raise SubjectError("training_file is the held-out file itself: name another one, or leave it out", "training")
        hashes.append(found.drawn(others.sha256, (len(training), len(others.labels))))
        notes += more
    classes = tuple(table["folders"]) if "folders" in table else ()
    notes += found.remarks(held_out, training, "texts")
    return Data(held_out, training, "+".join(hashes), classes, tuple(notes))


def _split(
    path: Path, table: Mapping[str, Any], what: tuple[Encoder, int, Wants], limits: Limits
) -> tuple[Sentences, Rows, tuple[str, ...]]:
    """The texts of one file, the rows that they were read from, and what there is to say."""
    words, most, wants = what
    rows = tabular.read(path, table, limits)
    labels = _labels(rows.labels, table, wants)
    chosen = found.thinned(labels, limits.samples)
    room(f"{len(chosen):,} texts of {most} tokens", 16 * most * len(chosen), limits)
    texts = rows.texts(chosen.tolist())
    sentences = encoded(texts, labels[chosen], words, most, wants)
    cut = int((sentences.lengths >= most).sum())
    notes = (f"{cut:,} of {len(texts):,} texts have {most} tokens or more and were cut there.",) * bool(cut)
    return sentences, rows, (*found.thinning(len(texts), len(labels), "texts"), *notes)


def encoded(texts: Sequence[tuple[str, ...]], labels: np.ndarray, words: Encoder, most: int, wants: Wants) -> Sentences:
    """Texts as tokens [N, T], filled up to the longest of them."""
    pairs = words.pairs(texts, most)
    lengths = torch.tensor([len(tokens) for tokens, _ in pairs], dtype=torch.int64)
    if not int(lengths.min()):
        raise SubjectError(f"{words.name} makes no token of some texts: give the tokenizer of the model", "tokenizer")
    padding = wants.padding if wants.padding is not None else words.padding or 0
    stored = torch.full((len(pairs), int(lengths.max())), padding, dtype=torch.int64)
    types = torch.zeros_like(stored)
    for place, (tokens, kinds) in enumerate(pairs):
        stored[place, : len(tokens)], types[place, : len(kinds)] = torch.tensor(tokens), torch.tensor(kinds)
    return Sentences(stored, lengths, torch.from_numpy(labels), types, wants.keywords, tuple(texts))


def _labels(written: Sequence[str], table: Mapping[str, Any], wants: Wants) -> np.ndarray:
    """The output that each label means, [N] int64: a number counts outputs, a name is looked up."""
    known = list(dict.fromkeys(written))
    numbers = None if "folders" in table else tabular.whole(known)
    if numbers is not None:
        places = dict(zip(known, (one - table.get("first_label", 0) for one in numbers), strict=True))
    else:
        places = class_names.outputs(written, wants.classes, table.get("folders"), "labels")
    return np.fromiter((places[one] for one in written), np.int64, len(written))


def _context(asked: int | None, wants: Wants) -> int:
    """How many tokens a text may have."""
    if asked is not None and wants.context is not None and asked > wants.context:
        raise SubjectError(f"[data] context is {asked}, but the network takes {wants.context} tokens: say less", "context")
    return asked or min(CONTEXT, wants.context or CONTEXT)


def _check_vocabulary(words: Encoder, wants: Wants) -> None:
    if wants.vocabulary is not None and len(words.words) > wants.vocabulary:
        raise SubjectError(
            f"{words.name} has {len(words.words):,} tokens, but the network knows {wants.vocabulary:,}: give the tokenizer "
            "that it was trained with",
            "tokenizer",
        )
