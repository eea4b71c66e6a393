"""One shot against the code that was published with the papers: the same layers, the same inputs, in one process.

`python -m benchmarks.oneshot --sparsegpt DIR --wanda DIR`, where these are checkouts of IST-DASLab/sparsegpt and
locuslab/wanda, which are no part of this project. Writes its rows into benchmarks/latest.json. `--memory` measures the peak
memory of a walk through a Llama of a billion random parameters, in a process of its own.

The published SparseGPT removes ⌊n·s⌋ + 1 of each block of n weights, Wanda ⌊I·s⌋ of each row of I; ours removes exactly what
was asked for. So that this hides nothing else, masks are compared twice: with the exact count and with theirs.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import sys
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from unittest import mock

import torch
from torch import Tensor, nn

from benchmarks.oneshot_layers import LARGE, Case, networks, shapes
from pruneviz.engine.criterion import Evidence
from pruneviz.engine.criterion import find as criterion
from pruneviz.engine.reconstruct import find
from pruneviz.engine.reconstruct.choosing import stays
from pruneviz.engine.reconstruct.gram import Gram, Norms
from pruneviz.engine.reconstruct.methods import sparsegpt
from pruneviz.engine.reconstruct.problem import Problem, Solved


@dataclass(frozen=True, slots=True)
class Amount:
    """How much goes: a share, or N of every M stay."""

    name: str
    share: float
    pattern: tuple[int, int] | None = None

    @property
    def published(self) -> tuple[int, int]:
        """How many of how many go, as the published code is told; (0, 0) where a share goes."""
        return (self.pattern[1] - self.pattern[0], self.pattern[1]) if self.pattern else (0, 0)

    def fits(self, case: Case) -> bool:
        return self.pattern is None or case.weight.shape[1] % self.pattern[1] == 0


AMOUNTS = (Amount("50 %", 0.5), Amount("70 %", 0.7), Amount("2:4", 0.5, (2, 4)), Amount("4:8", 0.5, (4, 8)))


@dataclass(slots=True)
class Agreement:
    """How much of the masks is equal, and how far weights lie apart in rows whose masks are equal; over several matrices."""

    equal: int = 0
    of: int = 0
    rows: int = 0
    rows_of: int = 0
    apart: float = 0.0
    size: float = 0.0
    otherwise: int = 0

    def add(self, mine: Solved, theirs: Tensor, kept: Tensor, scores: Tensor | None = None) -> None:
        """Where scores [O, I] are given, rows that differ by more than the order of equal ones are counted."""
        same = mine.kept == kept
        rows = same.all(1)
        if scores is not None:
            left = (torch.where(one, scores, 0.0).sort(1).values for one in (mine.kept, kept))
            self.otherwise += int((~torch.isclose(*left, rtol=1e-6, atol=0).all(1)).sum())
        self.equal, self.of = self.equal + int(same.sum()), self.of + same.numel()
        self.rows, self.rows_of = self.rows + int(rows.sum()), self.rows_of + len(rows)
        self.apart += float((mine.weight - theirs)[rows].double().square().sum())
        self.size += float(theirs[rows].double().square().sum())

    @property
    def share(self) -> float:
        return self.equal / self.of

    def said(self) -> str:
        said = f"{100 * self.share:.4f} % of the mask, {self.rows} of {self.rows_of} rows whole"
        if self.apart:
            said += f", their weights within {(self.apart / self.size) ** 0.5:.0e} of their size"
        if self.rows < self.rows_of and not self.otherwise and not self.apart:
            said += ", the others but for ties"
        return said


class SparseGPT:
    """Ours and the published one, each told of the same inputs."""

    def __init__(self, folder: Path) -> None:
        sys.path.insert(0, str(folder))
        try:
            self._theirs = importlib.import_module("sparsegpt")
        finally:
            sys.path.remove(str(folder))

    def gathered(self, case: Case) -> object:
        """Theirs, told of all inputs."""
        layer = nn.Linear(*reversed(case.weight.shape), bias=False).requires_grad_(False)
        layer.weight.copy_(case.weight)
        them = self._theirs.SparseGPT(layer)
        for one in case.inputs:
            them.add_batch(one, None)
        return them

    def solved(self, them: object, amount: Amount) -> Tensor:
        """Their weights, in place. Their last line waits for a GPU, and they print."""
        quiet = contextlib.redirect_stdout(io.StringIO())
        with quiet, mock.patch("torch.cuda.synchronize") if not torch.cuda.is_available() else contextlib.nullcontext():
            them.fasterprune(amount.share, *amount.published)
        return them.layer.weight


def gathered(case: Case) -> Gram:
    """Ours, told of all inputs."""
    gram = Gram(case.weight.shape[1])
    for one in case.inputs:
        gram.add(one, 1)
    _ = gram.seen
    return gram


def solved(case: Case, gram: Gram, amount: Amount, *, published_count: bool = False) -> Solved:
    """Our weights. Where it is asked with as many gone as the published code removes of each block."""
    problem = Problem(case.weight, gram, amount.share, amount.pattern)
    if not published_count:
        return find("sparsegpt").solve(problem)

    def going(rows: int, columns: range, _all: int, share: float) -> int:
        return int(rows * len(columns) * share) + 1

    with mock.patch.object(sparsegpt, "going", going):
        return find("sparsegpt").solve(problem)


def compared(peer: SparseGPT, cases: Sequence[Case], amount: Amount) -> tuple[Agreement, Agreement]:
    """Masks and weights with the exact count, and with theirs."""
    exact, theirs = Agreement(), Agreement()
    for case in cases:
        if amount.fits(case):
            gram, weight = gathered(case), peer.solved(peer.gathered(case), amount)
            exact.add(solved(case, gram, amount), weight, weight != 0)
            theirs.add(solved(case, gram, amount, published_count=True), weight, weight != 0)
    return exact, theirs


def sparsegpt_rows(folder: Path, reps: int) -> Iterator[dict]:
    peer = SparseGPT(folder)
    for case in shapes():
        hessian, pruning = [], {amount.name: [] for amount in AMOUNTS}
        for _ in range(reps):
            hessian.append(timed(partial(gathered, case), partial(peer.gathered, case)))
            gram, them = gathered(case), peer.gathered(case)
            for amount in AMOUNTS:
                fresh = replace_gram(gram)
                kept, them.layer.weight.data = them.H.clone(), case.weight.clone()
                pruning[amount.name].append(timed(partial(solved, case, fresh, amount), partial(peer.solved, them, amount)))
                them.H = kept
        yield row(f"SparseGPT {case.title}: the Hessian of {len(case.inputs)} × {len(case.inputs[0])} tokens", hessian)
        for amount in AMOUNTS:
            both = [tuple(map(sum, zip(*pair, strict=True))) for pair in zip(hessian, pruning[amount.name], strict=True)]
            exact, theirs = compared(peer, [case], amount)
            note = f"with the exact count {exact.said()}; with theirs {theirs.said()}"
            yield row(f"SparseGPT {case.title}, {amount.name}: pruning", pruning[amount.name], note)
            yield row(f"SparseGPT {case.title}, {amount.name}: Hessian and pruning", both)
    for title, cases in networks().items():
        for amount in AMOUNTS:
            yield agreement(f"SparseGPT masks of {title}, {amount.name}", *compared(peer, cases, amount))


def replace_gram(gram: Gram) -> Gram:
    """The same sums, nothing derived of them yet but H itself."""
    fresh = Gram(gram.width)
    fresh._sum, fresh.samples = gram.seen, gram.samples
    fresh.__dict__["seen"] = gram.seen
    return fresh


class Wanda:
    """The published code: a whole function of theirs, given a model of one layer, whose inputs are the case's."""

    def __init__(self, folder: Path) -> None:
        package = types.ModuleType("published_wanda")
        package.__path__ = [str(folder / "lib")]
        # What it would fetch its calibration text with, and an ablation: neither is called here.
        data, ablate = types.ModuleType("published_wanda.data"), types.ModuleType("published_wanda.ablate")
        data.get_loaders, ablate.AblateGPT = None, None
        sys.modules |= {one.__name__: one for one in (package, data, ablate)}
        self._theirs = importlib.import_module("published_wanda.prune")

    def kept(self, case: Case, amount: Amount) -> Tensor:
        """What stays of the case's matrix."""
        model = _Model(case)
        told = types.SimpleNamespace(nsamples=len(case.inputs), seed=0, sparsity_ratio=amount.share, use_variant=False)

        def loaders(*_plain: object, **_named: object) -> tuple[list, None]:
            return [(one[None], None) for one in case.inputs], None

        quiet = contextlib.redirect_stdout(io.StringIO())
        with quiet, mock.patch.object(self._theirs, "get_loaders", loaders), torch.no_grad():
            self._theirs.prune_wanda(told, model, None, torch.device("cpu"), *amount.published)
        return model.model.layers[0].matrix.weight != 0


class _Layer(nn.Module):
    """One matrix. What it gives is not needed, so it hands on what it was given."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.matrix = nn.Linear(*reversed(weight.shape), bias=False).requires_grad_(False)
        self.matrix.weight.copy_(weight)
        self.matrix.forward = lambda x: x

    def forward(self, x: Tensor, attention_mask: object = None, position_ids: object = None) -> tuple[Tensor]:
        return (self.matrix(x),)


class _Model(nn.Module):
    """As much of a language model as the published function asks for."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.model, self.seqlen, self.hf_device_map = nn.Module(), len(case.inputs[0]), {}
        self.model.layers = nn.ModuleList([_Layer(case.weight)])
        self.config = types.SimpleNamespace(use_cache=False, hidden_size=case.weight.shape[1])
        self.dummy = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> None:
        self.model.layers[0](x, attention_mask=None, position_ids=None)


def wanda_kept(case: Case, amount: Amount, *, published_count: bool = False) -> Tensor:
    norms = Norms(case.weight.shape[1])
    for one in case.inputs:
        norms.add(one, 1)
    wide = case.weight.shape[1]
    share = int(wide * amount.share) / wide if published_count else amount.share
    return stays(wanda_scores(case, norms.norms), share, amount.pattern, rows=True)


def wanda_scores(case: Case, norms: Tensor) -> Tensor:
    return criterion("wanda").saliency(Evidence("matrix", case.weight, 0, input_norm=norms[None, :]))


def wanda_rows(folder: Path, reps: int) -> Iterator[dict]:
    peer = Wanda(folder)
    for case in shapes():
        # One token: nearly all of what is timed is then the mask.
        short = replace(case, inputs=(case.inputs[0][:1],))
        for amount in AMOUNTS:
            peer.kept(short, amount), wanda_kept(short, amount)
            times = [timed(partial(wanda_kept, short, amount), partial(peer.kept, short, amount)) for _ in range(reps)]
            yield row(f"Wanda {case.title}, {amount.name}: mask", times, _said_masks([case], amount, peer))
    for title, cases in networks().items():
        for amount in AMOUNTS:
            found = _masks(cases, amount, peer)
            yield agreement(f"Wanda masks of {title}, {amount.name}", *found)


def _masks(cases: Sequence[Case], amount: Amount, peer: Wanda) -> tuple[Agreement, Agreement]:
    exact, theirs = Agreement(), Agreement()
    for case in cases:
        if amount.fits(case):
            kept, scores = peer.kept(case, amount), wanda_scores(case, torch.cat(case.inputs).norm(dim=0))
            for told, published in ((exact, False), (theirs, True)):
                mine = wanda_kept(case, amount, published_count=published)
                told.add(
                    Solved(torch.where(mine, case.weight, 0.0), mine), torch.where(kept, case.weight, 0.0), kept, scores
                )
    return exact, theirs


def _said_masks(cases: Sequence[Case], amount: Amount, peer: Wanda) -> str:
    exact, theirs = _masks(cases, amount, peer)
    return f"with the exact count {exact.said()}; with theirs {theirs.said()}"


def timed(mine: Callable, theirs: Callable) -> tuple[float, float]:
    """Milliseconds of both, one after the other."""
    found = []
    for work in (mine, theirs):
        started = time.perf_counter()
        work()
        found.append((time.perf_counter() - started) * 1e3)
    return found[0], found[1]


def row(name: str, times: Sequence[tuple[float, float]], note: str = "") -> dict:
    ours, peer = (median(one) for one in zip(*times, strict=True))
    said = f"{len(times)} times, interleaved, {torch.get_num_threads()} threads"
    found = {"name": name, "ours_ms": round(ours, 3), "peer": "published code", "peer_ms": round(peer, 3)}
    return {**found, "ratio": round(peer / ours, 2), "unit": "× faster", "note": f"{note}; {said}" if note else said}


def agreement(name: str, exact: Agreement, theirs: Agreement) -> dict:
    note = f"with the exact count {exact.said()}; with theirs {theirs.said()}"
    found = {"name": name, "ours_ms": None, "peer": "published code", "peer_ms": None}
    return {**found, "ratio": round(100 * theirs.share, 4), "unit": "% of the mask, by their count", "note": note}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oneshot", description=__doc__)
    parser.add_argument("--sparsegpt", type=Path, metavar="DIR", help="a checkout of IST-DASLab/sparsegpt")
    parser.add_argument("--wanda", type=Path, metavar="DIR", help="a checkout of locuslab/wanda")
    parser.add_argument("--memory", action="store_true", help=f"peak memory of a walk through {LARGE}")
    parser.add_argument("--reps", type=int, default=5, help="how often is timed; 5, if nothing is said")
    chosen = parser.parse_args(arguments)
    from benchmarks import oneshot_memory
    from benchmarks.__main__ import keep

    found = []
    for folder, ways in ((chosen.sparsegpt, sparsegpt_rows), (chosen.wanda, wanda_rows)):
        for one in ways(folder.resolve(), chosen.reps) if folder else ():
            print(f"{one['name']:62} {one['ratio']:9.2f} {one['unit']:22} {one['note']}", flush=True)
            found.append(one)
    if chosen.memory:
        found += oneshot_memory.rows()
        print(found[-1], flush=True)
    keep([{"kind": "oneshot", **one} for one in found], ["oneshot"])


if __name__ == "__main__":
    main(sys.argv[1:])
