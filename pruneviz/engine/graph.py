"""Graph: a network's steps, read off its forward pass by torch.fx, safely beside other threads.

While fx traces, it replaces `Module.__call__` for the whole process. Another visitor's forward pass in another thread would
be taken for a part of the traced network. This tracer lets other threads' calls through as they are, and one traces at a
time: two at once would restore each other's replacement instead of torch's own call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from torch import fx, nn

_ONE_AT_A_TIME = threading.Lock()


class _Tracer(fx.Tracer):
    """Traces the calls of the thread that made it, and of no other."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def steps(network: nn.Module) -> list[fx.Node]:
    """The network's steps in order; none where it cannot be traced."""
    with _ONE_AT_A_TIME:
        try:
            return list(_Tracer().trace(network).nodes)
        except Exception:  # tracing runs the network's own code, which may raise anything
            return []
