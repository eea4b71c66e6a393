"""Device: where a network is measured. The processor always; a graphics card where there is one.

On a card the same weights are masked by the same line through the same ranking, so a mask there is the processor's to the
bit, and what is counted (who is right) is the same to the image; sums of floats differ in their last digits.
"""

from __future__ import annotations

import re
from functools import cache

import torch
from torch import Tensor, nn

from pruneviz.engine.working import skeleton

CPU = "cpu"
NAMED = re.compile(r"cpu|mps|cuda:\d{1,2}")
"""How devices are named, as torch names them."""


def offered() -> list[str]:
    """The devices of this machine, the processor first."""
    cards = [f"cuda:{at}" for at in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [CPU, *cards, *(["mps"] if torch.backends.mps.is_available() else [])]


def check(name: str) -> None:
    """Refuses, in one sentence, a device that this machine has not got."""
    if name not in offered():
        raise ValueError(f"there is no device {name[:40]!r} here; there are {', '.join(offered())}")


def known(name: str) -> bool:
    """Whether a network can be sent to a device of this name here. The processor has more names than one."""
    try:
        return torch.device(name).type == CPU or name in offered()
    except RuntimeError:
        return False


def words(name: str) -> str:
    """What a device is, as a menu says it."""
    if name.startswith("cuda"):
        found = torch.cuda.get_device_properties(name)
        return f"{found.name}, {found.total_memory / 2**30:,.0f} GiB"
    if name == "mps":
        return "graphics of this Mac"
    return f"processor, {torch.get_num_threads()} threads"


def free(name: str) -> int | None:
    """Bytes of a card's own memory that nobody uses; None where memory is the machine's."""
    return torch.cuda.mem_get_info(name)[0] if name.startswith("cuda") else None


def ready(name: str) -> torch.device:
    """The device, set to compute as the processor does.

    Convolutions on recent cards round their inputs to ten bits unless told otherwise, and torch knows no way to tell it for
    one thread alone. So it is told once, when a process first asks for a card, and never taken back: no measurement can
    begin under the one rule and end under the other.
    """
    if name.startswith("cuda"):
        _exactly()
    return torch.device(name)


@cache
def _exactly() -> None:
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def moved(network: nn.Module, where: torch.device) -> nn.Module:
    """A private network whose tensors lie on a device. The one given is left as it is, which `Module.to` would not do with
    parameters that others share. What is tied stays tied."""
    mine, fresh = skeleton(network), {}
    for module in mine.modules():
        for kept in (module._parameters, module._buffers):
            for key, old in kept.items():
                if old is not None:
                    if id(old) not in fresh:
                        fresh[id(old)] = _there(old, where)
                    kept[key] = fresh[id(old)]
        for key, loose in vars(module).items():
            if isinstance(loose, Tensor):
                vars(module)[key] = loose.to(where)
    return mine


def _there(tensor: Tensor, where: torch.device) -> Tensor:
    there = tensor.detach().to(where)
    return nn.Parameter(there, requires_grad=False) if isinstance(tensor, nn.Parameter) else there


def batch(inputs: Tensor | dict, where: torch.device) -> Tensor | dict:
    """A batch of inputs on a device."""
    if isinstance(inputs, dict):
        return {name: one.to(where) for name, one in inputs.items()}
    return inputs.to(where)


def out_of_memory(problem: BaseException) -> bool:
    """Whether a device has no memory left. MPS says it in words only."""
    return isinstance(problem, torch.OutOfMemoryError) or "out of memory" in str(problem).lower()


def give_back(name: str) -> None:
    """Returns to a device the memory that torch keeps for later."""
    if name.startswith("cuda"):
        torch.cuda.empty_cache()
    elif name == "mps":
        torch.mps.empty_cache()
