"""How reference_lm came about: a Llama of a million parameters, taught Python's language reference from one seed.

Run it from the repository's root: `python -m sample_models.reference_lm.make`
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pruneviz import language_reference
from pruneviz.engine import storage
from pruneviz.engine.sources import architecture
from pruneviz.engine.training.annealing import cosine
from pruneviz.engine.training.loop import plain

HERE = Path(__file__).resolve().parent
BEGINNING = "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class Schooling:
    """Everything that decides what the tokenizer and the weights become. `drop` is the share of what the embedding and every
    block adds that is left out at random while it learns."""

    vocabulary: int = 1024
    width: int = 128
    hidden: int = 320
    layers: int = 5
    heads: int = 8
    key_value_heads: int = 4
    context: int = 128
    epochs: int = 18
    batch: int = 16
    rate: float = 3e-3
    decay: float = 0.2
    drop: float = 0.3
    seed: int = 0

    def arguments(self) -> dict[str, int]:
        """What the architecture is told."""
        return {
            "vocabulary": self.vocabulary, "width": self.width, "hidden": self.hidden, "layers": self.layers,
            "heads": self.heads, "key_value_heads": self.key_value_heads,
        }  # fmt: skip


HOW = Schooling()


@dataclass(frozen=True, slots=True)
class Epoch:
    """Once through the text: its number, the loss per token while it learned, and then on the watched topics, in nats."""

    number: int
    loss: float
    watched: float


def main(folder: Path = HERE, how: Schooling = HOW, curves: bool = True) -> None:
    """Train, and write tokenizer.json and weights.safetensors; then measure and write curves.json beside them."""
    make(folder, how)
    if curves:
        from pruneviz.engine.curves import write_curves

        write_curves(folder)


def make(folder: Path, how: Schooling) -> Path:
    """The tokenizer and the weights of the best epoch, written into the folder.

    The same settings, text, machine and thread count give the same files, byte for byte.
    """
    from safetensors.torch import save

    tokenizer = words(how)
    network, best, seen = taught(tokenizer, how)
    story = {
        "data": f"pydoc_data.topics of Python {platform.python_version()}, held out sha256 {language_reference.sha256()}",
        "how": asdict(how),
        "torch": torch.__version__,
        "best epoch": asdict(best),
        "tokens learned from": seen,
    }
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    target = folder / "weights.safetensors"
    # One key only: the format keeps several in no fixed order, and the file's hash is its name. What is tied is stored once.
    target.write_bytes(save(storage.tensors(network), metadata={"pruneviz": json.dumps(story, sort_keys=True)}))
    return target


def words(how: Schooling):
    """Byte-level byte-pair encoding (Sennrich et al. 2016) of the training topics; every text begins with one token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    learning = trainers.BpeTrainer(
        vocab_size=how.vocabulary, special_tokens=[BEGINNING], initial_alphabet=alphabet, show_progress=False
    )
    found.train_from_iterator(language_reference.training(), learning)
    found.post_processor = processors.TemplateProcessing(
        single=f"{BEGINNING} $A", special_tokens=[(BEGINNING, found.token_to_id(BEGINNING))]
    )
    return found


def taught(tokenizer, how: Schooling) -> tuple[nn.Module, Epoch, int]:
    """The network as it was after the epoch that did best on the watched topics, that epoch, and how many tokens it
    learned from."""
    stream, watched = (
        torch.tensor([token for topic in topics for token in tokenizer.encode(topic).ids])
        for topics in (language_reference.learned(), language_reference.watched())
    )
    network, best, kept = architecture.build("llama", how.arguments()), None, {}
    for epoch in school(network, stream, watched, how):
        if best is None or epoch.watched < best.watched:
            best, kept = epoch, {name: one.clone() for name, one in network.state_dict().items()}
    network.load_state_dict(kept)
    return network.eval(), best, len(stream)


def school(network: nn.Module, stream: Tensor, watched: Tensor, how: Schooling) -> Iterator[Epoch]:
    """Trains the network, freshly initialised; an Epoch after each. Every epoch cuts the text elsewhere."""
    generator = torch.Generator().manual_seed(how.seed)
    _initialise(network, generator, how.layers)
    hooks = [one.register_forward_hook(_dropping(how.drop, generator)) for one in _adding(network)]
    parameters = list(network.parameters())
    matrices, others = ([one for one in parameters if (one.ndim > 1) is wanted] for wanted in (True, False))
    groups = [{"params": matrices, "weight_decay": how.decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=how.rate, betas=(0.9, 0.95))
    steps = (len(stream) - how.context) // (how.context * how.batch)
    for number in range(how.epochs):
        start = int(torch.randint(how.context, (1,), generator=generator))
        inputs, labels = cut(stream[start:], how.context)
        order, total = torch.randperm(len(inputs), generator=generator), 0.0
        network.train()
        for step, chosen in enumerate(order[: steps * how.batch].split(how.batch)):
            for group in optimiser.param_groups:
                group["lr"] = how.rate * cosine((number + step / steps) / how.epochs)
            loss, _ = plain(network, inputs[chosen], labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            total += loss.item()
        yield Epoch(number + 1, total / steps, loss_of(network, watched, how))
    for hook in hooks:
        hook.remove()


def cut(stream: Tensor, context: int) -> tuple[Tensor, Tensor]:
    """A text's tokens as windows [N, T], and the token that follows each."""
    whole = (len(stream) - 1) // context * context
    return stream[:whole].view(-1, context), stream[1 : whole + 1].view(-1, context)


def loss_of(network: nn.Module, stream: Tensor, how: Schooling) -> float:
    """The loss per token of a text, in nats."""
    inputs, labels = cut(stream, how.context)
    network.eval()
    with torch.inference_mode():
        parts = [(plain(network, *part)[0].item(), part[1].numel()) for part in zip(
            inputs.split(how.batch), labels.split(how.batch), strict=True
        )]  # fmt: skip
    return sum(loss * many for loss, many in parts) / labels.numel()


def _initialise(network: nn.Module, generator: torch.Generator, layers: int) -> None:
    """Matrices normal with deviation 0.02, those that end a block smaller by √(2 · layers), as GPT-2 has it
    (Radford et al. 2019, §2.3)."""
    for name, one in network.named_parameters():
        if one.ndim > 1:
            last = name.endswith(("o_proj.weight", "down_proj.weight"))
            nn.init.normal_(one, 0.0, 0.02 / math.sqrt(2 * layers if last else 1), generator=generator)


def _adding(network: nn.Module) -> Iterator[nn.Module]:
    """What the residual path is made of: the embedding, and what every block adds to it."""
    yield network.model.embed_tokens
    for layer in network.model.layers:
        yield from (layer.self_attn, layer.mlp)


def _dropping(share: float, generator: torch.Generator):
    """Dropout (Srivastava et al. 2014) whose lots are the generator's own."""

    def drop(module: nn.Module, _, output: Tensor) -> Tensor | None:
        if not module.training or not share:
            return None
        return output * (torch.rand(output.shape, generator=generator) >= share) / (1 - share)

    return drop


if __name__ == "__main__":
    main()
