"""Small language models as files of llama2.c, and its own arithmetic written out loop by loop: what tests compare with."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BYTES = [f"<0x{byte:02X}>".encode() for byte in range(256)]
PIECES = [
    (b" ", -9.0), (b"a", -8.0), (b"b", -7.0), (b"c", -6.0), (b"\n", -8.5), (b"ab", -1.0), (b"bc", -1.0), (b"aa", -3.0),
    (b" a", -2.0), (b"abc", -4.0), (b" ab", -0.5), (b"aaa", -2.5), ("é".encode(), -5.0),
]  # fmt: skip
VOCABULARY = 3 + 256 + len(PIECES)


def tokenizer_bytes(pieces: list[tuple[bytes, float]] = PIECES) -> bytes:
    """A tokenizer file: three special pieces, 256 bytes, and these."""
    every = [(b"<unk>", 0.0), (b"\n<s>\n", 0.0), (b"\n</s>\n", 0.0), *((one, 0.0) for one in BYTES), *pieces]
    body = b"".join(struct.pack("<fi", score, len(piece)) + piece for piece, score in every)
    return struct.pack("<i", max(len(piece) for piece, _ in every)) + body


@dataclass(frozen=True)
class Sizes:
    width: int = 16
    hidden: int = 24
    layers: int = 2
    heads: int = 4
    key_value_heads: int = 2
    vocabulary: int = VOCABULARY
    context: int = 32
    shared: bool = True

    @property
    def head(self) -> int:
        return self.width // self.heads

    def arguments(self) -> str:
        """The same sizes as a card says them."""
        names = ("vocabulary", "width", "hidden", "layers", "heads", "key_value_heads")
        said = [f"{name} = {getattr(self, name)}" for name in names]
        return f"arguments = {{ {', '.join(said)}, tied = {'true' if self.shared else 'false'} }}"


def drawn(sizes: Sizes, seed: int = 0) -> dict[str, np.ndarray]:
    """Random tensors by llama2.c's names, in the order of its file; of a layer's tensors [L, …] all layers' together."""
    random = np.random.default_rng(seed)
    width, hidden, layers, keys = sizes.width, sizes.hidden, sizes.layers, sizes.head * sizes.key_value_heads
    shapes = {
        "token_embedding": (sizes.vocabulary, width), "rms_att": (layers, width), "wq": (layers, width, width),
        "wk": (layers, keys, width), "wv": (layers, keys, width), "wo": (layers, width, width), "rms_ffn": (layers, width),
        "w1": (layers, hidden, width), "w2": (layers, width, hidden), "w3": (layers, hidden, width), "rms_final": (width,),
        "freq_cis": (2, sizes.context, sizes.head // 2),
    }  # fmt: skip
    if not sizes.shared:
        shapes["wcls"] = (sizes.vocabulary, width)
    return {name: random.normal(scale=0.5, size=shape).astype("<f4") for name, shape in shapes.items()}


def model_bytes(sizes: Sizes, tensors: dict[str, np.ndarray]) -> bytes:
    """The `.bin` of these tensors."""
    vocabulary = sizes.vocabulary if sizes.shared else -sizes.vocabulary
    numbers = (sizes.width, sizes.hidden, sizes.layers, sizes.heads, sizes.key_value_heads, vocabulary, sizes.context)
    return struct.pack("<7i", *numbers) + b"".join(one.tobytes() for one in tensors.values())


def forward(sizes: Sizes, tensors: dict[str, np.ndarray], tokens: list[int]) -> np.ndarray:
    """run.c's forward pass, token by token with its loops and its pairs of neighbours, in float64: logits [T, V]."""
    t = {name: one.astype(np.float64) for name, one in tensors.items()}
    head, group = sizes.head, sizes.heads // sizes.key_value_heads
    keys = np.zeros((sizes.layers, len(tokens), sizes.key_value_heads, head))
    values, said = np.zeros_like(keys), []
    for position, token in enumerate(tokens):
        x = t["token_embedding"][token].copy()
        for layer in range(sizes.layers):
            normed = rmsnorm(x, t["rms_att"][layer])
            query = turned((t["wq"][layer] @ normed).reshape(sizes.heads, head), position)
            keys[layer, position] = turned((t["wk"][layer] @ normed).reshape(-1, head), position)
            values[layer, position] = (t["wv"][layer] @ normed).reshape(-1, head)
            gathered = np.zeros((sizes.heads, head))
            for h in range(sizes.heads):
                scores = keys[layer, : position + 1, h // group] @ query[h] / math.sqrt(head)
                weights = np.exp(scores - scores.max())
                gathered[h] = weights / weights.sum() @ values[layer, : position + 1, h // group]
            x += t["wo"][layer] @ gathered.reshape(-1)
            normed = rmsnorm(x, t["rms_ffn"][layer])
            gate = t["w1"][layer] @ normed
            x += t["w2"][layer] @ (gate / (1 + np.exp(-gate)) * (t["w3"][layer] @ normed))
        said.append(t["token_embedding" if sizes.shared else "wcls"] @ rmsnorm(x, t["rms_final"]))
    return np.stack(said)


def rmsnorm(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return weight * x / math.sqrt((x * x).mean() + 1e-5)


def turned(heads: np.ndarray, position: int) -> np.ndarray:
    out = heads.copy()
    for i in range(0, heads.shape[1], 2):
        angle = position / 10000.0 ** (i / heads.shape[1])
        cosine, sine = math.cos(angle), math.sin(angle)
        out[:, i] = heads[:, i] * cosine - heads[:, i + 1] * sine
        out[:, i + 1] = heads[:, i] * sine + heads[:, i + 1] * cosine
    return out


CARD = """
name = "A small story teller"
task = "language_modelling"
weights = "{weights}"
{top}
[architecture]
build = "{build}"
{arguments}
[data]
{data}
"""
DATA = 'file = "text.txt"\ntokenizer = "tok.bin"\nwindow = 20'
TEXT = "abc cab abacus baa aab cabbage\né\n" * 8


def folder(place: Path, sizes: Sizes = Sizes(), **change: str) -> Path:
    """A folder with weights, tokenizer, a text, and a card that names them."""
    (place / "model.bin").write_bytes(model_bytes(sizes, drawn(sizes)))
    (place / "tok.bin").write_bytes(tokenizer_bytes())
    (place / "text.txt").write_text(TEXT, "utf-8")
    said = {"weights": "model.bin", "top": "", "build": "llama", "arguments": sizes.arguments(), "data": DATA} | change
    (place / "subject.toml").write_text(CARD.format(**said), "utf-8")
    return place
