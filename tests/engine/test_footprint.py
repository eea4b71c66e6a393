"""The footprint: what a sample takes on its way, counted by hand, and never by taking it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz.engine import footprint, grid
from pruneviz.engine.sources import card, gate, sanity
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.subject import Preparation, Samples, Sentences, Subject
from tests.engine.conftest import tiny_subject


def growing(network: nn.Module, side: int) -> Subject:
    """A network that looks at ten pictures of 4 × 4 pixels, made `side` a side."""
    labels = torch.arange(10)
    held = Samples(torch.zeros(10, 1, 4, 4), labels, Preparation(resize=side))
    return replace(tiny_subject(network, held.stored, labels), held_out=held)


def convolution() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 10, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize("side", [8, 4096])
def test_a_convolution_by_hand(side):
    """One channel in, ten out, of four bytes a pixel; three times that. Weights are there anyway."""
    subject = growing(convolution(), side)
    assert footprint.each(subject) == 3 * 4 * 11 * side * side
    assert footprint.together(subject, 16, 2 * footprint.each(subject)) == 2
    assert footprint.together(subject, 16, 0) == 1 and footprint.together(subject, 16, 1 << 60) == 16


def test_views_take_nothing_and_text_is_as_long_as_the_longest():
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(1000, 8)

        def forward(self, tokens):
            return self.table(tokens).transpose(1, 2).expand(50, -1, 8, -1).sum((0, 3))

    network, lengths = Reads(), torch.tensor([1, 6, 3])
    subject = tiny_subject(network, torch.zeros(3, 6), torch.arange(3))
    held = Sentences(torch.zeros(3, 6, dtype=torch.int64), lengths, torch.arange(3), torch.zeros(3, 6, dtype=torch.int64))
    # Six tokens of eight bytes in, six times eight numbers of four bytes out; the sum reads as much, and gives 32 bytes.
    assert footprint.each(replace(subject, held_out=held)) == 3 * 6 * (8 + 4 * 8)


def test_a_network_that_needs_numbers_is_guessed():
    class Asks(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(16, 10)

        def forward(self, x):
            return self.inner(x.flatten(1)) * (2 if float(x.sum()) > 0 else 1)

    assert footprint.each(growing(Asks(), 4)) == 64 * 4 * 16


def test_what_small_networks_take_leaves_their_batches_as_they_are():
    """Batches are part of the numbers: of images of ordinary size there are as many as ever."""
    for name in (one for one in card.samples() if one.startswith("digits_")):
        subject = card.load(name)
        assert footprint.together(subject, grid.BATCH, grid.BUDGET) == grid.BATCH, name


def test_large_images_go_a_few_at_once():
    subject = growing(convolution(), 1024)
    each = footprint.each(subject)
    assert 100e6 < each < 150e6 and grid.size(subject, 1024**2, 10, wide=False) == grid.BUDGET // each < grid.FEWEST
    seen = []
    subject.network.register_forward_hook(lambda network, inputs, outputs: seen.append(len(inputs[0])))
    assert sanity.look(subject, seconds=60).n == 10
    assert seen == [1] * 10


def test_a_card_whose_samples_do_not_fit_is_refused_before_one_is_made(tmp_path, monkeypatch):
    """8 × 8 pixels made 4096 a side: gigabytes between two layers, asked for by one line."""
    import shutil

    folder = tmp_path / "digits_cnn"
    shutil.copytree(card.SHIPPED / "digits_cnn", folder)
    text = (folder / "subject.toml").read_text("utf-8")
    (folder / "subject.toml").write_text(text.replace("[data]", "[data]\nresize = 4096"), "utf-8")
    monkeypatch.setattr(Samples, "inputs", lambda *_: pytest.fail("a sample was made"))
    monkeypatch.setattr("pruneviz.engine.sources.limits.available", lambda: 2 << 30)
    with pytest.raises(SubjectError, match="of memory are needed for two samples on their way") as caught:
        card.load(folder, gate.LOCAL)
    assert caught.value.code == "memory"
