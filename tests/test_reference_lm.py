"""The language sample: what it is, how well it reads topics that it never saw, and that making it is repeatable."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from functools import cache

import pytest
import torch
from safetensors import safe_open
from torch import nn

from pruneviz import language_reference
from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import architecture, card
from pruneviz.recipe import Recipe
from sample_models.reference_lm import make
from sample_models.reference_lm.make import HOW, Schooling, cut, loss_of, school
from tests import author_text

FOLDER = architecture.SHIPPED / "reference_lm"
TINY = Schooling(
    vocabulary=300, width=16, hidden=24, layers=1, heads=2, key_value_heads=1, context=16, epochs=2, batch=4, rate=1e-2
)


@cache
def subject():
    return card.load("reference_lm")


@cache
def story():
    with safe_open(FOLDER / "weights.safetensors", "pt") as file:
        return json.loads(file.metadata()["pruneviz"])


def test_it_is_a_small_llama_whose_patterns_fit():
    """Widths and heads divide by 8, so that 2:4 and 4:8 fit; the output matrix is the embedding, and neither is pruned."""
    model = subject()
    assert sum(one.numel() for one in model.network.parameters()) == 992_640 and model.weights == 860_160
    assert len(model.layers) == 7 * HOW.layers and all(side % 8 == 0 for one in model.layers for side in one.shape)
    attention = model.network.model.layers[0].self_attn
    assert (attention.num_heads, attention.num_key_value_heads, attention.head_dim) == (8, 4, 16)
    assert model.network.lm_head.weight is model.network.model.embed_tokens.weight
    assert "tied" in dict(model.skipped)["lm_head.weight"] and len(model.classes) == HOW.vocabulary
    assert (FOLDER / "weights.safetensors").stat().st_size < 5_000_000


def test_it_was_made_with_these_settings_of_a_text_that_the_card_names():
    assert Schooling(**story()["how"]) == HOW, "these weights were made with other settings: run make.py again"
    said = (FOLDER / "card.md").read_text("utf-8")
    sha256 = subject().origin.card["data"]["sha256"]
    assert sha256 in said and sha256 in story()["data"] and HOW.arguments().items() <= architecture_said().items()
    assert f"epoch {story()['best epoch']['number']} " in said


def architecture_said():
    return subject().origin.card["architecture"]["arguments"]


@author_text.needed
def test_the_perplexity_on_the_card_is_measured_again():
    model, recipe = subject(), Recipe(subject="reference_lm", amount=0.0)
    standing = evaluate.stand(model, recipe)
    score = evaluate.evaluate(model, recipe, standing, Workspace(model, standing.split.measured)).score
    assert (score.n, score.noun, model.origin.caveats) == (96, "windows", ())
    low, high = score.interval
    said = f"{score.value:.1f} (95 % interval {low:.1f} to {high:.1f})"
    assert said in " ".join((FOLDER / "card.md").read_text("utf-8").split())
    assert low < 40, "a network that has learned nothing is at 1,024"


def test_what_it_is_measured_on_was_not_learned_from():
    """No held-out window stands among the training windows; every predicted token is one of the vocabulary."""
    held, training = subject().held_out, subject().training
    known = {tuple(row) for row in training.stored.tolist()}
    assert len(known) > 900 and not any(tuple(row) in known for row in held.stored.tolist())
    assert torch.equal(held.stored[:, 1:], held.labels[:, :-1])


def test_making_it_twice_gives_the_same_bytes(tmp_path, monkeypatch):
    few = tuple(sorted(language_reference.learned(), key=len)[:12])
    for name in ("learned", "watched", "training"):
        monkeypatch.setattr(language_reference, name, lambda: few)
    before, hashes = torch.random.get_rng_state(), set()
    for attempt in ("one", "two"):
        (tmp_path / attempt).mkdir()
        made = make.make(tmp_path / attempt, TINY)
        hashes.add(
            tuple(hashlib.sha256((made.parent / name).read_bytes()).hexdigest() for name in (made.name, "tokenizer.json"))
        )
    assert len(hashes) == 1 and torch.equal(torch.random.get_rng_state(), before)


def test_the_epoch_that_did_best_is_kept(monkeypatch):
    """Three epochs that set the embedding to 1, 2 and 3, and do best in the second."""

    def epochs(network, *_):
        for number, watched in ((1, 2.0), (2, 1.0), (3, 1.5)):
            nn.init.constant_(network.model.embed_tokens.weight, float(number))
            yield make.Epoch(number, 0.0, watched)

    monkeypatch.setattr(make, "school", epochs)
    monkeypatch.setattr(language_reference, "learned", lambda: ("one two",))
    monkeypatch.setattr(language_reference, "watched", lambda: ("three",))
    network, best, _ = make.taught(make.words(TINY), TINY)
    assert best.number == 2 and bool((network.model.embed_tokens.weight == 2).all()) and not network.training


def test_it_learns_and_drops_nothing_when_it_is_asked():
    """A text that repeats eleven tokens is learned nearly by heart; dropout rests while the loss is measured."""
    stream = torch.arange(900) % 11
    network = architecture.build("llama", TINY.arguments())
    epochs = list(school(network, stream, stream, replace(TINY, epochs=12, drop=0.2)))
    assert [one.number for one in epochs] == [*range(1, 13)]
    assert epochs[-1].watched < 0.3 < 2 < epochs[0].watched and epochs[-1].watched < epochs[-1].loss
    assert loss_of(network, stream, TINY) == pytest.approx(epochs[-1].watched)


def test_windows_of_a_stream_and_the_loss_of_a_network_that_knows_nothing():
    """0 1 2 3 4 5 6 by threes: 0 1 2 and 3 4 5 foretell 1 2 3 and 4 5 6; equal logits are ln V for every token."""
    inputs, labels = cut(torch.arange(7), 3)
    assert inputs.tolist() == [[0, 1, 2], [3, 4, 5]] and labels.tolist() == [[1, 2, 3], [4, 5, 6]]
    network = architecture.build("llama", TINY.arguments())
    nn.init.zeros_(network.lm_head.weight)
    assert loss_of(network, torch.arange(40), TINY) == pytest.approx(math.log(TINY.vocabulary))
