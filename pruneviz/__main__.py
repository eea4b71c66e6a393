"""The engine without a screen: evaluate, curve, solve, train, report, export, time, … JSON out; an error: one sentence."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pruneviz import (
    answers,
    floors,
    oneshot_command,
    oneshot_said,
    python_command,
    recipe_file,
    report_command,
    runs_command,
    solve_command,
    train_command,
)
from pruneviz.recipe import Recipe

if TYPE_CHECKING:
    from pruneviz.engine.subject import Subject


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, or 2 for bad input."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        if chosen.run is not _doctor:  # which says what is too old itself, among all else
            floors.hold()
        return chosen.run(chosen)
    except (ValueError, OSError, RuntimeError, MemoryError) as problem:
        print(f"pruneviz: {' '.join(str(problem).split())}", file=sys.stderr)
        return 2


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence; the usage is a `--help` away."""

    def error(self, message: str):
        self.exit(2, f"pruneviz: {message}; see {self.prog} --help\n")


class _Written(argparse.Action):
    """Fills in what a recipe.json says, except where the command line said something else before."""

    def __call__(self, parser, namespace, path, option_string=None):
        try:
            written = recipe_file.load(path)
        except (ValueError, OSError) as problem:
            raise argparse.ArgumentError(self, " ".join(str(problem).split())) from None
        named = {"spared": "spare", "overrides": "own"}
        for field in written.named:
            argument = named.get(field, field)
            if hasattr(namespace, argument) and getattr(namespace, argument) == parser.get_default(argument):
                value = getattr(written.recipe, field)
                setattr(namespace, argument, list(value) if isinstance(value, tuple) else value)
        setattr(namespace, self.dest, written)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m pruneviz", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    evaluate = commands.add_parser("evaluate", help="measure one setting")
    _recipe_arguments(evaluate)
    _device_argument(evaluate)
    evaluate.add_argument("--amount", type=_fraction, help="fraction of the weights or units to remove, 0 to 1")
    evaluate.set_defaults(run=_evaluate)
    curve = commands.add_parser("curve", help="measure accuracy at several amounts")
    _recipe_arguments(curve)
    _device_argument(curve)
    curve.add_argument("--amounts", type=_fractions, required=True, help="fractions to remove, such as 0,.5,.9")
    curve.set_defaults(run=_curve)
    export = commands.add_parser("export", help="write the smaller network to a folder, to keep and to load again")
    _recipe_arguments(export)
    _device_argument(export)
    export.add_argument("--amount", type=_fraction, help="fraction of the weights or units to remove, 0 to 1")
    export.add_argument("--out", required=True, metavar="DIR", help="a new or empty folder, or an earlier export to replace")
    export.add_argument("--fold", action="store_true", help="a removed unit that is constant stays on in the next bias")
    export.add_argument("--no-onnx", action="store_true", help="leave the ONNX file out")
    export.set_defaults(run=_export)
    clock = commands.add_parser("time", help="weigh and time a pruned network on this machine")
    _time_arguments(clock)
    clock.set_defaults(run=_time)
    report = commands.add_parser("report", help="write all about one setting as an HTML file that opens offline")
    _recipe_arguments(report)
    _device_argument(report)
    report.add_argument("--amount", type=_fraction, help="fraction of the weights or units to remove, 0 to 1")
    report_command.add_arguments(report)
    report.set_defaults(run=_report)
    script = commands.add_parser("python", help="write one setting as plain PyTorch, which runs without this app")
    _recipe_arguments(script)
    _device_argument(script)
    script.add_argument("--amount", type=_fraction, help="fraction of the weights or units to remove, 0 to 1")
    python_command.add_arguments(script)
    script.set_defaults(run=_python)
    solve = commands.add_parser("solve", help="find the amounts that keep the accuracy and leave least, layer by layer")
    _recipe_arguments(solve)
    _device_argument(solve)
    solve_command.add_arguments(solve)
    solve.set_defaults(run=_solve)
    oneshot = commands.add_parser(
        "oneshot", help="prune in one pass over calibration data; survivors may cover for the rest"
    )
    _recipe_arguments(oneshot)
    _device_argument(oneshot)
    oneshot.add_argument("--amount", type=_fraction, help="fraction of the weights to remove, 0 to 1")
    oneshot_command.add_arguments(oneshot)
    _said_of_one_shot(oneshot)
    oneshot.set_defaults(run=_oneshot)
    train = commands.add_parser("train", help="perform a lab's run here: train, prune, recover; it goes on where it ended")
    train_command.add_train_arguments(train)
    train.set_defaults(run=_train)
    sweep = commands.add_parser("sweep", help="perform a run for several seeds and choices, in one process or several")
    train_command.add_sweep_arguments(sweep)
    sweep.set_defaults(run=_sweep)
    runs = commands.add_parser("runs", help="list the runs that are stored; show, cancel, resume or forget one")
    runs_command.add_arguments(runs)
    runs.set_defaults(run=_runs)
    inspect = commands.add_parser("inspect", help="what a file of weights, or a model's folder, is recognised as")
    inspect.add_argument("file", metavar="FILE", help="a file of weights, or a folder with a config.json")
    inspect.add_argument("--as", dest="build", default="", metavar="NAME", help="compare with this architecture")
    inspect.add_argument("--json", action="store_true", help="print JSON (the default; kept for scripts)")
    inspect.set_defaults(run=_inspect)
    doctor = commands.add_parser("doctor", help="versions, devices, what is missing and what to do")
    doctor.add_argument("--json", action="store_true", help="print JSON (the default; kept for scripts)")
    doctor.set_defaults(run=_doctor)
    return parser


def _recipe_arguments(parser: argparse.ArgumentParser) -> None:
    default = Recipe()
    words = (
        "a sample's name, the path of a subject.toml, your own module:function; or, with --data, an architecture such as "
    )
    words += "torchvision:resnet18, a transformers folder, hub:owner/model, or a file of weights"
    read = "the setting of a recipe.json, as the app and `report` write it; what stands behind it on the line wins"
    parser.add_argument("--recipe", action=_Written, default=None, metavar="FILE", help=read)
    parser.add_argument("--subject", default=default.subject, help=words)
    parser.add_argument("--weights", default="", metavar="FILE", help="the architecture's weights; published ones if none")
    parser.add_argument("--data", default="", metavar="FILE", help="held-out data, or the name of a data set")
    parser.add_argument(
        "--say", action="append", default=[], metavar="KEY=VALUE", help="a line of the card, such as data.scale=127.5"
    )
    parser.add_argument("--criterion", default=default.criterion)
    parser.add_argument("--granularity", default=default.granularity, help="weight, filter, neuron, head, layer, or 2:4")
    parser.add_argument("--scope", default=default.scope)
    parser.add_argument("--pool", default=default.pool, help="how weights' scores become a unit's: mean, l1, l2, max")
    parser.add_argument("--floor", type=int, choices=(0, 1), default=default.floor, help="units that each group keeps")
    parser.add_argument(
        "--gone", action="append", default=[], metavar="GROUP:INDEX", help="remove this unit, whatever its rank"
    )
    parser.add_argument(
        "--back", action="append", default=[], metavar="GROUP:INDEX", help="keep this unit, whatever its rank"
    )
    said = "training (the default), or held-out: a quarter of it is set aside; of oneshot also a FILE of text"
    parser.add_argument("--calibration", help=said)
    parser.add_argument("--nonfinite", choices=("refuse", "remove"), default=default.nonfinite)
    parser.add_argument("--seed", type=_seed, default=default.seed)
    parser.add_argument("--spare", action="append", default=[], metavar="LAYER", help="keep this layer or group whole")
    parser.add_argument("--own", action="append", type=_own, default=[], metavar="LAYER=AMOUNT", help="a layer's own amount")
    parser.add_argument("--json", action="store_true", help="print JSON (the default; kept for scripts)")


def _said_of_one_shot(parser: argparse.ArgumentParser) -> None:
    """Puts in the help of one shot what these options say there: it takes fewer choices, and has defaults of its own."""
    said = {
        "granularity": "weight, or N of every M inputs, such as 2:4",
        "criterion": "what chooses, where the method does not choose itself: wanda if nothing is said, magnitude, ria, …",
        "scope": "who competes: row if nothing is said",
        "amount": "fraction of the weights to remove, 0 to 1; 0.5 if nothing is said, of a pattern what it removes",
        "calibration": "what is looked at: training, held-out (a quarter of it is set aside), or a FILE of text",
    }
    for action in parser._actions:
        refused = action.dest in oneshot_said.UNITS  # understood still, so that the answer says why
        action.help = argparse.SUPPRESS if refused else said.get(action.dest, action.help)


def _device_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="cpu", help="where to measure: cpu, cuda:0, mps; doctor lists what is here")


def _time_arguments(parser: argparse.ArgumentParser) -> None:
    default = Recipe()
    _recipe_arguments(parser)
    parser.add_argument("--amount", type=_fraction, help="fraction of the weights or units to remove, 0 to 1")
    parser.add_argument("--batch", type=_count, default=default.batch, help="inputs at once, beside 1")
    parser.add_argument("--length", type=_count, default=default.length, help="tokens per input of a language model; 0: all")
    parser.add_argument("--threads", type=_count, default=default.threads, help="processor threads; 0: all")
    parser.add_argument(
        "--repeats", type=_count, default=0, help="rounds of each comparison; 0: as many as fit in --seconds"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each comparison, at least 9 rounds")
    parser.add_argument("--stream", action="store_true", help="print what is known after every step, one JSON object a line")


def _evaluate(chosen: argparse.Namespace) -> int:
    from pruneviz.engine import evaluate
    from pruneviz.engine.measure import Workspace

    subject, recipe = _chosen(chosen)
    standing = evaluate.stand(subject, recipe)
    report = evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured, recipe.device))
    return _print(answers.evaluated(recipe, report, standing.curvature, dict(subject.nonfinite)))


def _curve(chosen: argparse.Namespace) -> int:
    from pruneviz.engine import evaluate
    from pruneviz.engine.measure import Workspace

    subject, recipe = _chosen(chosen, amount=0.0)
    standing = evaluate.stand(subject, recipe)
    workspace = Workspace(subject, standing.split.measured, recipe.device)
    curve = evaluate.curve(subject, recipe, standing, workspace, chosen.amounts)
    return _print(answers.curved(recipe, curve, len(standing.split.measured), standing.curvature))


def _export(chosen: argparse.Namespace) -> int:
    from pruneviz.engine import evaluate
    from pruneviz.engine.export import folder, package
    from pruneviz.engine.measure import Workspace

    folder.check(chosen.out)
    subject, recipe = _chosen(chosen)
    standing = evaluate.stand(subject, recipe)
    exported = package.write(subject, recipe, standing, chosen.out, convert=not chosen.no_onnx, fold=chosen.fold)
    score = evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured, recipe.device)).score
    values = {"value": answers.number(score.value), "dense_value": answers.number(score.dense_value)}
    return _print({**exported.answer(), "metric": score.metric, "n": score.n, **values})


def _oneshot(chosen: argparse.Namespace) -> int:
    if chosen.stream:
        return _print(oneshot_command.stream(chosen))
    text = chosen.calibration
    if text not in (None, "training", "held-out"):
        chosen.calibration = None
    subject, found = _chosen(chosen)
    chosen.calibration = text
    return _print(oneshot_command.perform(subject, oneshot_command.recipe(found, chosen), chosen))


def _time(chosen: argparse.Namespace) -> int:
    from pruneviz import truth_file
    from pruneviz.engine import reality

    subject, recipe = _chosen(chosen)
    how = {"batch": chosen.batch, "length": chosen.length, "threads": chosen.threads}
    recipe = replace(recipe, **how)
    with reality.threads(recipe.threads):
        for step in reality.measure(subject, recipe, reality.How(chosen.repeats, chosen.seconds)):
            if chosen.stream:
                line = {"done": step.done, "words": step.words, "truth": truth_file.to_table(step.truth)}
                print(json.dumps(line, allow_nan=False), flush=True)
            elif sys.stderr.isatty():
                print(f"{step.done:4.0%} {step.words}", file=sys.stderr)
    return 0 if chosen.stream else _print(truth_file.to_table(step.truth))


def _subject(chosen: argparse.Namespace):
    from pruneviz import caps
    from pruneviz.engine.sources import asked
    from pruneviz.engine.sources.fetching import Fetch
    from pruneviz.runs import trained

    _check_data(str(chosen.subject), chosen.data)
    said = asked.Asked(chosen.subject, chosen.weights, chosen.data, tuple(chosen.say))
    return trained.asked(said, Fetch(caps.downloads(own=True), _downloaded if sys.stderr.isatty() else None))


def _check_data(subject: str, data: str) -> None:
    """Refuses a folder of transformers that stands alone: it holds a model, and nothing to measure it on."""
    folder = Path(subject).expanduser()
    if not data and (folder / "config.json").is_file() and not (folder / "subject.toml").is_file():
        raise ValueError(f"{folder.name!r} is a folder of a model, without data to measure it on: add --data FILE")


def _downloaded(done: int, every: int) -> None:
    print(f"\r{done / 1e6:,.1f} of {every / 1e6:,.1f} MB", end="\n" if done >= every else "", file=sys.stderr, flush=True)


def _report(chosen: argparse.Namespace) -> int:
    return _print(report_command.write(*_chosen(chosen), chosen))


def _python(chosen: argparse.Namespace) -> int:
    return _print(python_command.write(*_chosen(chosen), chosen))


def _solve(chosen: argparse.Namespace) -> int:
    return _print(solve_command.solve(*_chosen(chosen, amount=0.0), chosen))


def _train(chosen: argparse.Namespace) -> int:
    answer = train_command.train(_loads(chosen), chosen)
    return _print(answer) or train_command.code(answer)


def _sweep(chosen: argparse.Namespace) -> int:
    answer = train_command.sweep(_loads(chosen), chosen)
    return _print(answer) or train_command.code(answer)


def _runs(chosen: argparse.Namespace) -> int:
    answer = runs_command.run(_loads(chosen), chosen)
    return _print(answer) or (train_command.code(answer) if chosen.verb == "resume" else 0)


def _loads(chosen: argparse.Namespace) -> Callable[[str], Subject]:
    """The model that the command line names, or else the one of that name."""
    return lambda name: _subject(argparse.Namespace(**{**vars(chosen), "subject": chosen.subject or name}))


def _inspect(chosen: argparse.Namespace) -> int:
    from pruneviz.engine.sources import asked

    return _print(asked.inspected(Path(chosen.file), build=chosen.build))


def _usual_amount(granularity: str) -> float:
    """Half; of a pattern N:M what it removes."""
    from pruneviz.engine import granularity as granularities

    of = granularities.pattern(granularity)
    return 1 - of[0] / of[1] if of else 0.5


def _doctor(_chosen: argparse.Namespace) -> int:
    from pruneviz.doctor import examine

    found = examine()
    _print(found)
    return 0 if found["ok"] else 2


def _chosen(chosen: argparse.Namespace, amount: float | None = None) -> tuple[Subject, Recipe]:
    """What the command line chose: the subject, and the Recipe; the very subject that a recipe.json was made with."""
    subject, asked = _subject(chosen), getattr(chosen, "amount", None)
    if chosen.recipe and (difference := chosen.recipe.difference(subject.sha256, subject.data_sha256)):
        raise ValueError(difference)
    if amount is None:
        amount = asked if asked is not None else _usual_amount(chosen.granularity)
    chosen.spare = [_whole_name(subject, one) for one in chosen.spare]
    return subject, _recipe(chosen, subject.calibration, amount)


def _whole_name(subject: Subject, name: str) -> str:
    """A layer by its name; also by its label, as the app shows it."""
    named = {layer.label: layer.name for layer in subject.layers}
    return name if name in named.values() else named.get(name, name)


def _recipe(chosen: argparse.Namespace, calibration: str, amount: float) -> Recipe:
    return replace(
        chosen.recipe.recipe if chosen.recipe else Recipe(),
        subject=str(chosen.subject),
        criterion=chosen.criterion,
        granularity=chosen.granularity,
        scope=chosen.scope,
        amount=amount,
        spared=tuple(chosen.spare),
        overrides=tuple(sorted(chosen.own)),
        calibration=chosen.calibration or calibration,
        nonfinite=chosen.nonfinite,
        seed=chosen.seed,
        pool=chosen.pool,
        floor=chosen.floor,
        gone=tuple(sorted(set(chosen.gone))),
        back=tuple(sorted(set(chosen.back))),
        device=_device(chosen),
    )


def _device(chosen: argparse.Namespace) -> str:
    """Where to measure, if that is here. What times a network always asks the processor."""
    from pruneviz.engine import device

    name = getattr(chosen, "device", device.CPU)
    device.check(name)
    return name


def _own(text: str) -> tuple[str, float]:
    layer, equals, amount = text.rpartition("=")
    if not equals or not layer:
        raise argparse.ArgumentTypeError(f"{text!r} is not LAYER=AMOUNT; write for example --own conv2.weight=0.3")
    return layer, _fraction(amount)


def _fraction(text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0.0 <= amount <= 1.0:
        raise argparse.ArgumentTypeError(f"amount {text!r} is not a fraction; give a number from 0 to 1, such as 0.8")
    return amount


def _fractions(text: str) -> list[float]:
    amounts = [_fraction(part) for part in text.split(",") if part.strip()]
    if not amounts:
        raise argparse.ArgumentTypeError(f"{text!r} holds no amount; give some from 0 to 1, such as 0,.5,.9")
    return amounts


def _seed(text: str) -> int:
    if not text.isdigit() or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(f"seed {text!r} is not a whole number from 0 to 2^63 − 1, such as 0")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) >= 2**31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def _print(answer: dict) -> int:
    print(json.dumps(answer, indent=1, allow_nan=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
