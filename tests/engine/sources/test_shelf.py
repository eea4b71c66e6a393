"""The shelf of sources: every one keeps the contract, fetches nothing, and draws no random number."""

from __future__ import annotations

import json
import math

import pytest
import torch

from pruneviz.engine.sources import architecture, model_folder, outline, shelf
from pruneviz.engine.sources.card import SubjectError
from pruneviz.engine.sources.offer import Offer
from pruneviz.engine.sources.shelf import timm, torchvision, transformers

SOURCES = shelf.offered()
ONE = {"shipped": "lenet5", "torchvision": "resnet18", "timm": "resnet18"}
BERT = {"model_type": "bert", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 12}
BERT |= {"vocab_size": 50, "architectures": ["BertForSequenceClassification"]}
KEYS = {"scale", "mean", "std", "resize", "crop", "interpolation"}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Whoever reaches for the network here fails at once."""
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the shelf reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_keeps_the_contract(source):
    module = shelf.find(source)
    assert module.title and module.words.endswith(".") and module.argument and module.missing() == ""
    names = module.names()
    assert names == sorted(names) and len(names) == len(set(names)) > 5
    assert all(shelf.split(f"{source}:{name}") == (source, name) for name in names)
    one = ONE.get(source, names[0])
    assert set(module.preparation(one)) <= KEYS and all(isinstance(offer, Offer) for offer in module.weights(one))


def test_names_without_a_source_are_the_apps_own():
    assert shelf.split("lenet5") == ("shipped", "lenet5") and shelf.split("transformers") == ("transformers", "")
    assert shelf.split("shipped:lenet5") == shelf.split("lenet5") and shelf.split("timm") == ("timm", "")
    assert {"cifar_resnet", "lenet5", "llama"} <= set(shelf.find("shipped").names())
    assert {"mobilenet_v2", "vit_b_16"} <= set(torchvision.names()) and "fcos_resnet50_fpn" not in torchvision.names()
    assert {"bert", "distilbert", "gpt2", "llama", "opt", "roberta", "vit"} <= set(transformers.names())
    with pytest.raises(ValueError, match="unknown source 'keras'; there are shipped, timm, torchvision, transformers"):
        shelf.find("keras")


@pytest.mark.parametrize(
    ("build", "arguments"),
    [("lenet5", {}), ("torchvision:resnet18", {}), ("timm:resnet18", {}), ("transformers", {"config": BERT})],
    ids=["shipped", "torchvision", "timm", "transformers"],
)
def test_building_draws_no_random_number_and_fills_nothing(build, arguments):
    before, kind = torch.random.get_rng_state(), torch.get_default_dtype()
    network = architecture.build(build, arguments)
    thin = architecture.outline(build, arguments)
    assert torch.equal(torch.random.get_rng_state(), before) and torch.get_default_dtype() == kind
    assert not any(one.abs().sum() for one in network.parameters() if one.ndim > 1), "nobody filled it"
    assert {one.device.type for one in thin.parameters()} == {"meta"}
    assert {key: one.shape for key, one in thin.state_dict().items()} == {
        key: one.shape for key, one in network.state_dict().items()
    }


def test_every_classifier_of_torchvision_has_an_outline_of_its_own():
    seen = {}
    for name in torchvision.names():
        shape = frozenset(torchvision._signature(name).items())
        assert seen.setdefault(shape, name) == name, f"{name} cannot be told from {seen[shape]}"
        assert any(one[:1] == (torchvision._CLASSES,) for one in torchvision._signature(name).values()), (
            f"{name} has no head"
        )
    assert len(seen) >= 70


@pytest.mark.parametrize("name", ["mobilenet_v2", "vit_b_16", "googlenet"])
def test_published_weights_say_all_before_they_are_fetched(name):
    offers = torchvision.weights(name)
    default = offers[-1]
    assert default.reference.startswith("torchvision:") and default.host == "download.pytorch.org"
    assert default.bytes > 10e6 and default.licence and 0.6 < default.accuracy < 0.9 and len(default.sha256) == 8
    assert len(default.classes) == 1000 and default.classes[0] == "tench"
    assert set(default.preparation) == KEYS == set(torchvision.preparation(name)) and default.preparation["scale"] == 255
    assert torchvision.named(default.reference.partition(":")[2]) == (name, default)
    assert default.arguments == ({"transform_input": True} if name == "googlenet" else {})


def test_the_preparation_is_the_publishers_own():
    """torchvision's preset and this app's keys give the same numbers for the same picture."""
    import torchvision.models

    weights = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V2
    how = shelf.find("torchvision").preparation("mobilenet_v2")
    assert how == {
        "scale": 255.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225],
        "resize": 232, "crop": 224, "interpolation": "bilinear",
    }  # fmt: skip
    picture = torch.randint(0, 256, (3, 232, 232), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = (torch.tensor(how[key]).view(3, 1, 1) for key in ("mean", "std"))
    ours = ((picture[:, 4:228, 4:228] / how["scale"]) - mean) / std
    assert torch.allclose(weights.transforms()(picture), ours, atol=1e-5)


def test_timms_offers_name_their_licence_and_the_preparation():
    offers = timm.weights("resnet18")
    assert [offer.reference for offer in offers][-1] == "timm:resnet18.a1_in1k" and len(offers) > 3
    last = offers[-1]
    assert (last.licence, last.host, last.bytes) == ("apache-2.0", "huggingface.co", None)
    assert last.preparation["resize"] == math.floor(224 / 0.95) and last.preparation["crop"] == 224
    assert timm.named("resnet18")[1] == last and timm.named("resnet18.a1_in1k")[0] == "resnet18"
    with pytest.raises(SubjectError, match="no weights 'resnet18.nope'"):
        timm.named("resnet18.nope")


@pytest.mark.parametrize(
    ("build", "arguments", "code", "word"),
    [
        ("torchvision:resnet18", {"weights": "DEFAULT"}, "subject", "leave it out"),
        ("timm:resnet18", {"pretrained": True}, "subject", "leave it out"),
        ("timm:resnet18", {"checkpoint_path": "/etc/passwd"}, "subject", "leave it out"),
        ("timm:hf-hub:somebody/something", {}, "unknown-architecture", "unknown architecture"),
        ("torchvision:resnet19", {}, "unknown-architecture", "such as torchvision:resnet18"),
        ("nobody:resnet18", {}, "unknown-architecture", "unknown architecture"),
        ("shipped:lenet5", {}, "unknown-architecture", "there are cifar_resnet"),
        ("llama", {"layers": 10**6, "width": 8, "heads": 1}, "too-large", "more tensors or numbers"),
        ("llama", {"vocabulary": 10**9}, "too-large", "at most 16,777,215"),
        ("torchvision:vgg11", {"num_classes": 10**7}, "too-large", "more tensors or numbers"),
        ("torchvision:mobilenet_v2", {"inverted_residual_setting": [[1, 16, 10**9, 1]]}, "too-large", "at most"),
        ("transformers", {"config": BERT | {"num_hidden_layers": 10**6}}, "too-large", "at most 1,000 are built"),
        ("transformers", {"config": BERT | {"vocab_size": 10**7}}, "too-large", "more tensors or numbers"),
        ("transformers", {"config": BERT | {"hidden_size": 7}}, "arguments", "cannot be built"),
        ("transformers", {}, "subject", "config.json"),
        ("transformers", {"config": BERT, "revision": "x"}, "subject", "config.json"),
        ("transformers:vit", {"config": BERT}, "subject", "'bert'"),
    ],
)
def test_what_cannot_be_built_is_refused_before_memory_is_taken(build, arguments, code, word):
    with pytest.raises(SubjectError, match=word) as caught:
        architecture.outline(build, arguments, tensors=20_000, numbers=10**8)
    assert caught.value.code == code and "\n" not in str(caught.value)


def test_an_outline_counts_what_it_makes():
    make = lambda: torch.nn.Linear(100, 10)  # noqa: E731
    assert outline.outline(make, tensors=2, numbers=1010).weight.is_meta
    for tensors, numbers in ((1, 1010), (2, 1009)):
        with pytest.raises(SubjectError, match="more tensors or numbers"):
            outline.outline(make, tensors=tensors, numbers=numbers)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"auto_map": {"AutoModel": "modeling_x.X"}}, "remote-code"),
        ({"vision_config": {"auto_map": {"AutoModel": "modeling_x.X"}}}, "remote-code"),
        ({"trust_remote_code": True}, "remote-code"),
        ({"use_pretrained_backbone": True}, "remote-code"),
        ({"quantization_config": {"bits": 4}}, "quantised"),
        ({"model_type": "timm_wrapper"}, "model-type"),
        ({"model_type": "nobody"}, "model-type"),
        ({"model_type": None}, "model-type"),
        ({"model_type": ["bert"]}, "model-type"),
        ({"position_embedding_type": "relative_key"}, "subject"),
    ],
)
def test_a_configuration_that_asks_for_code_or_is_unknown_is_refused(tmp_path, change, code):
    (tmp_path / "config.json").write_text(json.dumps(BERT | change))
    with pytest.raises(SubjectError) as caught:
        transformers.read(tmp_path / "config.json")
    assert caught.value.code == code and 20 < len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["", "[]", "{", '{"model_type": ' + "[" * 5000, "\x00"])
def test_a_configuration_that_is_no_table_is_one_sentence(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(SubjectError):
        transformers.read(tmp_path / "config.json")


def test_what_a_configuration_says_of_kernels_and_types_is_not_passed_on():
    asked = {"_attn_implementation": "somebody/kernel", "attn_implementation": "somebody/kernel", "torch_dtype": "bfloat16"}
    asked |= {"use_cache": True, "output_attentions": True, "return_dict": False, "_name_or_path": "/home/somebody"}
    network = architecture.build("transformers", {"config": BERT | asked})
    assert network.config._attn_implementation == "eager" and not network.config.use_cache
    assert not network.config.output_attentions and network.config.return_dict
    assert {one.dtype for one in network.parameters()} == {torch.float32}
    assert "somebody" not in json.dumps(transformers.checked(BERT | asked))


def test_a_configurations_task_is_that_of_its_class():
    kinds = {
        "BertForSequenceClassification": "text_classification",
        "BertLMHeadModel": "language_modelling",
        "BertModel": None,
    }
    for name, task in kinds.items():
        assert transformers.task_of(BERT | {"architectures": [name]}) == task
    made = transformers.arguments(BERT, "text_classification")
    assert made["config"]["architectures"] == ["BertForSequenceClassification"]
    with pytest.raises(SubjectError, match="does not say what the model is for"):
        transformers.arguments(BERT | {"architectures": ["BertModel"]})
    with pytest.raises(SubjectError, match="sees the whole text"):
        architecture.build("transformers", {"config": BERT, "task": "language_modelling"})
    with pytest.raises(SubjectError, match="does not do image_classification; it does text_classification"):
        architecture.build("transformers", {"config": BERT, "task": "image_classification"})


@pytest.mark.parametrize(
    ("said", "keys"),
    [
        (
            {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": 224, "width": 224}, "resample": 2},
            {"scale": 255.0, "mean": [0.5] * 3, "std": [0.5] * 3, "resize": 224, "interpolation": "bilinear"},
        ),
        (
            {"size": {"shortest_edge": 256}, "crop_size": 224, "do_center_crop": True, "resample": 3, "do_normalize": False},
            {"scale": 255.0, "resize": 256, "crop": 224, "interpolation": "bicubic"},
        ),
        ({"size": 32, "do_rescale": False}, {"scale": 1.0, "resize": 32, "interpolation": "bilinear"}),
        (
            {"rescale_factor": 1 / 127.5, "do_resize": False, "size": 9, "resample": "nonsense"},
            {"scale": 127.5, "interpolation": "bilinear"},
        ),
        ({"image_mean": "high", "size": {"height": -1}, "rescale_factor": 0}, {"scale": 1.0, "interpolation": "bilinear"}),
    ],
)
def test_a_preprocessors_words_become_the_cards(said, keys):
    found = model_folder.prepared(said)
    assert {key: pytest.approx(one) if isinstance(one, float) else one for key, one in found.items()} == (
        keys if said.get("resample") != "nonsense" else {key: one for key, one in keys.items() if key != "interpolation"}
    )
