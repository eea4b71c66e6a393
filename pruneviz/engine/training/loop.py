"""The training loop: a generator of moments. Whoever iterates decides how far it goes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneviz.engine.mask import Mask
from pruneviz.engine.subject import Samples

# The share of all steps over which the rate rises to its full height before it falls as a cosine.
WARM_UP = 0.1


@dataclass(frozen=True, slots=True)
class Moment:
    """One epoch of a run, as plain data: steps taken, mean training loss and share right *while* they were taken."""

    step: int
    epoch: int
    epochs: int
    loss: float
    accuracy: float
    rate: float


def train(
    network: nn.Module,
    samples: Samples,
    *,
    epochs: int,
    batch: int,
    rate: float,
    decay: float,
    generator: torch.Generator,
    mask: Mask | None = None,
    shift: int = 0,
) -> Iterator[Moment]:
    """Train this very network (give a private copy) with AdamW under a warmed-up cosine; a moment after each epoch.

    What the mask removes is zero before the first step and after every one: an optimizer with momentum or decay moves
    pruned weights, so the mask is applied after the step. `shift` moves each image by up to that many pixels.
    """
    frozen = [parameter for parameter in network.parameters() if not parameter.requires_grad]
    optimizer = torch.optim.AdamW(_groups(network, decay), lr=rate)
    total = epochs * max(1, len(samples) // batch)
    step = 0
    kind = next(network.parameters()).dtype
    network.requires_grad_(True).train()
    try:
        _apply(network, mask)
        for epoch in range(1, epochs + 1):
            loss = right = seen = 0.0
            for chosen in _batches(len(samples), batch, generator):
                for group in optimizer.param_groups:
                    group["lr"] = rate * schedule(step / total)
                inputs, labels = _shifted(samples.inputs(chosen), shift, generator), samples.labels[chosen]
                outputs = network(inputs.to(kind))
                each = nn.functional.cross_entropy(outputs, labels)
                optimizer.zero_grad()
                each.backward()
                optimizer.step()
                _apply(network, mask)
                step += 1
                loss += each.item() * len(labels)
                right += (outputs.argmax(1) == labels).sum().item()
                seen += len(labels)
            yield Moment(step, epoch, epochs, loss / seen, right / seen, optimizer.param_groups[0]["lr"])
    finally:
        optimizer.zero_grad()
        network.eval()
        for parameter in frozen:
            parameter.requires_grad_(False)


def schedule(progress: float) -> float:
    """The rate at that share of the run, as a share of its height: up in a line, down in a cosine (Loshchilov 2017)."""
    progress = min(max(progress, 0.0), 1.0)
    if progress < WARM_UP:
        return (progress + 0.01) / (WARM_UP + 0.01)
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Give every parameter a fresh value: matrices and kernels normal with variance 1/inputs (LeCun et al. 1998, §4.6),
    norms 1 and 0, biases 0.

    Parameters that stand alone, as position and class tokens do, are normal with deviation 0.5: with few samples, places
    have to differ from the start to be told apart at all.
    """
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._NormBase | nn.LayerNorm | nn.GroupNorm):
                module.reset_parameters()
                continue
            for key, parameter in module.named_parameters(recurse=False):
                _initialise(key, parameter, generator)


def _initialise(key: str, parameter: Tensor, generator: torch.Generator) -> None:
    if "bias" in key:
        parameter.zero_()
    elif key.endswith("weight") and parameter.ndim >= 2:
        nn.init.kaiming_normal_(parameter, nonlinearity="linear", generator=generator)
    else:
        parameter.normal_(0, 0.5, generator=generator)


def _groups(network: nn.Module, decay: float) -> list[dict]:
    """Decay pulls on matrices and kernels; norms, biases and tokens are left alone."""
    parameters = list(network.named_parameters())
    pulled = [one for name, one in parameters if name.endswith("weight") and one.ndim >= 2]
    others = [one for name, one in parameters if not (name.endswith("weight") and one.ndim >= 2)]
    return [{"params": pulled, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def _batches(n: int, batch: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Every sample once in a new order; a rest smaller than a batch waits for the next epoch."""
    order = torch.randperm(n, generator=generator)
    whole = order[: max(1, n // batch) * batch] if n >= batch else order
    return iter(whole.split(batch))


def _shifted(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """The batch, moved by up to `shift` pixels each way; one move per image, background at the edge."""
    if not shift:
        return images
    n, _, height, width = images.shape
    padded = nn.functional.pad(images, (shift,) * 4, mode="replicate")
    moves = torch.randint(0, 2 * shift + 1, (n, 2), generator=generator)
    rows = moves[:, 0, None] + torch.arange(height)
    columns = moves[:, 1, None] + torch.arange(width)
    return padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _apply(network: nn.Module, mask: Mask | None) -> None:
    if mask is None:
        return
    with torch.no_grad():
        for name, kept in mask.layers().items():
            network.get_parameter(name).masked_fill_(torch.from_numpy(~kept), 0.0)
