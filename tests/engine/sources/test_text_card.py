"""A BERT of two layers over twelve words, as a folder of transformers: from its card to a Report in each metric."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card, sanity
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.engine.subject import Sentences
from pruneviz.recipe import Recipe
from tests.engine.sources.wordpieces import WORDS, bert

transformers = pytest.importorskip("transformers")
CARD = """
name = "A small reader"
task = "text_classification"
weights = "model.safetensors"
{top}
[architecture]
build = "transformers"
config = "config.json"
[data]
file = "dev.tsv"
training_file = "train.tsv"
tokenizer = "tokenizer.json"
{data}
"""


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
        max_position_embeddings=20, num_labels=2, architectures=["BertForSequenceClassification"],
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = transformers.BertForSequenceClassification(config).eval()
        for one in made.parameters():
            one.data.mul_(6)
    return made


@pytest.fixture
def own(tmp_path, network):
    bert(tmp_path)
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(network.config.to_dict()))
    rows = [f"{'good ' * (at % 4)}{'bad ' * (at % 3)}film{'!' * (at % 2)}\t{int(at % 4 > at % 3)}\n" for at in range(48)]
    (tmp_path / "dev.tsv").write_text("".join(rows))
    (tmp_path / "train.tsv").write_text("".join(f"a {row}" for row in rows[:30]))
    return tmp_path


def load(folder, top: str = "", data: str = ""):
    (folder / "subject.toml").write_text(CARD.format(top=top, data=data))
    return card.load(folder)


def report(subject, **change):
    recipe = Recipe(subject=subject.name, amount=0.4, **change)
    standing = evaluate.stand(subject, recipe)
    workspace = Workspace(subject, standing.split.measured)
    return evaluate.evaluate(subject, recipe, standing, workspace), workspace


def test_outputs_are_the_networks_own_whatever_the_batch(own, network):
    """Each text alone and unpadded gives what the batch gives: padding is hidden behind the mask."""
    subject = load(own)
    held = subject.held_out
    assert isinstance(held, Sentences) and len(held) == 48 and len(subject.training) == 30
    _, workspace = report(subject)
    dense = workspace.dense()
    for at in range(0, 48, 7):
        with torch.inference_mode():
            alone = network(input_ids=held.stored[at : at + 1, : held.lengths[at]]).logits
        assert int(alone.argmax()) == dense.predicted[at]
        assert torch.nn.functional.cross_entropy(alone, held.labels[at : at + 1]) == pytest.approx(
            dense.losses[at], rel=1e-4
        )


@pytest.mark.parametrize(("key", "name"), [("", "accuracy"), ("macro_f1", "macro F1"), ("matthews", "Matthews correlation")])
def test_each_metric(own, key, name):
    subject = load(own, f'metric = "{key}"' if key else "")
    found, _ = report(subject)
    assert found.score.metric == name and found.score.noun == "texts" and found.score.n == 48
    assert found.score.interval[0] <= found.score.value <= found.score.interval[1]


@pytest.mark.parametrize(
    ("granularity", "criterion"),
    [("weight", "gradient"), ("weight", "obd"), ("weight", "ria"), ("head", "wanda"), ("neuron", "magnitude")],
)
def test_units_and_criteria_that_look_at_texts(own, granularity, criterion):
    found, _ = report(load(own), granularity=granularity, criterion=criterion)
    assert found.removed > 0 and found.score.n == 48
    if granularity == "head":
        assert found.units == 8


def test_a_look(own):
    found = sanity.look(load(own, 'classes = ["bad", "good"]'))
    assert found.n == 48 and {one.label for one in found.examples} == {"bad", "good"} and "film" in found.examples[0].text


@pytest.mark.parametrize(
    ("top", "data", "word"),
    [
        ('metric = "bleu"', "", "unknown metric 'bleu'; there are accuracy, macro_f1, matthews"),
        ("", "context = 30", "the network takes 20 tokens"),
        ('classes = ["a", "b", "c"]', "", "2 outputs but the card names 3"),
        ("", 'text_column = "review"\nheader = true', "has no column 'review'"),
        ("", 'layout = "NHWC"', "unknown key 'layout'"),
        ("", 'folders = ["x", "y"]', "does not name"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(own, top, data, word):
    with pytest.raises(SubjectError) as caught:
        load(own, top, data)
    assert word in str(caught.value) and "\n" not in str(caught.value)


def test_labels_of_another_data_set(own):
    (own / "dev.tsv").write_text("good\t1\nbad\t2\n")
    with pytest.raises(SubjectError, match="labels from 1 to 2 do not fit 2 classes.*first_label = 1"):
        load(own)
    (own / "train.tsv").write_text("film\t1\n!\t2\n")
    assert load(own, data="first_label = 1").held_out.labels.tolist() == [0, 1]
