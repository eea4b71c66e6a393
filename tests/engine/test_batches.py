"""Inputs by keyword are judged as the same inputs in one tensor are."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pruneviz.engine import batches, criterion, evidence, truth
from tests.engine.conftest import tiny_subject


class Plain(nn.Module):
    """Two matrices over six numbers."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)))


class Named(Plain):
    """The same, which takes its numbers in two halves by keyword and gives an object, as transformers' networks do."""

    def forward(self, left, right, flag=None):
        return SimpleNamespace(logits=super().forward(torch.cat([left, right], 1)))


@pytest.fixture
def both():
    generator = torch.Generator().manual_seed(0)
    plain, named = Plain(), Named()
    with torch.no_grad():
        for one in plain.parameters():
            one.copy_(torch.randn(one.shape, generator=generator))
    named.load_state_dict(plain.state_dict())
    x, labels = torch.randn(11, 6, generator=generator), torch.randint(0, 3, (11,), generator=generator)
    subject = tiny_subject(plain, x, labels)
    return (subject, x), (replace(subject, network=named), {"left": x[:, :2], "right": x[:, 2:]}), labels


@pytest.mark.parametrize("key", ["gradient", "obd"])
def test_scores_are_the_same(both, key):
    plain, named, labels = both
    chosen = criterion.find(key)
    scores = [evidence.scores(subject, chosen, inputs, labels)[0] for subject, inputs in (plain, named)]
    assert all(torch.allclose(one, other, rtol=1e-5, atol=1e-7) for one, other in zip(*scores, strict=True))
    assert any(float(one.abs().max()) > 0 for one in scores[0])


def test_true_losses_are_the_same(both):
    plain, named, labels = both
    probes = [truth.Probe(subject, inputs, labels) for subject, inputs in (plain, named)]
    assert probes[0].loss == pytest.approx(probes[1].loss, rel=1e-12)
    assert probes[0].moved(1, 4, 0.0) == pytest.approx(probes[1].moved(1, 4, 0.0), rel=1e-12)


def test_too_few_labels_are_noticed(both):
    _, (subject, inputs), labels = both
    with pytest.raises(ValueError, match="11 calibration samples came with 10 labels"):
        evidence.scores(subject, criterion.find("gradient"), inputs, labels[:10])


def test_parts():
    inputs = {"a": torch.arange(5), "b": torch.arange(5.0)[:, None]}
    assert batches.rows(inputs) == 5 == batches.rows(inputs["b"])
    assert batches.at(inputs, slice(1, 3))["a"].tolist() == [1, 2]
    assert [batches.rows(one) for one in batches.split(inputs, 2)] == [2, 2, 1]
    doubled = batches.double(inputs)
    assert doubled["a"].dtype == torch.int64 and doubled["b"].dtype == torch.float64
    assert batches.precision(inputs) == torch.float32 and batches.precision(inputs["b"].double()) == torch.float64


def test_padding_is_left_out_text_by_text():
    """Four texts of 3, 1, 3 and no tokens: those of one length together, the longest first."""
    tokens = torch.tensor([[1, 2, 3, 0], [4, 0, 0, 0], [5, 6, 7, 0], [0, 0, 0, 0]])
    wanted = [[[1, 2, 3], [5, 6, 7]], [[4]]]
    labels = torch.where(tokens > 0, tokens, batches.NOTHING)
    assert [one.tolist() for one in batches.unpadded(tokens, labels)] == wanted
    told = {"input_ids": tokens, "attention_mask": (tokens > 0).long()}
    found = list(batches.unpadded(told))
    assert [one["input_ids"].tolist() for one in found] == wanted and all(one["attention_mask"].all() for one in found)


@pytest.mark.parametrize("labels", [None, torch.zeros(2, dtype=torch.int64), torch.ones(2, 3, dtype=torch.int64)])
def test_where_nothing_is_padded_all_stay_as_they_are(labels):
    tokens = torch.tensor([[1, 0, 3], [4, 5, 0]])
    (found,) = batches.unpadded(tokens, labels)
    assert found is tokens
    told = {"input_ids": tokens, "attention_mask": torch.ones(2, 3, dtype=torch.int64)}
    assert list(batches.unpadded(told)) == [told]


def test_a_place_without_a_label_in_a_texts_middle_is_no_padding():
    tokens, labels = torch.tensor([[1, 2, 3, 0]]), torch.tensor([[2, batches.NOTHING, 4, batches.NOTHING]])
    assert [one.tolist() for one in batches.unpadded(tokens, labels)] == [[[1, 2, 3]]]
