"""One-shot command: `python -m pruneviz oneshot` prunes in one pass over calibration data, and writes what came of it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz import answers, came_of, oneshot_said, oneshot_stream
from pruneviz.recipe import Recipe

if TYPE_CHECKING:
    from torch import nn

    from pruneviz.engine.outcomes import Measurement
    from pruneviz.engine.reconstruct.oneshot import Work
    from pruneviz.engine.subject import Subject


SPLITS = (None, "training", "held-out")
"""What --calibration may say that is no file; nothing: the model's own choice."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes beside a Recipe."""
    said = "what becomes of the survivors: keep, least_squares, sparsegpt (if nothing is said), sparsegpt_refit, swaps, "
    said += "swaps_refit"
    parser.add_argument("--method", default="sparsegpt", help=said)
    parser.add_argument("--n", type=int, default=0, help="with --m: so many of every M weights stay")
    parser.add_argument("--m", type=int, default=0, help="such as --n 2 --m 4")
    parser.add_argument(
        "--samples", type=int, default=128, help="windows of text, or other samples, to look at (default: 128)"
    )
    parser.add_argument("--out", default="", metavar="DIR", help="a new or empty folder, or an earlier export to replace")
    parser.add_argument("--no-onnx", action="store_true", help="leave the ONNX file out")
    streamed = "a transformers folder that is larger than memory: block by block, from its safetensors to those of --out"
    parser.add_argument("--stream", action="store_true", help=streamed)
    tokens = f"tokens of a window, where the model is streamed; {oneshot_stream.TOKENS} if nothing is said"
    parser.add_argument("--length", type=int, default=0, help=tokens)
    parser.set_defaults(criterion="wanda", scope="row")  # rows compete, as Wanda is published


def recipe(found: Recipe, chosen: argparse.Namespace) -> Recipe:
    """The Recipe of the command line, with its method and its samples."""
    from pruneviz.engine import granularity

    oneshot_said.check(chosen)
    oneshot_said.refuse(chosen, ("length",), "is for --stream; in memory, windows are as long as the model's own")
    name = oneshot_said.granularity(chosen)
    amount = oneshot_said.amount(chosen, granularity.pattern(name))
    course = replace(found.course, method=chosen.method, batch=chosen.samples)
    return replace(found, granularity=name, amount=amount, course=course)


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
        oneshot_said.shown(one)
        done.append(oneshot_said.matrix(one))  # what is said of it, not the matrix: all of them are as large as the network
    seconds = time.perf_counter() - started
    network.cpu()
    return _answer(subject, found, work, done, (dense, exam(subject, network, judges))) | {
        "calibration": _looked_at(found, chosen),
        "seconds": seconds,
        "export": _written(subject, found, chosen, (network, work.samples)) if chosen.out else None,
    }


def stream(chosen: argparse.Namespace) -> dict[str, Any]:
    """Prunes a folder of transformers into another, block by block, and measures nothing."""
    return oneshot_stream.perform(chosen) | {"calibration": Path(chosen.calibration).name}


def _looked_at(found: Recipe, chosen: argparse.Namespace) -> str:
    """What was looked at: a file by its name, or a split."""
    return found.calibration if chosen.calibration in SPLITS else Path(chosen.calibration).name


def _text(subject: Subject, chosen: argparse.Namespace):
    """The text that `--calibration FILE` names, as windows; None where it names a split."""
    if chosen.calibration in SPLITS:
        return None
    from pruneviz.engine.sources import calibration_text

    return calibration_text.read(subject, Path(chosen.calibration))


def _answer(
    subject: Subject, found: Recipe, work: Work, done: list[dict[str, Any]], measured: tuple[Measurement, Measurement]
) -> dict[str, Any]:
    from pruneviz.engine import tasks
    from pruneviz.engine.reconstruct import oneshot

    dense, after = measured
    gone = sum(one["gone"] for one in done)
    return {
        **oneshot_said.asked(found),
        "sparsity": gone / subject.weights,
        "samples": work.samples,
        "metric": tasks.of(subject).metric,
        "n": after.n,
        "dense_value": answers.number(dense.value),
        "dense_interval": [answers.number(end) for end in dense.interval],
        "value": answers.number(after.value),
        "interval": [answers.number(end) for end in after.interval],
        "matrices": done,
        "notes": [note for note in (oneshot.left_whole(work), oneshot_said.few(work)) if note],
    }


def _named(subject: Subject, found: Recipe, chosen: argparse.Namespace) -> Subject:
    """The subject under a title that says what was done to it: an export carries it, and no other word of it."""
    share = found.granularity if ":" in found.granularity else f"{100 * found.amount:g}%"
    seed = f", seed {found.seed}" if found.seed else ""
    title = f"{subject.title}, one shot ({came_of.way(found)}, {share}, {_looked_at(found, chosen)}{seed})"
    origin = subject.origin and replace(subject.origin, card={**subject.origin.card, "name": title})
    return replace(subject, title=title, origin=origin)


def _written(subject: Subject, found: Recipe, chosen: argparse.Namespace, done: tuple[nn.Module, int]) -> dict[str, Any]:
    """Writes the network that came of it, with what made it."""
    network, samples = done
    named, told = _named(subject, found, chosen), _told(found, chosen, samples)
    return write(named, network, chosen.out, told, convert=not chosen.no_onnx)


def _told(found: Recipe, chosen: argparse.Namespace, samples: int) -> dict[str, Any]:
    """The run's own Recipe for the export's record: no criterion where none decided, and which data was looked at. A link
    repeats the run where a link can: no link brings a text along."""
    from pruneviz.engine.export import cut
    from pruneviz.engine.sources import files

    run = cut.named(replace(found, course=replace(found.course, lab="oneshot")))
    if chosen.calibration in SPLITS:
        source, again = {"split": found.calibration}, cut.link(run)
    else:
        text = Path(chosen.calibration).expanduser()
        source, again = {"file": text.name, "sha256": files.sha256(text)}, ""
    said = {"criterion": came_of.opinion(found) or None, "calibration": _looked_at(found, chosen)}
    return {"recipe": asdict(run) | said, "link": again, "calibration": {**source, "samples": samples}}


def write(
    subject: Subject, network: nn.Module, out: str | Path, told: Mapping[str, Any] | None = None, *, convert: bool = True
) -> dict[str, Any]:
    """The network as it came of the walk: what it set to zero is what is removed. `told` is what the record says of how."""
    from pruneviz.engine import evaluate
    from pruneviz.engine.export import package
    from pruneviz.engine.export.cut import cut
    from pruneviz.engine.training import private

    inside = private.around(subject, network)
    zeros = sum(int((tensor == 0).sum()) for tensor in inside.tensors())
    plain = Recipe(subject=subject.name, amount=zeros / max(1, subject.weights), calibration=subject.calibration)
    made = cut(inside, plain, evaluate.stand(inside, plain))
    made = replace(made, mask={**(made.mask or {}), **(told or {})})
    return package.keep(inside, made, out, convert=convert).answer()
