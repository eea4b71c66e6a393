"""Cards and configurations that ask for code, for files elsewhere, or for networks that no machine can hold."""

from __future__ import annotations

import json
from pathlib import Path

from tests.hostile.case import add, hostile, written
from tests.hostile.tensor_files import entry, packed

DIGITS = '[data]\nset = "digits"\n'


def card(folder: Path, text: str) -> Path:
    """A card with those words, beside a file of weights."""
    written(folder, "w.safetensors", packed({"weight": entry([1], 0, 4)}, bytes(4)))
    written(folder, "subject.toml", text.encode())
    return folder


def asks(build: str, arguments: str = "", weights: str = "w.safetensors", name: str = "a") -> str:
    """The words of a card that asks for such an architecture."""
    first = f'name = "{name}"\nweights = "{weights}"\n[architecture]\nbuild = "{build}"\n'
    return first + (f"arguments = {arguments}\n" if arguments else "")


_GIVEN = ("subject", "arguments", "too-large")
CARDS: dict[str, tuple[tuple[str, ...], str]] = {
    "code_as_architecture": (("unknown-architecture", "subject"), asks("os:system")),
    "path_as_architecture": (("unknown-architecture", "subject"), asks("../../canary")),
    "remote_code": (_GIVEN, asks("transformers", "{trust_remote_code = true}")),
    "pretrained": (_GIVEN, asks("torchvision:resnet18", '{weights = "DEFAULT"}')),
    "depth_without_end": (_GIVEN, asks("cifar_resnet", "{depth = 20000002}")),
    "width_without_end": (_GIVEN, asks("torchvision:resnet18", "{width_per_group = 16000000}")),
    "depth_of_blocks": (_GIVEN, asks("digits_vit", "{layers = 10000000}")),
    "deep_toml": (("toml", "text", "too-large", "subject"), f'weights = "w.safetensors"\na = {"[" * 50_000}\n'),
    "tables_without_end": (("toml", "subject", "unknown-key", "schema"), f'weights = "w.safetensors"\n[a{".a" * 20_000}]\n'),
    "huge_number": (("toml", "subject", "unknown-key", "schema"), f'weights = "w.safetensors"\na = {"9" * 50_000}\n'),
    "two_megabytes": (("too-large",), f'words = "{"a" * (2 << 20)}"\n'),
    "no_text": (("toml", "not-utf-8"), "\0\0\0"),
    "weights_are_a_device": (("no-file", "subject"), asks("lenet5", weights="/dev/zero")),
    "weights_are_a_text": (("text", "no-file", "unknown", "path"), asks("lenet5", weights="/etc/passwd")),
    "page_as_name": (("subject", "fit", "tensors", "mismatch"), asks("lenet5", name="<img src=x onerror=alert(1)>")),
    "page_as_key": (("subject", "unknown-key", "schema"), '"<script>alert(1)</script>" = 1\n'),
}


def _add() -> None:
    for name, (codes, text) in CARDS.items():
        whole = text if "[data]" in text or len(text) > 10_000 else text + DIGITS
        add(f"card_{name}", "card", codes, lambda folder, canary, text=whole: card(folder, text))


_add()
BERT = {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 30, "hidden_size": 8,
        "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}  # fmt: skip
CONFIGS: dict[str, tuple[tuple[str, ...], dict]] = {
    "auto_map": (("remote-code",), BERT | {"auto_map": {"AutoModel": "modeling_canary.Canary"}}),
    "custom_kind": (("kind", "model-type", "unknown-architecture", "subject"), BERT | {"model_type": "canary"}),
    "code_in_text": (("inert", "arguments"), BERT | {"hidden_act": "__import__('os').system('touch x')"}),
    "quantisation": (("quantised",), BERT | {"quantization_config": {"quant_method": "canary"}}),
    "wide": (
        ("too-large", "subject", "arguments", "build", "config"),
        BERT | {"hidden_size": 10**9, "intermediate_size": 10**9},
    ),
    "deep": (("too-large", "subject", "arguments", "build", "config"), BERT | {"num_hidden_layers": 10**9}),
    "vocabulary": (("too-large", "subject", "arguments", "build", "config"), BERT | {"vocab_size": 10**15}),
    "labels": (("too-large", "subject", "build", "config", "inert"), BERT | {"num_labels": 10**8}),
    "texts_for_numbers": (
        ("subject", "arguments", "build", "config"),
        BERT | {"hidden_size": "eight", "num_attention_heads": [1]},
    ),
    "negative": (("subject", "arguments", "build", "config"), BERT | {"hidden_size": -8}),
}


def _add_configs() -> None:
    for name, (codes, config) in CONFIGS.items():

        def make(folder: Path, canary: Path, config: dict = config) -> Path:
            code = f"import os\nos.system('touch {canary}')\n"
            for file in ("modeling_canary.py", "configuration_canary.py", "__init__.py"):
                written(folder, file, code.encode())
            return written(folder, "config.json", json.dumps(config).encode())

        add(f"config_{name}", "config", codes, make)


_add_configs()


@hostile("config", "json")
def config_deep_json(folder: Path, canary: Path) -> Path:
    return written(folder, "config.json", b'{"model_type": ' + b"[" * 100_000)


LINKS = {
    "page": {"model": "<script>alert(1)</script>", "amount": "<img src=x>"},
    "path": {"model": "../../../../etc/passwd"},
    "code": {"model": "os:system", "criterion": "__import__('os').system('touch CANARY')"},
    "numbers": {"amount": "9" * 100_000, "seed": "-" + "9" * 100_000},
    "exponents": {"amount": "1e999999999", "seed": "1e999999999"},
    "nothing": {"amount": "nan", "seed": "inf", "\0": "\0"},
    "many_words": {f"unknown{i}": "x" * 100 for i in range(5_000)},
}


def _add_links() -> None:
    for name, query in LINKS.items():

        def make(folder: Path, canary: Path, query: dict = query) -> Path:
            return written(folder, "link.json", json.dumps(query).replace("CANARY", str(canary)).encode())

        add(f"link_{name}", "link", ("inert",), make)


_add_links()
