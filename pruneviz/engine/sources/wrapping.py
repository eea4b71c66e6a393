"""Wrapping: people save more than a network, and put names around it. What is left out here is said in words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from pruneviz.engine.sources.gate import SubjectError

# Where people keep the network in what they save, the likeliest first.
CONTAINERS = (
    "state_dict", "model_state_dict", "model_state", "model", "network", "net", "module", "weights", "params", "state",
    "student", "ema_state_dict", "state_dict_ema", "model_ema", "ema", "params_ema", "teacher",
)  # fmt: skip
# Parts of what people save that are no network.
OTHERS = (
    "optim", "sched", "scaler", "amp", "epoch", "step", "iter", "loss", "best", "metric", "acc", "hyper", "config", "args",
    "callbacks", "loops", "rng", "random", "version", "lightning", "history", "lr", "seed", "meta",
)  # fmt: skip
# What wrapping a network puts before every name, and what people who put a network in another call it.
WRAPPERS = ("module.", "_orig_mod.", "_fsdp_wrapped_module.", "_forward_module.")
OUTER = ("model.", "net.", "network.", "backbone.", "encoder.", "classifier.", "student.", "ema_model.")
DEEPEST = 4


def unwrap(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The network's own tensors out of all that was saved with them, and what was left out, in words.

    Names are as the gate gives them: what lies in a dictionary in a dictionary has both names, «state_dict/conv.weight».
    """
    found, words = dict(tensors), []
    for _ in range(DEEPEST):
        opened = _opened(found)
        if opened is None:
            break
        found, said = opened
        words.append(said)
    prefix = _wrapped(found)
    if prefix:
        found = bare(found, prefix)
        words.append(left_out(prefix))
    if not found:
        raise SubjectError("the file holds no tensor of a network: save the model's state_dict", "no-tensors")
    return found, tuple(words)


def outer(found: Collection[str]) -> Iterator[str]:
    """Names that all tensors lie under, one after the other: «model.», «model.backbone.», «model.module.»."""
    prefix = ""
    for _ in range(DEEPEST):
        more = _shared(found, prefix, (*OUTER, *WRAPPERS))
        if not more:
            return
        prefix += more
        yield prefix


def bare(found: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors without a prefix that all of their names have."""
    return {name.removeprefix(prefix): tensor for name, tensor in found.items()}


def left_out(prefix: str) -> str:
    """What is said of a prefix that was left out."""
    return f"The prefix {prefix} was left out of every name."


def _opened(found: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str] | None:
    """What lies in the likeliest dictionary, and a sentence; None where the tensors lie open."""
    loose, parts = _parts(found)
    if not parts:
        return None
    networks = [name for name in CONTAINERS if name in parts] or [name for name in parts if not _beside(name)]
    if any("." in name for name in loose):  # a network that lies open, and something beside it
        return loose, f"{_some(parts)} beside the network left out."
    if not set(CONTAINERS) & set(parts) and len(networks) > 1:
        some = ", ".join(name[:40] for name in networks[:4])
        raise SubjectError(f"the file holds several networks ({some}): save the one to prune", "several-networks")
    if not networks:
        return loose, f"{_some(parts)} left out."
    rest = [name for name in (*parts, *loose) if name != networks[0]]
    return parts[networks[0]], f"The network lies under {networks[0][:64]}" + (f"; {_some(rest)} left out." if rest else ".")


def _parts(found: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
    """The tensors that lie open, and the dictionaries of others."""
    loose: dict[str, Tensor] = {}
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in found.items():
        first, slash, rest = name.partition("/")
        if slash:
            parts.setdefault(first, {})[rest] = tensor
        else:
            loose[name] = tensor
    return loose, parts


def _some(names: Sequence[str] | Mapping[str, Any]) -> str:
    some = list(names)
    return f"{', '.join(name[:40] for name in some[:4])}{', …' * (len(some) > 4)} {'was' if len(some) == 1 else 'were'}"


def _beside(name: str) -> bool:
    return any(part in name.lower() for part in OTHERS)


def _wrapped(found: Collection[str]) -> str:
    """What wrapping a network has put before all names, in whatever order."""
    prefix = ""
    while more := _shared(found, prefix, WRAPPERS):
        prefix += more
    return prefix


def _shared(found: Collection[str], prefix: str, choices: Sequence[str]) -> str:
    return next((one for one in choices if found and all(name.startswith(prefix + one) for name in found)), "")
