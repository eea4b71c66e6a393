"""Continuation: a held-out text, carried on by the dense and the pruned network, the likeliest token each time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pruneviz.continuation import PROMPT, TOKENS, Continuation
from pruneviz.engine import explain, silence
from pruneviz.engine.sources import pieces
from pruneviz.engine.standing import Standing
from pruneviz.engine.subject import Subject, Windows
from pruneviz.engine.working import private
from pruneviz.recipe import Recipe


def continued(
    subject: Subject, recipe: Recipe, standing: Standing, window: int, told: Callable[[int, int], None] | None = None
) -> Continuation:
    """What both networks write after the first tokens of a held-out window. `told(done, all)` is called between tokens, and
    may end it by raising."""
    held = subject.held_out
    if not isinstance(held, Windows) or not 0 <= window < len(held):
        raise ValueError(
            f"{subject.title} has no window of text {window}: choose one of a language model's held-out windows"
        )
    row = torch.cat([held.stored[window, :1], held.labels[window][held.labels[window] >= 0]])
    given = min(PROMPT, len(row) // 2)
    networks = private(subject.network)[0], explain.pruned(subject, recipe, standing)
    written = []
    for at, network in enumerate(networks):
        tell = None if told is None else lambda done, at=at: told(at * TOKENS + done, 2 * TOKENS)
        written.append(_greedy(network, row[:given], held.stored.shape[1], tell))
    parts = row[:given], row[given : given + TOKENS], *written
    prompt, *named = (pieces.each([subject.classes[token] for token in one.tolist()], subject.classes) for one in parts)
    return Continuation(window, "".join(prompt), *named)


def _greedy(network: nn.Module, tokens: Tensor, context: int, told: Callable[[int], None] | None) -> Tensor:
    """The likeliest next token, so many times; the network never reads more than it was measured on."""
    start = len(tokens)
    with torch.inference_mode():
        for done in range(TOKENS):
            said = silence.outputs(network, tokens[-context:][None])[0, -1]
            tokens = torch.cat([tokens, said.nan_to_num(nan=-torch.inf).argmax()[None]])
            if told is not None:
                told(done + 1)
    return tokens[start:]
