"""A graphics card: the mask against the card's own copy, a slider's move, and whether the same samples are right as on the
processor. Where there is no card, a sentence says so and nothing is measured."""

from __future__ import annotations

import copy
import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from pruneviz.engine import device, evaluate, prunable
from pruneviz.engine.measure import Workspace
from pruneviz.engine.ranking import Ranking, rank
from pruneviz.engine.sources import card
from pruneviz.engine.strokes import Strokes
from pruneviz.engine.subject import Preparation, Samples, Subject, Windows
from pruneviz.recipe import Recipe

AMOUNTS = tuple(round(0.31 + 0.0137 * step, 4) for step in range(40))
"""A new amount at each repetition, so that nothing is answered from memory."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the networks are. A billion weights need 16 GiB of the card and 24 of the machine."""

    images: int = 64
    width: int = 2048
    layers: int = 16
    windows: int = 8
    tokens: int = 128
    samples: tuple[str, ...] = ("digits_cnn", "digits_mlp", "digits_resnet", "digits_vit")
    nets: tuple[str, ...] = ("mobilenet_v2", "resnet18", "vit_b_16")
    reps: int = 15


def rows(sizes: Sizes = Sizes(), name: str = "") -> list[dict]:  # noqa: B008
    """Each row a ratio of two medians, measured interleaved in this process, or a share of samples."""
    cards = [one for one in device.offered() if one.startswith("cuda")]
    if not cards and not name:
        sys.stdout.write("gpu: there is no CUDA device here, so its rows are not measured\n")
        return []
    name = name or cards[0]
    found = []
    for make in (_vit, _llama):
        subject = make(sizes)
        if subject is None:
            sys.stdout.write("gpu: transformers is not installed, so the row of a language model is not measured\n")
            continue
        found += [*_masks(subject, name, sizes.reps), _move(subject, name, sizes.reps)]
        device.give_back(name)
    return [*found, *_agreements(sizes, name)]


def _vit(sizes: Sizes) -> Subject:
    return _torchvision("vit_b_16", sizes.images)


def _torchvision(build: str, images: int) -> Subject:
    """A network of torchvision's, random but not degenerate; right is what it says when nothing is removed."""
    import torchvision

    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        network = getattr(torchvision.models, build)(weights=None).eval().requires_grad_(False)
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point():
            tensor.copy_(tensor + 0.05 * tensor.abs().mean().clamp(min=0.1) * torch.randn(tensor.shape, generator=generator))
    inputs = torch.randn(images, 3, 224, 224, generator=generator)
    with torch.inference_mode():
        labels = torch.cat([network(part).argmax(1) for part in inputs.split(8)]).clone()
    return _subject(build, network, Samples(inputs, labels, Preparation(scale=1.0)), "image_classification")


def _llama(sizes: Sizes) -> Subject | None:
    """A language model of a billion random weights, built as Llama 3.2 1B is but for its vocabulary."""
    if importlib.util.find_spec("transformers") is None:
        return None
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=32_000, hidden_size=sizes.width, intermediate_size=4 * sizes.width, num_hidden_layers=sizes.layers,
        num_attention_heads=32, num_key_value_heads=8, max_position_embeddings=2048, use_cache=False,
        tie_word_embeddings=True,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = LlamaForCausalLM(config).float().eval().requires_grad_(False)
    text = torch.randint(0, 32_000, (sizes.windows, sizes.tokens + 1), generator=torch.Generator().manual_seed(1))
    return _subject("Llama", network, Windows(text[:, :-1].contiguous(), text[:, 1:].contiguous()), "language_modelling")


def _subject(title: str, network: nn.Module, samples: Samples | Windows, task: str) -> Subject:
    layers, skipped = prunable.find(network)
    classes = tuple(map(str, range(1000 if task == "image_classification" else 32_000)))
    return Subject(
        name=title, title=title, words="", licence="", task=task, network=network, layers=layers, skipped=skipped,
        held_out=samples, training=None, classes=classes, calibration="held-out", sha256="", data_sha256="",
    )  # fmt: skip


def _masks(subject: Subject, name: str, reps: int) -> list[dict]:
    """The mask of a new amount, of magnitudes and of scores that are stored, against copying the same weights."""
    where, weights = device.ready(name), subject.tensors()
    source = torch.cat([weight.reshape(-1) for weight in weights]).to(where)
    out, generator = torch.empty_like(source), torch.Generator().manual_seed(2)
    found = []
    for what, moved in (("magnitude", 8), ("stored scores", 12)):
        scores = None if moved == 8 else [torch.rand(weight.shape, generator=generator) for weight in weights]
        ranking = rank(subject.layers, weights, scores)
        started = time.perf_counter()
        there = Strokes.on(ranking, source, name)
        _wait(name)
        placed = time.perf_counter() - started
        same = _exact(ranking, there, source, out)
        mask, copied = _interleaved(
            lambda at: there.write(AMOUNTS[at % 40], out, {}),  # noqa: B023
            lambda at: out.copy_(source),
            name,
            reps,
        )
        note = (
            f"{ranking.n:,} weights; {moved * ranking.n / mask / 1e9:,.0f} GB/s, copy {8 * ranking.n / copied / 1e9:,.0f}; "
            f"a new amount each time; placed on the card in {placed:.2f} s; {same}; target ≥ 0.7"
        )
        ratio = moved / 8 * copied / mask
        found.append(
            _row(f"{subject.title}: exact mask by {what}", mask, "copy_", copied, (ratio, "× of copy bandwidth", note))
        )
    return found


def _exact(ranking: Ranking, there: Strokes, source: Tensor, out: Tensor) -> str:
    for amount in (0.305, 0.777):
        there.write(amount, out, {})
        kept = torch.tensor(ranking.keep(amount).flat).to(source.device)
        if not torch.equal(out, torch.where(kept, source, source.new_zeros(()))):
            raise AssertionError(f"the mask at {amount} is not the processor's")
    return "to the bit the processor's"


def _move(subject: Subject, name: str, reps: int) -> dict:
    """From a new amount to its number, against today's way on the same card; of a billion weights, which today's way cannot
    hold, against a bare forward pass."""
    ranking = rank(subject.layers, subject.tensors())
    space = Workspace(subject, torch.arange(len(subject.held_out)), name)
    if space.device != name:
        raise AssertionError(space.words)
    what = f"{len(subject.held_out)} {space.task.noun}"
    if subject.task == "language_modelling":
        space.dense()
        bare = Workspace(subject, torch.arange(len(subject.held_out)), name)
        ours, theirs = _interleaved(
            lambda at: space.amount(ranking, AMOUNTS[at % 40], {}), lambda at: _again(bare), name, reps
        )
        note = (
            f"{what} of {subject.held_out.stored.shape[1]} tokens; {space.pace * 1000:.2f} ms each; 1 would be a free mask"
        )
        return _row(
            f"{subject.title}: amount → perplexity", ours, "the dense network", theirs, (theirs / ours, "× of it", note)
        )
    peer = _peer(subject, name)
    ours, theirs = _interleaved(
        lambda at: space.amount(ranking, AMOUNTS[at % 40], {}), lambda at: peer(AMOUNTS[at % 40]), name, min(reps, 5)
    )
    note = f"{what}; {space.pace * 1000:.2f} ms each"
    today = "deepcopy + prune.global_unstructured + forward"
    return _row(f"{subject.title}: amount → accuracy", ours, today, theirs, (theirs / ours, "× faster than peer", note))


def _again(space: Workspace) -> None:
    """The dense network once more: whoever has it, remembers it."""
    space._dense.outcomes.known[:] = False
    space.dense()


def _peer(subject: Subject, name: str) -> Callable[[float], Tensor]:
    network = device.moved(subject.network, device.ready(name))
    inputs = subject.held_out.inputs().to(device.ready(name))
    names = [tuple(layer.name.rsplit(".", 1)) for layer in subject.layers]

    def move(amount: float) -> Tensor:
        copied = copy.deepcopy(network)
        places = [(copied.get_submodule(module), one) for module, one in names]
        prune.global_unstructured(places, prune.L1Unstructured, amount=amount)
        with torch.no_grad():
            return torch.cat([copied(part).argmax(1) for part in inputs.split(64)]).cpu()

    return move


def _agreements(sizes: Sizes, name: str) -> list[dict]:
    """How many samples are right on the card exactly where they are right on the processor."""
    subjects = [card.load(one) for one in sizes.samples] + [_torchvision(one, 32) for one in sizes.nets]
    found = []
    for subject in subjects:
        same = whole = 0
        for kind in ("weight", "filter", "neuron"):
            recipe = Recipe(subject=subject.name, granularity=kind, calibration=subject.calibration)
            try:
                standing = evaluate.stand(subject, recipe)
            except ValueError:  # no such units
                continue
            here, there = (Workspace(subject, standing.split.measured, one) for one in (device.CPU, name))
            for amount in (0.0, 0.3, 0.5, 0.8, 0.9):
                one, other = (space.amount(standing.ranking, amount, {}) for space in (here, there))
                same, whole = same + int((one.correct == other.correct).sum()), whole + one.n
        note = f"{same:,} of {whole:,} at five amounts of weights, filters and neurons; {there.device}; target 1"
        found.append(
            _row(f"{subject.title}: the same samples are right", 0, "the processor", 0, (same / whole, "of all", note))
        )
    return found


def _interleaved(
    ours: Callable[[int], object], theirs: Callable[[int], object], name: str, reps: int
) -> tuple[float, float]:
    """Medians in seconds, in turns; what a card was asked for is waited for."""
    times: tuple[list[float], list[float]] = ([], [])
    for at in range(-2, reps):
        for run, kept in zip((ours, theirs), times, strict=True):
            _wait(name)
            started = time.perf_counter()
            run(at)
            _wait(name)
            if at >= 0:  # the first rounds warm both
                kept.append(time.perf_counter() - started)
    return median(times[0]), median(times[1])


def _wait(name: str) -> None:
    if name.startswith("cuda"):
        torch.cuda.synchronize(name)


def _row(name: str, ours: float, peer: str, theirs: float, said: tuple[float, str, str]) -> dict:
    ratio, unit, note = said
    return {
        "name": name,
        "ours_ms": round(1000 * ours, 4),
        "peer": peer,
        "peer_ms": round(1000 * theirs, 4),
        "ratio": round(ratio, 4),
        "unit": unit,
        "note": note,
    }


if __name__ == "__main__":
    for row in rows():
        sys.stdout.write(
            f"{row['ratio']:>9} {row['unit']}  {row['name']}  ({row['ours_ms']} / {row['peer_ms']} ms; {row['note']})\n"
        )
