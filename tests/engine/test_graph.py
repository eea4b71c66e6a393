"""A network is traced while others run in other threads, and nobody notices."""

from __future__ import annotations

import threading

import torch
from torch import nn

from pruneviz.engine import graph


class Slow(nn.Module):
    """Waits in the middle of its forward pass until others have run."""

    def __init__(self, inside: threading.Event, go_on: threading.Event) -> None:
        super().__init__()
        self.inside, self.go_on = inside, go_on
        self.one, self.other = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x):
        x = self.one(x)
        self.inside.set()
        self.go_on.wait(10)
        return self.other(x)


def test_the_steps_of_a_chain():
    network = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert [step.op for step in graph.steps(network)] == ["placeholder", *["call_module"] * 3, "output"]


def test_what_cannot_be_traced_has_no_steps():
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    assert graph.steps(Branching()) == []


def test_other_threads_run_as_ever_while_one_traces():
    inside, go_on = threading.Event(), threading.Event()
    network, call = Slow(inside, go_on), nn.Module.__call__
    found: list = []
    tracing = threading.Thread(target=lambda: found.extend(graph.steps(network)))
    tracing.start()
    assert inside.wait(10)
    other = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).eval()
    inputs = torch.ones(2, 4)
    with torch.no_grad():
        # The same parameter objects, too: a skeleton shares them with the network that is being traced.
        shared = nn.Linear(3, 3)
        shared.weight, shared.bias = network.one.weight, network.one.bias
        during = other(inputs), shared(torch.ones(1, 3))
    go_on.set()
    tracing.join(10)
    with torch.no_grad():
        assert torch.equal(during[0], other(inputs)) and torch.equal(during[1], network.one(torch.ones(1, 3)))
    assert [step.op for step in found] == ["placeholder", "call_module", "call_module", "output"]
    assert nn.Module.__call__ is call


def test_two_that_trace_at_once_leave_torch_as_it_was():
    call, get = nn.Module.__call__, nn.Module.__getattr__
    networks = [nn.Sequential(*(nn.Linear(2, 2) for _ in range(20))) for _ in range(8)]
    counts: list[int] = []
    threads = [threading.Thread(target=lambda one=one: counts.append(len(graph.steps(one)))) for one in networks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert counts == [22] * 8 and nn.Module.__call__ is call and nn.Module.__getattr__ is get
