"""How a text goes on, by a network of which it is known what it writes: it counts, and pruned it can only say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz.continuation import PROMPT, TOKENS, Continuation
from pruneviz.engine import evaluate
from pruneviz.engine.continuation import continued
from pruneviz.engine.subject import Windows
from pruneviz.recipe import Recipe
from tests.engine.conftest import tiny_subject

WORDS = 11


class Counting(nn.Module):
    """After token k comes k + 1, and after the last the first: a shifted unit matrix behind a fixed embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("words", torch.eye(WORDS))
        self.next = nn.Linear(WORDS, WORDS, bias=False)
        self.next.weight = nn.Parameter(torch.eye(WORDS).roll(1, 0))

    def forward(self, tokens):
        return self.next(self.words[tokens])


def counting(length: int = 2 * PROMPT):
    stream = torch.arange(3 * length + 1) % WORDS
    windows = Windows(stream[:-1].view(3, length), stream[1:].view(3, length))
    plain = tiny_subject(Counting().eval().requires_grad_(False), windows.stored, windows.labels[:, 0])
    names = tuple(f" {one}" for one in range(WORDS))
    return replace(plain, task="language_modelling", held_out=windows, training=windows, classes=names)


def test_the_dense_network_counts_on_and_without_weights_it_says_the_first_word():
    subject, recipe = counting(), Recipe(amount=1.0)
    found = continued(subject, recipe, evaluate.stand(subject, recipe), 1)
    start = 2 * PROMPT  # the second window begins here
    counted = tuple(f" {(start + PROMPT + at) % WORDS}" for at in range(TOKENS))
    assert found.prompt == "".join(f" {(start + at) % WORDS}" for at in range(PROMPT))
    assert found.dense == counted == found.truth[:TOKENS] and set(found.pruned) == {" 0"}
    assert found.same == next(at for at, word in enumerate(counted) if word != " 0")


def test_where_nothing_goes_both_write_the_same():
    subject, recipe = counting(), Recipe(amount=0.0)
    found = continued(subject, recipe, evaluate.stand(subject, recipe), 0)
    assert found.dense == found.pruned and found.same == TOKENS
    assert torch.equal(subject.network.next.weight, torch.eye(WORDS).roll(1, 0))


def test_a_short_window_gives_half_of_itself():
    subject, recipe = counting(length=8), Recipe(amount=0.0)
    found = continued(subject, recipe, evaluate.stand(subject, recipe), 0)
    assert found.prompt == " 0 1 2 3" and found.truth == (" 4", " 5", " 6", " 7", " 8") and len(found.dense) == TOKENS


def test_whoever_waits_hears_of_every_token_and_may_end_it():
    subject, recipe, told = counting(), Recipe(amount=0.5), []
    continued(subject, recipe, evaluate.stand(subject, recipe), 0, lambda done, of: told.append((done, of)))
    assert told == [(at + 1, 2 * TOKENS) for at in range(2 * TOKENS)]


@pytest.mark.parametrize("window", [-1, 3])
def test_there_is_no_such_window(window):
    subject, recipe = counting(), Recipe()
    with pytest.raises(ValueError, match="has no window of text"):
        continued(subject, recipe, evaluate.stand(subject, recipe), window)


def test_where_two_texts_part():
    assert Continuation(0, "", (), ("a", "b", "c"), ("a", "x", "c")).same == 1
