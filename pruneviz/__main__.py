"""The same engine without a screen: evaluate, curve, doctor. JSON on standard output, an error as one sentence, exit 2."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence

from pruneviz.recipe import Recipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, or 2 for bad input."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        return chosen.run(chosen)
    except (ValueError, OSError, RuntimeError, MemoryError) as problem:
        print(f"pruneviz: {' '.join(str(problem).split())}", file=sys.stderr)
        return 2


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence; the usage is a `--help` away."""

    def error(self, message: str):
        self.exit(2, f"pruneviz: {message}; see python -m pruneviz --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m pruneviz", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    evaluate = commands.add_parser("evaluate", help="measure one setting")
    _recipe_arguments(evaluate)
    evaluate.add_argument("--amount", type=_fraction, default=0.5, help="fraction of the weights to remove, 0 to 1")
    evaluate.set_defaults(run=_evaluate)
    curve = commands.add_parser("curve", help="measure accuracy at several amounts")
    _recipe_arguments(curve)
    curve.add_argument("--amounts", type=_fractions, required=True, help="fractions to remove, such as 0,.5,.9")
    curve.set_defaults(run=_curve)
    doctor = commands.add_parser("doctor", help="versions, devices, what is missing and what to do")
    doctor.add_argument("--json", action="store_true", help="print JSON (the default; kept for scripts)")
    doctor.set_defaults(run=_doctor)
    return parser


def _recipe_arguments(parser: argparse.ArgumentParser) -> None:
    default = Recipe()
    parser.add_argument("--subject", default=default.subject, help="a sample's name, or the path of a subject.toml")
    parser.add_argument("--criterion", default=default.criterion)
    parser.add_argument("--granularity", default=default.granularity)
    parser.add_argument("--scope", default=default.scope)
    parser.add_argument("--calibration", help="training (the default), or held-out: a quarter of it is set aside")
    parser.add_argument("--nonfinite", choices=("refuse", "remove"), default=default.nonfinite)
    parser.add_argument("--seed", type=_seed, default=default.seed)
    parser.add_argument("--spare", action="append", default=[], metavar="LAYER", help="keep this layer whole")
    parser.add_argument("--own", action="append", type=_own, default=[], metavar="LAYER=AMOUNT", help="a layer's own amount")
    parser.add_argument("--json", action="store_true", help="print JSON (the default; kept for scripts)")


def _evaluate(chosen: argparse.Namespace) -> int:
    from pruneviz.engine import evaluate
    from pruneviz.engine.measure import Workspace
    from pruneviz.engine.sources import card

    subject = card.load(chosen.subject)
    recipe = _recipe(chosen, subject.calibration, chosen.amount)
    standing = evaluate.stand(subject, recipe)
    report = evaluate.evaluate(subject, recipe, standing, Workspace(subject, standing.split.measured))
    score, bad = report.score, dict(subject.nonfinite)
    answer = {
        **_head(recipe, score, report.calibration, report.calibration_n, standing.curvature),
        "value": score.value,
        "correct": score.correct,
        "n": score.n,
        "interval": list(score.interval),
        "loss": score.loss if math.isfinite(score.loss) else None,
        "dense_value": score.dense_value,
        "dense_correct": score.dense_correct,
        "newly_wrong": score.newly_wrong,
        "newly_right": score.newly_right,
        "amount": report.amount,
        "sparsity": report.sparsity,
        "weights": report.weights,
        "removed": report.removed,
        "zeros": report.zeros,
        "threshold": report.threshold,
        "energy_removed": report.energy_removed,
        "layers": [
            {"name": layer.name, "weights": layer.weights, "kept": layer.kept, "zeros": layer.zeros,
             "nonfinite": bad.get(layer.name, 0), "energy_removed": layer.energy_removed}
            for layer in report.layers
        ],
        "mask_sha256": report.mask_sha256,
        "subject_sha256": report.subject_sha256,
        "notes": list(report.notes),
    }  # fmt: skip
    return _print(answer)


def _curve(chosen: argparse.Namespace) -> int:
    from pruneviz.engine import evaluate
    from pruneviz.engine.measure import Workspace
    from pruneviz.engine.sources import card

    subject = card.load(chosen.subject)
    recipe = _recipe(chosen, subject.calibration, 0.0)
    standing = evaluate.stand(subject, recipe)
    workspace = Workspace(subject, standing.split.measured)
    curve = evaluate.curve(subject, recipe, standing, workspace, chosen.amounts)
    points = [
        {
            "amount": point.amount,
            "sparsity": point.sparsity,
            "value": point.value,
            "correct": point.correct,
            "n": point.n,
            "interval": list(point.interval),
        }
        for point in curve.points
    ]
    head = _head(recipe, curve, curve.calibration, curve.calibration_n, standing.curvature)
    return _print(
        {
            **head,
            "n": len(standing.split.measured),
            "dense_value": curve.dense_value,
            "chance": curve.chance,
            "points": points,
        }
    )


def _doctor(_chosen: argparse.Namespace) -> int:
    from pruneviz.doctor import examine

    found = examine()
    _print(found)
    return 0 if found["ok"] else 2


def _recipe(chosen: argparse.Namespace, calibration: str, amount: float) -> Recipe:
    return Recipe(
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
    )


def _head(recipe: Recipe, measured, calibration: str, calibration_n: int, curvature: str) -> dict:
    """What `evaluate` and `curve` say first: what was chosen, and which data it looked at."""
    return {
        "subject": recipe.subject,
        "criterion": recipe.criterion,
        "granularity": recipe.granularity,
        "scope": recipe.scope,
        "seed": recipe.seed,
        "metric": measured.metric,
        "calibration": calibration,
        "calibration_n": calibration_n,
        "curvature": curvature,
    }


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


def _print(answer: dict) -> int:
    print(json.dumps(answer, indent=1, allow_nan=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
