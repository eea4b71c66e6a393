"""Suffix: runs a network from one layer on. What comes before a layer does not change when only its weights move, so it is
computed once and kept."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pruneviz.engine import graph
from pruneviz.engine.batches import Inputs, said
from pruneviz.engine.structure.proof import logits


class Suffix:
    """A network on fixed batches, run as a whole or from the first step that reads a layer's weight.

    A network that cannot be traced always runs as a whole: the same outputs, only later.
    """

    def __init__(self, network: nn.Module, batches: list[Inputs]):
        self._network, self._batches = network, batches
        # Steps are known of networks with one input.
        self._steps = _steps_of(network) if all(isinstance(one, Tensor) for one in batches) else []
        self._start, self._before = 0, [{} for _ in batches]

    def stand_before(self, names: tuple[str, ...]) -> None:
        """From now on the runs begin where one of these parameters is first read. Call it while they are as trained."""
        modules, parameters = {name.rpartition(".")[0] for name in names}, set(names)
        start = next((at for at, step in enumerate(self._steps) if _reads(step, modules, parameters)), 0)
        if start != self._start:
            self._before = [self._run(0, start, {}, batch) for batch in self._batches] if start else self._before
            self._start = start

    def outputs(self, at: int) -> Tensor:
        """The outputs [n, C] of batch `at`."""
        if not self._start:
            with torch.inference_mode():
                return said(self._network, self._batches[at])
        return self._run(self._start, len(self._steps), self._before[at], self._batches[at])

    def _run(self, start: int, stop: int, known: dict, inputs: Tensor):
        """Runs some steps; returns the output, or before the end what later steps will read."""
        from torch import fx

        place = {step: at for at, step in enumerate(self._steps)}
        last = {step: max((place[user] for user in step.users), default=-1) for step in self._steps}
        values = dict(known)
        with torch.inference_mode():
            for at in range(start, stop):
                step = self._steps[at]
                arguments, named = fx.node.map_arg((step.args, step.kwargs), values.__getitem__)
                if step.op == "output":
                    return logits(arguments[0])
                values[step] = inputs if step.op == "placeholder" else self._done(step, arguments, named)
                for one in [one for one in values if last[one] <= at]:
                    del values[one]
        return values

    def _done(self, step, arguments: tuple, named: dict):
        if step.op == "get_attr":
            found = self._network
            for part in step.target.split("."):
                found = getattr(found, part)
            return found
        if step.op == "call_module":
            return self._network.get_submodule(step.target)(*arguments, **named)
        if step.op == "call_method":
            return getattr(arguments[0], step.target)(*arguments[1:], **named)
        return step.target(*arguments, **named)


def _steps_of(network: nn.Module) -> list:
    steps = graph.steps(network)
    # With a second, optional input the steps are those of a call that gives it.
    return steps if sum(step.op == "placeholder" for step in steps) == 1 else []


def _reads(step, modules: set[str], parameters: set[str]) -> bool:
    """Whether a step reads one of these parameters, by itself or inside a module that holds one."""
    if step.op == "get_attr":
        return step.target in parameters
    return step.op == "call_module" and any(f"{name}.".startswith(f"{step.target}.") for name in modules)
