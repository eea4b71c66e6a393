"""Two small language models after one shot, no retraining: who chooses what goes, what becomes of the survivors, and how the
budget is shared (OWL: by outliers, Yin et al. 2024). Each way goes block by block over calibration text, and perplexity is
measured on other text, with its 95 % interval by windows.

stories260K (karpathy/llama2.c) looks at the first half of TinyStories' head and is measured on the second. Both are text
that it was *trained* on. reference_lm looks at its training text and is measured on topics that it never saw.

Least squares fits the survivors exactly on the places that Wanda, or SparseGPT, chose; one-swaps trade places of Wanda's
choice. Patterns take as much of every matrix, so OWL has nothing to share there; at 4:8 the five matrices of stories260K
that have 172 inputs stay whole, for 172 are no whole groups of eight. Beside them stand the published figures of OPT at half
of the weights (Frantar & Alistarh 2023): those models are a hundred to two hundred thousand times as large.

All is of one draw of calibration text: the settings of one model share it, so that a way ends below another in so many of
them says less than as many draws would. Padding behind shorter windows is not looked at. OWL compares outliers on windows
of its own, as many as the slider looks at.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from benchmarks.reproduce import figures
from benchmarks.reproduce.cards import Cards
from pruneviz.charts.chart import amount as written
from pruneviz.course import Course
from pruneviz.engine.reconstruct import oneshot
from pruneviz.engine.subject import Subject, Windows
from pruneviz.engine.training.exam import exam
from pruneviz.recipe import Recipe
from pruneviz.scale import OPT

order, title, edition, subjects = 9, "R8. One shot on language models", 2, ("stories260k", "reference_lm")
WAYS = {
    "random": ("random", "keep"), "magnitude": ("magnitude", "keep"), "Wanda": ("wanda", "keep"), "RIA": ("ria", "keep"),
    "SparseGPT": ("wanda", "sparsegpt"), "Wanda + least squares": ("wanda", "least_squares"),
    "SparseGPT + least squares": ("wanda", "sparsegpt_refit"), "Wanda + one-swaps": ("wanda", "swaps"),
    "Wanda + one-swaps + least squares": ("wanda", "swaps_refit"),
}  # fmt: skip
"""(criterion, method) by the words of the way. A method that chooses itself asks no criterion."""
SETTINGS = {"30%": 0.3, "50%": 0.5, "60%": 0.6, "70%": 0.7, "2:4": 0.5, "4:8": 0.5}
SAMPLES, SEED = 96, 0


def measure(cards: Cards) -> dict[str, Any]:
    return {name: _measured(_subject(cards, name)) for name in subjects}


def told(found: dict[str, Any]) -> Iterator[str]:
    for name, rows in found.items():
        dense, low, high = rows["dense"]
        yield from (f"**{name}**, dense: {written(dense)} [{written(low)}, {written(high)}].", "")
        for scope, words in (("row", "every matrix gives alike"), ("owl", "OWL shares")):
            head = [words, *(setting for setting in SETTINGS if scope == "row" or ":" not in setting)]
            body = [[way, *(_cell(rows["ways"][f"{way}|{scope}|{one}"]) for one in head[1:])] for way in WAYS]
            yield from figures.rows(head, body)
        yield from (_verdict(rows["ways"]), "")
    yield from _published()


def _subject(cards: Cards, name: str) -> Subject:
    """The model with text to look at, and other text to be measured on."""
    subject = cards.base(Recipe(name))
    if subject.training is not None:
        return subject
    held = subject.held_out
    half = len(held) // 2
    parts = [Windows(held.stored[part], held.labels[part]) for part in (slice(0, half), slice(half, None))]
    return replace(subject, training=parts[0], held_out=parts[1])


def _measured(subject: Subject) -> dict[str, Any]:
    found = {}
    for way, (criterion, method) in WAYS.items():
        for scope in ("row", "owl"):
            for setting, share in SETTINGS.items():
                if scope == "owl" and ":" in setting:
                    continue
                recipe = Recipe(
                    subject.name, criterion, setting if ":" in setting else "weight", scope, share, seed=SEED,
                    course=Course(method=method, batch=SAMPLES),
                )  # fmt: skip
                network = copy.deepcopy(subject.network)
                for _ in oneshot.prepare(subject, recipe, network).steps():
                    pass
                found[f"{way}|{scope}|{setting}"] = _perplexity(subject, network)
    return {"dense": _perplexity(subject, subject.network), "ways": found}


def _perplexity(subject: Subject, network) -> list[float]:
    one = exam(subject, copy.deepcopy(network))
    return [min(1e30, value) for value in (one.value, *one.interval)]


def _cell(found: list[float]) -> str:
    value, low, high = found
    return f"{written(value)} [{written(low)}, {written(high)}]"


def _verdict(ways: Mapping[str, list[float]]) -> str:
    """How often SparseGPT ends below Wanda, and OWL below equal shares: counted, for nobody promised it."""
    places = [key.partition("|")[2] for key in ways if key.startswith("Wanda|")]
    better = sum(ways[f"SparseGPT|{one}"][0] < ways[f"Wanda|{one}"][0] for one in places)
    fitted = sum(ways[f"Wanda + least squares|{one}"][0] < ways[f"SparseGPT|{one}"][0] for one in places)
    shared = [key for key in ways if "|owl|" in key and not key.startswith("random")]
    owl = sum(ways[key][0] < ways[key.replace("|owl|", "|row|")][0] for key in shared)
    return (
        f"SparseGPT ends below Wanda in {better} of {len(places)} settings, Wanda's choice fitted by least squares below "
        f"SparseGPT in {fitted} of {len(places)}, and OWL below equal shares in {owl} of {len(shared)}."
    )


def _published() -> Iterator[str]:
    yield from ("Published, OPT at half of the weights, raw-WikiText2:", "")
    body = [[one.size, *map(written, (one.dense, one.magnitude, one.sparsegpt))] for one in OPT]
    yield from figures.rows(["OPT", "dense", "magnitude", "SparseGPT"], body)
