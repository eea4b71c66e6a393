"""The ledger: which weight does how many multiply-adds, booked while a network runs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten
# Where the two factors of a product lie among an operation's arguments.
_FACTORS = {_ATEN.mm: (1, 0), _ATEN.bmm: (1, 0), _ATEN.mv: (0, 1), _ATEN.addmm: (2, 1), _ATEN.baddbmm: (2, 1)}
_ATTENTION = "_scaled_dot_product"


class Unfused(TorchFunctionMode):
    """While it is on, attention takes no fused path that would hide its products."""

    def __torch_function__(self, function, types, arguments=(), named=None):
        return function(*arguments, **(named or {}))


class Ledger(TorchDispatchMode):
    """Books the multiply-adds of everything that runs, by module and by the parameter that is a factor."""

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.running = [""]
        self.macs: dict[tuple[str, str], float] = {}
        self._constants: list[Tensor] = []  # kept alive, or their places in memory would be given to others
        self._starts: list[int] = []
        self._names: list[str] = []
        for name, tensor in parameters.items():
            self._know(name, tensor)

    @contextmanager
    def watching(self, network: nn.Module) -> Iterator[None]:
        """While inside, what runs is booked on the innermost module that is at work."""

        def leave(_module: nn.Module, _inputs: tuple, _output: object) -> None:
            self.running.pop()

        hooks: list = []
        for name, module in network.named_modules():
            hooks.append(module.register_forward_pre_hook(lambda _m, _i, name=name: self.running.append(name)))
            hooks.append(module.register_forward_hook(leave))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        named = named or {}
        operation = function.overloadpacket
        if operation not in _FACTORS and operation is not _ATEN.convolution:
            with self:
                found = function.decompose(*arguments, **named)
            if found is not NotImplemented:
                return found
        found = function(*arguments, **named)
        macs, factors = _product(operation, arguments, found)
        if macs:
            place = self.running[-1], next((name for factor in factors if (name := self._name(factor))), "")
            self.macs[place] = self.macs.get(place, 0.0) + macs
        elif isinstance(found, Tensor):
            self._follow(arguments, found)
        return found

    def _follow(self, arguments: tuple, found: Tensor) -> None:
        """A standardised, cast or scaled weight is still that weight: computed from parameters alone, as large as one."""
        tensors = [one for one in arguments if isinstance(one, Tensor)]
        names = [self._name(one) for one in tensors]
        if names and None not in names and found.numel() and self._name(found) is None:
            same = (name for one, name in zip(tensors, names, strict=True) if name and one.numel() == found.numel())
            self._know(next(same, ""), found)

    def _know(self, name: str, tensor: Tensor) -> None:
        at = bisect_right(self._starts, tensor.data_ptr())
        self._starts.insert(at, tensor.data_ptr())
        self._names.insert(at, name)
        self._constants.insert(at, tensor)

    def _name(self, tensor: Tensor) -> str | None:
        """The parameter in whose memory a tensor lies: parameters may be slices of one file, factors slices of them.

        "" where it was computed from parameters but is none of them, None where what flows in had a part in it.
        """
        at = bisect_right(self._starts, tensor.data_ptr()) - 1
        if at < 0 or not tensor.numel():
            return None
        return self._names[at] if tensor.data_ptr() < self._starts[at] + _extent(self._constants[at]) else None


def _product(operation, arguments: tuple, found: object) -> tuple[float, tuple[Tensor, ...]]:
    """(multiply-adds, factors) of an operation: none where it is no product."""
    if operation in _FACTORS:
        right, left = (arguments[at] for at in _FACTORS[operation])
        return float(found.numel() * left.shape[-1]), (right, left)
    if operation is _ATEN.convolution:
        flowing, kernel, transposed = arguments[0], arguments[1], arguments[6]
        places = (flowing if transposed else found).shape[2:].numel()
        return float(len(flowing) * places * kernel.numel()), (kernel,)
    if str(operation).startswith(f"aten.{_ATTENTION}"):
        query, key, value = arguments[:3]
        return float(query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1])), ()
    return 0.0, ()


def _extent(tensor: Tensor) -> int:
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    return (sum((size - 1) * stride for size, stride in steps) + 1) * tensor.element_size() if tensor.numel() else 0
