"""One shot against the code that was published with the papers: the same layers, the same inputs, in one process.

`python -m benchmarks.oneshot --sparsegpt DIR --wanda DIR`, where these are checkouts of IST-DASLab/sparsegpt and
locuslab/wanda, which are no part of this project. Writes its rows into benchmarks/latest.json. `--memory` measures the peak
memory of a walk through a Llama of a billion random parameters, in a process of its own.

The published SparseGPT removes ⌊n·s⌋ + 1 of each block of n weights, Wanda ⌊I·s⌋ of each row of I; ours removes exactly what
was asked for. So that this hides nothing else, masks are compared twice: with the exact count and with theirs. What is left
then is rounding, and the order of equal scores: so both are compared once more in float64. Weights behind inputs that were
always zero are not compared: the published SparseGPT sets them to zero whatever is asked for, and nothing hangs on them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from unittest import mock

import torch
from torch import Tensor

from benchmarks.oneshot_agreement import Agreement, Found
from benchmarks.oneshot_layers import LARGE, Case, networks, shapes
from benchmarks.oneshot_peers import AMOUNTS, Amount, SparseGPT, Wanda
from pruneviz.engine.criterion import Evidence
from pruneviz.engine.criterion import find as criterion
from pruneviz.engine.reconstruct import find
from pruneviz.engine.reconstruct.choosing import stays
from pruneviz.engine.reconstruct.gram import Gram, Norms
from pruneviz.engine.reconstruct.methods import sparsegpt
from pruneviz.engine.reconstruct.problem import Problem, Solved


def gathered(case: Case) -> Gram:
    """Ours, told of all inputs."""
    gram = Gram(case.weight.shape[1], dtype=case.weight.dtype)
    for one in case.inputs:
        gram.add(one, 1)
    _ = gram.seen
    return gram


def solved(case: Case, gram: Gram, amount: Amount, *, published_count: bool = False) -> Solved:
    """Our weights. Where it is asked with as many gone as the published code removes of each block."""
    problem = Problem(case.weight, gram, amount.share, amount.pattern)
    if not published_count:
        return find("sparsegpt").solve(problem)

    def going(rows: int, columns: range, share: float) -> int:
        return int(rows * len(columns) * share) + 1

    with mock.patch.object(sparsegpt, "going", going):
        return find("sparsegpt").solve(problem)


def compared(peer: SparseGPT, cases: Sequence[Case], amount: Amount) -> Found:
    """Masks and weights with the exact count, with theirs, and with theirs in float64."""
    exact, theirs, wide, ours_near, theirs_near = (Agreement() for _ in range(5))
    for case in cases:
        if amount.fits(case):
            gram, weight = gathered(case), peer.solved(case, peer.gathered(case), amount)
            mine = solved(case, gram, amount, published_count=True)
            exact.add(solved(case, gram, amount), weight, weight != 0, gram.dead)
            theirs.add(mine, weight, weight != 0, gram.dead)
            case = replace(case, weight=case.weight.double(), inputs=tuple(one.double() for one in case.inputs))
            truth = peer.solved(case, peer.gathered(case), amount)
            wide.add(solved(case, gathered(case), amount, published_count=True), truth, truth != 0, gram.dead)
            ours_near.add(mine, truth, truth != 0, gram.dead)
            theirs_near.add(Solved(weight, weight != 0), truth, truth != 0, gram.dead)
    return Found(exact, theirs, wide, ours_near, theirs_near)


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
                both = partial(solved, case, fresh, amount), partial(peer.solved, case, them, amount)
                pruning[amount.name].append(timed(*both))
                them.H = kept
        yield row(f"SparseGPT {case.title}: the Hessian of {len(case.inputs)} × {len(case.inputs[0])} tokens", hessian)
        for amount in AMOUNTS:
            both = [tuple(map(sum, zip(*pair, strict=True))) for pair in zip(hessian, pruning[amount.name], strict=True)]
            note = compared(peer, [case], amount).said()
            yield row(f"SparseGPT {case.title}, {amount.name}: pruning", pruning[amount.name], note)
            yield row(f"SparseGPT {case.title}, {amount.name}: Hessian and pruning", both)
    for title, cases in networks().items():
        for amount in AMOUNTS:
            yield agreement(f"SparseGPT masks of {title}, {amount.name}", compared(peer, cases, amount))


def replace_gram(gram: Gram) -> Gram:
    """The same sums, nothing derived of them yet but H itself."""
    fresh = Gram(gram.width)
    fresh._sum, fresh.samples = gram.seen, gram.samples
    fresh.__dict__["seen"] = gram.seen
    return fresh


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
            yield row(f"Wanda {case.title}, {amount.name}: mask", times, _masks([case], amount, peer).said())
    for title, cases in networks().items():
        for amount in AMOUNTS:
            yield agreement(f"Wanda masks of {title}, {amount.name}", _masks(cases, amount, peer))


def _masks(cases: Sequence[Case], amount: Amount, peer: Wanda) -> Found:
    exact, theirs = Agreement(), Agreement()
    for case in cases:
        if amount.fits(case):
            kept, norms = peer.kept(case, amount), torch.cat(case.inputs).norm(dim=0)
            weight, scores = torch.where(kept, case.weight, 0.0), wanda_scores(case, norms)
            for told, published in ((exact, False), (theirs, True)):
                mine = wanda_kept(case, amount, published_count=published)
                told.add(Solved(torch.where(mine, case.weight, 0.0), mine), weight, kept, norms == 0, scores)
    return Found(exact, theirs)


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


def agreement(name: str, found: Found) -> dict:
    return {
        "name": name,
        "ours_ms": None,
        "peer": "published code",
        "peer_ms": None,
        "ratio": round(100 * found.theirs.share, 4),
        "unit": "% of the mask, by their count",
        "note": found.said(),
    }


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
