"""Finds the units of a network: one question, three ways to answer it.

Filters and neurons by following every channel through one forward pass (`trace`), heads by the layout of the attention
module (`heads`), layers by what can be left out of a list of modules (`blocks`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from torch import Tensor, nn

from pruneviz.engine.structure import blocks, heads, trace, width
from pruneviz.engine.structure.units import KINDS, Granularity, Structure
from pruneviz.engine.subject import Subject


@dataclass(slots=True, eq=False)
class _Search:
    """One search for units: whoever holds the lock looks."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    found: Structure | None = None


_searches: WeakKeyDictionary[Subject, dict[str, _Search]] = WeakKeyDictionary()
_lock = threading.Lock()


def find(network: nn.Module, inputs: Tensor | dict, granularity: Granularity) -> Structure:
    """The units of `network` at this granularity. `inputs` is one example (a batch of 1); the network is not changed."""
    if granularity == "head":
        return width.proven(network, heads.structure(network, inputs), inputs)
    if granularity == "layer":
        return width.proven(network, blocks.structure(network, inputs), inputs)
    if granularity in KINDS:
        return trace.structure(network, inputs, granularity)
    raise ValueError(f"unknown unit {granularity!r}; there are {', '.join(KINDS)}")


def offers(subject: Subject) -> tuple[str, ...]:
    """The granularities at which a subject has something to lose: its weights, and each kind of unit that it has."""
    return ("weight", *(kind for kind in KINDS if of(subject, kind).units > 1))


def of(subject: Subject, granularity: Granularity) -> Structure:
    """The units of a subject's network, looked for once, with its first held-out sample.

    Who asks while another thread is looking waits for the same answer.
    """
    with _lock:
        search = _searches.setdefault(subject, {}).setdefault(granularity, _Search())
    with search.lock:
        if search.found is None:
            search.found = find(subject.skeleton().eval(), subject.held_out.inputs(slice(0, 1)), granularity)
        return search.found
