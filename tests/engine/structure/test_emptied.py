"""Emptied groups: which of them leave no network, and which leave one that hears nothing."""

from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from pruneviz.engine.structure import emptied, surgery, trace
from pruneviz.engine.structure.surgery import SurgeryError
from tests.engine.structure import cases
from tests.engine.structure.test_trace import Forward, conv, picture


def none(structure):
    return {group.name: np.zeros(group.units, dtype=bool) for group in structure.removable}


def test_a_convolution_without_filters_is_named():
    network = cases.randomised(nn.Sequential(conv(3, 4), nn.ReLU(), conv(4, 2), nn.Flatten(), nn.Linear(72, 2)))
    structure, inputs = trace.structure(network, picture().float(), "filter"), picture().float()
    kept = {"0": np.zeros(4, dtype=bool), "2": np.array([True, False])}
    assert [one.name for one in emptied.groups(structure, kept)] == ["0"]
    assert [one.name for one in emptied.impossible(network, structure, kept, inputs)] == ["0"]
    assert emptied.blocks_all(network, structure, kept, inputs)
    with pytest.raises(SurgeryError, match=r"^no filter is left in 0: a convolution without filters cannot run") as caught:
        surgery.remove(network, structure, kept, inputs)
    assert caught.value.module == "0"


def test_round_an_emptied_residual_branch_the_input_gets_past():
    network = cases.randomised(
        Forward(lambda m, x: m.out(x.mean((2, 3)) + m.second(m.first(x.mean((2, 3))).relu())), first=nn.Linear(3, 8),
                second=nn.Linear(8, 3), out=nn.Linear(3, 2))
    )  # fmt: skip
    structure, inputs = trace.structure(network, picture().float(), "neuron"), picture().float()
    kept = {"first": np.zeros(8, dtype=bool)}
    assert emptied.impossible(network, structure, kept, inputs) == []
    assert not emptied.blocks_all(network, structure, kept, inputs)
    assert surgery.remove(network, structure, kept, inputs)[2].holds


def test_what_does_not_run_when_it_is_empty_says_so_first():
    """How often 0 goes into 0 is ambiguous: torch's words come second."""
    network = cases.randomised(
        Forward(
            lambda m, x: m.second((lambda y: y.view(-1, y.shape[1]))(m.first(x.mean((2, 3))))),
            first=nn.Linear(3, 8),
            second=nn.Linear(8, 3),
        )
    )
    structure, inputs = trace.structure(network, picture().float(), "neuron"), picture().float()
    kept = none(structure)
    assert [one.name for one in emptied.impossible(network, structure, kept, inputs)] == ["first"]
    with pytest.raises(SurgeryError, match="^no neuron is left in first; without any, the smaller network does not run"):
        surgery.remove(network, structure, kept, inputs)
