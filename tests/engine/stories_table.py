"""stories260K, a real language model: its perplexity before and after heads are really removed. Prints a table.

`python -m tests.engine.stories_table` needs ../shared/data.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pruneviz.engine import tasks
from pruneviz.engine.sources import card
from pruneviz.engine.structure import find, surgery
from pruneviz.engine.structure.units import Structure
from pruneviz.engine.subject import Subject
from tests.conftest import DATA

TEXTS = {"tinystories_train_head": 242, "tinyshakespeare": 40, "wikitext2_valid": 40}
"""How many windows of 800 characters give the perplexities that the data's README prints."""

CARD = """
name = "stories260K"
task = "language_modelling"
weights = "{data}/stories260k/stories260K.{kind}"
[architecture]
build = "llama"
arguments = {{ vocabulary = 512, width = 64, hidden = 172, layers = 5, heads = 8, key_value_heads = 4 }}
[data]
file = "{data}/texts/{text}.txt"
training_file = "{data}/texts/{other}.txt"
tokenizer = "{data}/stories260k/tok512.bin"
windows = {windows}
context = 512
"""


@dataclass(frozen=True)
class Row:
    """One removal: how many key-value heads stay in each layer, and what the masked and the smaller network measure."""

    share: float
    stay: tuple[int, ...]
    difference: float
    dense: float
    masked: float
    removed: float


def subject(folder: Path, text: str = "tinyshakespeare", *, windows: int | None = None, kind: str = "bin") -> Subject:
    other = "tinystories_train_head" if text != "tinystories_train_head" else "tinyshakespeare"
    said = CARD.format(data=DATA, kind=kind, text=text, other=other, windows=windows or TEXTS[text])
    (folder / "subject.toml").write_text(said, "utf-8")
    return card.load(folder)


def perplexity(network: nn.Module, subject: Subject) -> float:
    """Plain torch, no workspace: what everything else is compared with."""
    task, samples = tasks.find(subject.task), subject.held_out
    with torch.inference_mode():
        outputs = (network(samples.inputs(part)) for part in torch.arange(len(samples)).split(8))
        losses = [task.losses(said, labels) for said, labels in zip(outputs, samples.labels.split(8), strict=True)]
    return task.value(torch.cat(losses), task.counts(samples.labels))


def fewer(structure: Structure, share: float, *, even: bool, seed: int = 0) -> dict[str, np.ndarray]:
    """Key-value heads drawn by lot: the same number in every layer, or from all layers together."""
    random = np.random.default_rng(seed)
    sizes = [group.units for group in structure.removable]
    if even:
        gone = [random.permutation(size)[: round(size * share)] for size in sizes]
        return {
            group.name: ~np.isin(np.arange(group.units), at) for group, at in zip(structure.removable, gone, strict=True)
        }
    flat = random.permutation(sum(sizes)) >= round(sum(sizes) * share)
    return dict(zip((group.name for group in structure.removable), np.split(flat, np.cumsum(sizes)[:-1]), strict=True))


def rows(subject: Subject) -> Iterator[Row]:
    """25, 50 and 75 % of the heads, even and uneven: masked and removed compared in float64 and measured in float32."""
    structure, inputs = find.of(subject, "head"), subject.held_out.inputs(slice(0, 2))
    double, dense = copy.deepcopy(subject.network).double(), perplexity(subject.skeleton(), subject)
    for share in (0.25, 0.5, 0.75):
        for even in (True, False):
            kept = fewer(structure, share, even=even)
            _, removal, proof = surgery.remove(double, structure, kept, inputs)
            plain = copy.deepcopy(subject.network)
            masked, removed = surgery.masked(plain, structure, kept), surgery.apply(plain, removal)
            stay = tuple(int(one.sum()) for one in kept.values())
            both = perplexity(masked, subject), perplexity(removed, subject)
            yield Row(share, stay, proof.difference, dense, *both)


def main() -> None:
    import tempfile

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        print("| text | windows | perplexity |\n| --- | --- | --- |")
        for text, windows in TEXTS.items():
            one = subject(Path(place), text)
            print(f"| {text} | {windows} | {perplexity(one.skeleton(), one):.2f} |")
        print("\n| heads gone | KV heads left | max rel. difference (float64) | dense | masked | removed |")
        print("| --- | --- | --- | --- | --- | --- |")
        for row in rows(subject(Path(place))):
            left = " ".join(map(str, row.stay))
            values = f"{row.dense:.2f} | {row.masked:.4f} | {row.removed:.4f}"
            print(f"| {row.share:.0%} | {left} | {row.difference:.1e} | {values} |")


if __name__ == "__main__":
    main()
