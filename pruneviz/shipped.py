"""Shipped: the curves that come with a sample, so that its first picture needs neither torch nor waiting.

`curves.json` holds, for the weights whose sha256 it names, what the engine measured when the sample was made. With any
other weights it is not used, nor where it was measured on a text that the running Python does not carry. Numbers only:
nothing in the file is run or trusted to be a path.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pruneviz import language_reference
from pruneviz.report import Curve, CurvePoint, Sweep, wilson

SAMPLES = Path(__file__).resolve().parent.parent / "sample_models"


@dataclass(frozen=True, slots=True)
class Shipped:
    """What was measured when a sample was made: curves and sweeps by (criterion, scope), tuned curves likewise; and what
    of it can go at once (`offers`). `text_sha256` names the held-out text where that is the language reference."""

    subject: str
    title: str
    words: str
    classes: tuple[str, ...]
    subject_sha256: str
    curves: Mapping[tuple[str, str], Curve]
    sweeps: Mapping[tuple[str, str], Sweep]
    tuned: Mapping[tuple[str, str], Curve]
    versions: Mapping[str, str] = field(default_factory=dict)
    offers: tuple[str, ...] = ()
    text_sha256: str = ""


def titles() -> dict[str, str]:
    """The samples that carry curves, by name, with their titles: enough for a menu before torch is there."""
    found = {path.parent.name: _kept(path.parent.name) for path in sorted(SAMPLES.glob("*/curves.json"))}
    return {name: kept["title"] for name, kept in found.items() if kept}


def read(name: str) -> Shipped | None:
    """The shipped curves of a sample, or None where there are none for exactly these weights and this held-out text."""
    found = made(name)
    here = found is None or not found.text_sha256 or found.text_sha256 == language_reference.sha256()
    return found if here else None


def made(name: str) -> Shipped | None:
    """What was measured of exactly these weights when the sample was made, whatever text the running Python carries."""
    kept = _kept(name)
    if kept is None:
        return None
    curves = {(one["criterion"], one["scope"]): _curve(name, one) for one in kept["curves"]}
    return Shipped(
        subject=name,
        title=kept["title"],
        words=kept["words"],
        classes=tuple(kept["classes"]),
        subject_sha256=kept["subject_sha256"],
        curves=curves,
        sweeps={(one["criterion"], one["scope"]): _sweep(one["sweep"]) for one in kept["curves"] if "sweep" in one},
        tuned={(one["criterion"], one["scope"]): _curve(name, one) for one in kept["tuned"]},
        versions=kept["versions"],
        offers=tuple(kept.get("offers", ())),
        text_sha256=kept.get("text_sha256", ""),
    )


def _kept(name: str) -> dict | None:
    """What a sample's curves.json holds, where it is of the weights that lie beside it."""
    folder = SAMPLES / name
    if (
        "/" in name
        or ":" in name
        or not (folder / "curves.json").is_file()
        or not (folder / "weights.safetensors").is_file()
    ):
        return None
    kept = json.loads((folder / "curves.json").read_text("utf-8"))
    if kept["subject_sha256"] != hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest():
        return None
    return kept


def write(path: Path, shipped: Shipped) -> None:
    """Writes `curves.json`, one line a curve, so that a change of one curve is one changed line."""
    lines = [
        json.dumps(
            {
                "title": shipped.title,
                "words": shipped.words,
                "classes": list(shipped.classes),
                "subject_sha256": shipped.subject_sha256,
                "versions": dict(shipped.versions),
                "offers": list(shipped.offers),
            }
            | ({"text_sha256": shipped.text_sha256} if shipped.text_sha256 else {}),
            ensure_ascii=False,
        )[:-1]
    ]
    curves = [{**_of_curve(curve), "sweep": _of_sweep(shipped.sweeps[key])} for key, curve in shipped.curves.items()]
    lines.append(',\n"curves": [\n' + ",\n".join(json.dumps(one) for one in curves) + "\n]")
    lines.append(',\n"tuned": [\n' + ",\n".join(json.dumps(_of_curve(one)) for one in shipped.tuned.values()) + "\n]}\n")
    path.write_text("".join(lines), "utf-8")


def _of_curve(curve: Curve) -> dict:
    first = curve.points[0]
    return {
        "criterion": curve.criterion,
        "scope": curve.scope,
        "seed": curve.seed,
        "calibration": curve.calibration,
        "calibration_n": curve.calibration_n,
        "metric": curve.metric,
        "dense_value": curve.dense_value,
        "chance": curve.chance,
        "one_shot": not curve.tuned,
        "seconds": round(curve.seconds, 3),
        "n": first.n,
        **({} if curve.noun == "images" else {"noun": curve.noun}),
        "half_n": first.half[1],
        "points": [_of_point(point) for point in curve.points],
    }


def _of_point(point: CurvePoint) -> list:
    """A row of counts, from which value and interval follow; of a perplexity, which no count decides, these themselves."""
    if point.correct is None:
        return [point.amount, point.sparsity, *(float(f"{one:.7g}") for one in (point.value, *point.interval))]
    return [point.amount, point.sparsity, point.correct, point.half[0], point.newly_wrong, point.newly_right]


def _curve(name: str, kept: dict) -> Curve:
    points = tuple(_point(row, kept["n"], kept["half_n"]) for row in kept["points"])
    return Curve(
        subject=name,
        criterion=kept["criterion"],
        scope=kept["scope"],
        seed=kept["seed"],
        calibration=kept["calibration"],
        calibration_n=kept["calibration_n"],
        points=points,
        dense_value=kept["dense_value"],
        chance=kept["chance"],
        tuned=not kept["one_shot"],
        metric=kept["metric"],
        noun=kept.get("noun", "images"),
        seconds=kept["seconds"],
    )


def _point(row: list, n: int, half: int) -> CurvePoint:
    if len(row) == 5:
        amount, sparsity, value, low, high = row
        return CurvePoint(amount, sparsity, value, None, n, (low, high), (0, 0))
    amount, sparsity, right, chosen, wrong, won = row
    return CurvePoint(amount, sparsity, right / n, right, n, wilson(right, n), (chosen, half), wrong, won)


def _of_sweep(sweep: Sweep) -> dict:
    return {
        "removed": sweep.removed.tolist(),
        "energy": [round(float(x), 7) for x in sweep.energy],
        "threshold": None if sweep.threshold is None else [float(np.float32(x)) for x in sweep.threshold],
        "layers": [list(layer) for layer in sweep.layers],
        "kept": sweep.kept.tolist(),
        "edges": [float(np.float32(x)) for x in sweep.edges],
        "total": sweep.total.tolist(),
        "gone": sweep.gone.tolist(),
    }


def _sweep(kept: dict) -> Sweep:
    return Sweep(
        removed=np.array(kept["removed"]),
        energy=np.array(kept["energy"]),
        threshold=None if kept["threshold"] is None else np.array(kept["threshold"]),
        layers=tuple((name, label, tuple(shape), size) for name, label, shape, size in kept["layers"]),
        kept=np.array(kept["kept"]),
        edges=np.array(kept["edges"]),
        total=np.array(kept["total"]),
        gone=np.array(kept["gone"]),
    )
