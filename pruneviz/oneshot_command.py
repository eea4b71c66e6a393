"""One-shot command: `python -m pruneviz oneshot` prunes in one pass over calibration data, and writes what came of it."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz import answers
from pruneviz.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

    from pruneviz.engine.outcomes import Measurement
    from pruneviz.engine.reconstruct.oneshot import Work
    from pruneviz.engine.reconstruct.walk import Done
    from pruneviz.engine.subject import Subject


SAMPLES = 1024
"""At most so many are looked at: a matrix learns nothing from more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes beside a Recipe."""
    said = "what becomes of the survivors: keep, sparsegpt, least_squares, swaps, …; sparsegpt if nothing is said"
    parser.add_argument("--method", default="sparsegpt", help=said)
    parser.add_argument("--n", type=int, default=0, help="with --m: so many of every M weights stay")
    parser.add_argument("--m", type=int, default=0, help="such as --n 2 --m 4")
    parser.add_argument("--samples", type=int, default=128, help="windows of text, or other samples, that are looked at")
    parser.add_argument("--out", default="", metavar="DIR", help="a new or empty folder, or an earlier export to replace")
    parser.add_argument("--no-onnx", action="store_true", help="leave the ONNX file out")
    streamed = "a transformers folder that is larger than memory: block by block, from its safetensors to those of --out"
    parser.add_argument("--stream", action="store_true", help=streamed)
    parser.add_argument("--length", type=int, default=512, help="tokens of a window, where the model is streamed")
    parser.set_defaults(criterion="wanda", scope="row")  # rows compete, as Wanda is published


def recipe(found: Recipe, chosen: argparse.Namespace) -> Recipe:
    """The Recipe of the command line, with its method and its samples."""
    _check(chosen)
    if chosen.m:
        found = replace(found, granularity=f"{chosen.n}:{chosen.m}", amount=1 - chosen.n / chosen.m)
    return replace(found, course=replace(found.course, method=chosen.method, batch=chosen.samples))


def _check(chosen: argparse.Namespace) -> None:
    if bool(chosen.n) != bool(chosen.m):
        raise ValueError(f"--n {chosen.n} and --m {chosen.m} make a pattern together: give both, such as --n 2 --m 4")
    if chosen.m and not 1 <= chosen.n < chosen.m:
        raise ValueError(f"--n {chosen.n} of --m {chosen.m} is no pattern: give 1 ≤ N < M, such as --n 2 --m 4")
    if not 1 <= chosen.samples <= SAMPLES:
        raise ValueError(f"--samples {chosen.samples} is out of range: give a number from 1 to {SAMPLES}")


def perform(subject: Subject, found: Recipe, chosen: argparse.Namespace) -> dict[str, Any]:
    """Prunes a copy of the subject's network, measures it before and after, and writes it."""
    from pruneviz.engine import device
    from pruneviz.engine.export import folder
    from pruneviz.engine.reconstruct import oneshot
    from pruneviz.engine.training import private
    from pruneviz.engine.training.exam import exam

    if chosen.out:
        folder.check(chosen.out)
    network = private.trained(subject)
    data = _text(subject, chosen)
    judges = None if data is not None else oneshot.measured(subject, found)
    dense, started = exam(subject, network, judges), time.perf_counter()
    network.to(device.ready(found.device))
    work = oneshot.prepare(subject, found, network, weighed=True, data=data)
    done = []
    for one in work.steps():
        _shown(one)
        done.append(one)
    seconds = time.perf_counter() - started
    network.cpu()
    return _answer(subject, found, work, done, (dense, exam(subject, network, judges))) | {
        "seconds": seconds,
        "export": write(_named(subject, found, chosen), network, chosen.out, convert=not chosen.no_onnx)
        if chosen.out
        else None,
    }


def stream(chosen: argparse.Namespace) -> dict[str, Any]:
    """Prunes a folder of transformers into another, block by block. Nothing is measured: the model is never whole."""
    from pruneviz.engine import criterion, granularity, reconstruct
    from pruneviz.engine.export import folder
    from pruneviz.engine.reconstruct import streamed, walk

    _check(chosen)
    if chosen.spare or chosen.own or chosen.recipe or chosen.granularity != "weight" and ":" not in chosen.granularity:
        raise ValueError(
            "--stream takes as much of every matrix in the blocks, single weights or N of every M: leave --spare, --own, "
            "--recipe and other granularities out"
        )
    if chosen.calibration in (None, "training", "held-out") or not chosen.out:
        raise ValueError("--stream takes a text with --calibration FILE, and writes a new folder: give it with --out DIR")
    if chosen.scope not in ("row", "layer"):
        raise ValueError(f"--scope {chosen.scope} compares layers, and --stream sees one at a time: choose row or layer")
    if not 2 <= chosen.length <= 65_536:
        raise ValueError(f"--length {chosen.length} is out of range: give a number of tokens from 2 to 65536")
    pattern = (chosen.n, chosen.m) if chosen.m else granularity.pattern(chosen.granularity)
    amount = 1 - pattern[0] / pattern[1] if pattern else 0.5 if chosen.amount is None else chosen.amount
    method, chosen_by = reconstruct.find(chosen.method), criterion.find(chosen.criterion)
    plan = walk.Plan(chosen_by, method, {}, pattern, chosen.scope == "row", chosen.seed)
    text = streamed.Text(Path(chosen.calibration), chosen.samples, chosen.length)
    target, started, done = folder.check(chosen.out), time.perf_counter(), []
    with folder.replacing(target) as place:
        source = Path(chosen.subject).expanduser()
        for one in streamed.prune(source, place, text, streamed.Share(amount, pattern), plan, chosen.device):
            _shown(one)
            done.append(_matrix(one))
    return {
        "subject": chosen.subject, "method": chosen.method, "criterion": None if method.chooses else chosen.criterion,
        "amount": amount, "matrices": done, "seconds": time.perf_counter() - started, "out": str(target), "value": None,
        "notes": ["nothing was measured: the model was never whole in memory; where it fits, `evaluate` does"],
    }  # fmt: skip


def _matrix(one: Done) -> dict[str, Any]:
    """What is said of one matrix."""
    return {
        "name": one.name,
        "gone": int((~one.kept).sum()),
        "of": one.kept.numel(),
        "error": answers.number(one.error),
        "error_without_update": answers.number(one.unmoved),
        "seconds": one.seconds,
    }


def _text(subject: Subject, chosen: argparse.Namespace):
    """The text that `--calibration FILE` names, as windows; None where it names a split."""
    if chosen.calibration in (None, "training", "held-out"):
        return None
    from pruneviz.engine.sources import text

    return text.other(subject, Path(chosen.calibration))


def _answer(
    subject: Subject, found: Recipe, work: Work, done: list[Done], measured: tuple[Measurement, Measurement]
) -> dict[str, Any]:
    from pruneviz.engine import tasks
    from pruneviz.engine.reconstruct import oneshot

    dense, after = measured
    gone = sum(int((~one.kept).sum()) for one in done)
    return {
        "subject": found.subject,
        "method": found.course.method,
        "criterion": None if work.plan.method.chooses else found.criterion,
        "scope": found.scope,
        "granularity": found.granularity,
        "amount": found.amount,
        "sparsity": gone / subject.weights,
        "samples": work.samples,
        "metric": tasks.of(subject).metric,
        "n": after.n,
        "dense_value": answers.number(dense.value),
        "dense_interval": [answers.number(end) for end in dense.interval],
        "value": answers.number(after.value),
        "interval": [answers.number(end) for end in after.interval],
        "matrices": [_matrix(one) for one in done],
        "notes": [note for note in (oneshot.left_whole(work),) if note],
    }


def _named(subject: Subject, found: Recipe, chosen: argparse.Namespace) -> Subject:
    """The subject under a title that says what was done to it: an export carries it, and no other word of it."""
    method, share = found.course.method, found.granularity if ":" in found.granularity else f"{100 * found.amount:g}%"
    way = method if method.startswith("sparsegpt") else f"{found.criterion}, {method}"
    title = f"{subject.title}, one shot ({way}, {share}, {chosen.calibration or found.calibration})"
    origin = subject.origin and replace(subject.origin, card={**subject.origin.card, "name": title})
    return replace(subject, title=title, origin=origin)


def write(subject: Subject, network: nn.Module, out: str | Path, *, convert: bool = True) -> dict[str, Any]:
    """The network as it came of the walk: what it set to zero is what is removed."""
    from pruneviz.engine import evaluate
    from pruneviz.engine.export import package
    from pruneviz.engine.training import private

    inside = private.around(subject, network)
    zeros = sum(int((tensor == 0).sum()) for tensor in inside.tensors())
    plain = Recipe(subject=subject.name, amount=zeros / max(1, subject.weights), calibration=subject.calibration)
    standing = evaluate.stand(inside, plain)
    return package.write(inside, plain, standing, out, convert=convert).answer()


def _shown(one: Done) -> None:
    if sys.stderr.isatty():
        print(f"\r{one.at} of {one.of}: {one.name}{' ' * 20}", end="\n" if one.at == one.of else "", file=sys.stderr)
