"""Proof: two networks run on the same inputs, and what they compute is compared to the last digit that means anything."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch
from torch import Tensor, nn

NOISE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 0.05, torch.float16: 0.01}
"""By how much masked and smaller may differ, max|Δ| / max|output|: what another order of summing does."""


class SurgeryError(RuntimeError):
    """A removal that was rolled back. `module` is where it broke."""

    def __init__(self, module: str, words: str) -> None:
        super().__init__(words)
        self.module = module


@dataclass(frozen=True, slots=True)
class Proof:
    """How far the smaller network's outputs are from the masked one's, max|Δ| / max|output|, and how far is noise."""

    difference: float
    noise: float

    @property
    def holds(self) -> bool:
        return self.difference <= self.noise  # a NaN is no proof


def prove(silent: nn.Module, smaller: nn.Module, inputs: Tensor | dict) -> Proof:
    """Compares two networks' outputs, in evaluation mode; both are left in the mode they were in."""
    with torch.inference_mode(), _evaluating(silent):
        before = logits(_call(silent, inputs))
    after = output(smaller, inputs)
    if before.shape != after.shape:
        raise SurgeryError("", f"the smaller network's output has shape {tuple(after.shape)}, not {tuple(before.shape)}")
    scale = float(before.abs().max().clamp(min=1e-30)) if before.numel() else 1.0
    difference = float((before - after).abs().max()) / scale if before.numel() else 0.0
    return Proof(difference, NOISE.get(before.dtype, 1e-4))


def output(smaller: nn.Module, inputs: Tensor | dict) -> Tensor:
    """What the smaller network computes, in evaluation mode; a SurgeryError that names the module if it does not run."""
    running: list[str] = []
    with torch.inference_mode(), _evaluating(smaller), _watching(smaller, running):
        try:
            return logits(_call(smaller, inputs))
        except Exception as problem:  # a forward may raise anything
            where = running[-1] if running else ""
            raise SurgeryError(
                where, f"the smaller network does not run: {where or 'its own forward'} breaks ({brief(problem)})"
            ) from problem


def insist(silent: nn.Module, smaller: nn.Module, inputs: Tensor | dict) -> Proof:
    """The proof; where it does not hold, a SurgeryError that names the first module that computes something else."""
    proof = prove(silent, smaller, inputs)
    if not proof.holds:
        where = first_difference(silent, smaller, inputs)
        raise SurgeryError(
            where,
            f"the smaller network differs from the masked one by {proof.difference:.2g} of its largest output, first at "
            f"{where or 'its output'}; it was thrown away",
        )
    return proof


def in_float64(network: nn.Module) -> nn.Module:
    """A copy that computes in double precision; nothing is shared with the original, whose parameters stay as they are."""
    return copy.deepcopy(network).double()


def doubled(inputs: Tensor | dict) -> Tensor | dict:
    """The same inputs for a network in double precision; whole numbers stay whole."""
    if isinstance(inputs, dict):
        return {name: doubled(value) if isinstance(value, Tensor) else value for name, value in inputs.items()}
    return inputs.double() if inputs.is_floating_point() else inputs


def logits(output: object) -> Tensor:
    """The tensor that a network's output is about: itself, its logits, its last hidden state, or its first part."""
    for name in ("logits", "last_hidden_state"):
        if isinstance(getattr(output, name, None), Tensor):
            return getattr(output, name)
    if isinstance(output, Tensor):
        return output
    if isinstance(output, dict):
        return logits(next(iter(output.values())))
    if isinstance(output, tuple | list):
        return logits(output[0])
    raise TypeError(f"the network gives a {type(output).__name__}, not a tensor")


def first_difference(silent: nn.Module, smaller: nn.Module, inputs: Tensor | dict) -> str:
    """The first module, in the order in which they finish, whose output has the same shape in both and differs."""
    with torch.inference_mode(), _evaluating(silent), _evaluating(smaller):
        before, after = _outputs(silent, inputs), _outputs(smaller, inputs)
    for name, mine in after.items():
        other = before.get(name)
        if other is not None and other.shape == mine.shape and mine.numel():
            scale = float(other.abs().max().clamp(min=1e-30))
            if not float((other - mine).abs().max()) / scale <= NOISE.get(mine.dtype, 1e-4):
                return name
    return ""


def brief(problem: Exception) -> str:
    """An error's message in one short line."""
    return " ".join(str(problem).split())[:160] or type(problem).__name__


def _outputs(network: nn.Module, inputs: Tensor | dict) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    hooks = []
    for name, module in network.named_modules():

        def note(_module: nn.Module, _inputs: tuple, output: object, name: str = name) -> None:
            with suppress(TypeError, IndexError, StopIteration):
                found[name] = logits(output).detach().clone()

        hooks.append(module.register_forward_hook(note))
    try:
        _call(network, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _call(network: nn.Module, inputs: Tensor | dict) -> object:
    return network(**inputs) if isinstance(inputs, dict) else network(inputs)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def _watching(network: nn.Module, running: list[str]) -> Iterator[None]:
    """While inside, `running` ends with the innermost module that is at work."""
    hooks = []
    for name, module in network.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda _m, _i, name=name: running.append(name)))
        hooks.append(module.register_forward_hook(lambda *_: (running.pop(), None)[1]))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
