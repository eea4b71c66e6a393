"""Shipping: performs the runs that come with the samples and writes them beside these: `python -m pruneviz.runs.shipping`.

A run whose file is there is not performed again; take the file away, and it is. With the name of a lab, only its runs.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

import torch

from pruneviz import shipped_runs
from pruneviz.engine.sources import card
from pruneviz.engine.subject import Subject
from pruneviz.engine.training import labs, second
from pruneviz.engine.training.memory import Memory
from pruneviz.moment import Moment
from pruneviz.recipe import Recipe
from pruneviz.runs.store import instants, naming
from pruneviz.shipped import SAMPLES
from pruneviz.traced import Traced

UNITS = {"subject": "digits_resnet", "granularity": "filter", "amount": 0.3, "steps": 300, "retrain": 40}
BY_SCALE, BY_NORM = {"criterion": "bn_scale"}, {"pool": "l2", "scope": "layer"}
NOTHING = {"penalty": "none", "strength": 0.0}
"""What the regularise lab ships of whole filters: on which network, cut by what, and what nobody pulls on."""
SPARSE = 3
"""Of so many drawn weights one is shipped."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is shipped of a lab: its default Recipe with these choices, each with every seed.

    `arrays` are those that the page draws (or how their names begin, before a «:»); the others are dropped. Those in `once`
    are kept of the last moment alone, those in `pictures` of the first seed alone, those in `sparse` too, and of them every
    third number. Where `values` are named, the others are dropped.
    """

    ways: tuple[Mapping[str, object], ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    arrays: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    sparse: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


PLANS = {
    "schedule": Plan(
        tuple({"schedule": one} for one in ("one-shot", "linear", "cubic", "rounds")), arrays=("cuts", "alive")
    ),
    "regularise": Plan(
        # Both pull about as hard on a weight of usual size, 0.06: 3e-4 · sign(w) and 5e-3 · w.
        (*({"penalty": one, "strength": much} for one, much in (("none", 0.0), ("l1", 3e-4), ("l2", 5e-3))),
         # Whole filters: cut by the scales that slimming pulls on, or by the norms that group lasso pulls on.
         *(UNITS | BY_SCALE | one for one in (NOTHING, {"penalty": "slimming", "strength": 1e-2})),
         *(UNITS | BY_NORM | one for one in (NOTHING, {"penalty": "group-lasso", "strength": 3e-4}))),
        arrays=("histogram",), once=("edges", "amounts", "before", "after"),
    ),
    "lottery": Plan(
        ({}, {"second": second.HALVES}), arrays=("mask", "mask_shape", "end", "before", "after"),
        once=("rounds", "start", "places"), pictures=("mask", "mask_shape"),
        sparse=("start", "places", "end", "before", "after"), values=("accuracy", "n", "round", "sparsity"),
    ),
    "initial": Plan(
        # Who chooses, with both controls; and what each leaves where next to nothing may stay. Magnitudes of a trained
        # network are compared within each layer: over all of them nearly the whole second layer would go.
        (*({"method": one} for one in ("snip", "grasp", "synflow", "random")),
         {"method": "trained", "scope": "layer"},
         *({"method": one, "control": "", "amount": 0.998} for one in ("snip", "grasp", "synflow"))),
        once=("kept",), values=("accuracy", "n", "sparsity", "collapsed"),
    ),
    "movement": Plan(
        (*({"method": one} for one in ("magnitude", "movement", "soft-movement")),
         *({"method": one, "amount": 0.85} for one in ("magnitude", "movement"))),
        arrays=("w_after", "kept"), once=("w_before", "mosaic"), sparse=("w_before", "w_after", "kept"),
    ),
    "size": Plan(
        # Three networks of one size, cut from large ones of three widths.
        tuple({"method": one, "width": wide} for wide in (1.0, 0.5, 2.0) for one in ("pruned", "small", "scratch")),
        arrays=("similarity",),
    ),
    "oneshot": Plan(
        tuple({**share, **way} for share in (*({"amount": much} for much in (0.7, 0.5, 0.3, 0.6, 0.8)),
                                             {"amount": 0.5, "granularity": "2:4"})
              for way in (*({"method": "keep", "criterion": one} for one in ("random", "magnitude", "wanda", "ria")),
                          *({"method": one} for one in ("sparsegpt", "least_squares", "swaps", "swaps_refit")))),
        values=("dense", "value", "n", "sparsity", "errors", "unmoved", "gain", "gain_low", "gain_high", "samples"),
    ),
}  # fmt: skip
"""Lab → what is shipped of it. A lab that is not here tells its story only where somebody ran it."""


def recipes(lab: str) -> Iterator[Recipe]:
    """All Recipes of a lab that are shipped."""
    plan, default = PLANS[lab], labs.find(lab).default
    for way, seed in product(plan.ways, plan.seeds):
        course = {name: value for name, value in way.items() if hasattr(default.course, name)}
        own = {name: value for name, value in way.items() if name not in course}
        yield replace(default, seed=seed, **own, course=replace(default.course, **course))


def performed(subject: Subject, recipe: Recipe) -> Traced:
    """A whole run, on the threads that its course names, with the arrays that are drawn."""
    plan, lab = PLANS[recipe.course.lab], labs.find(recipe.course.lab)
    threads, began = torch.get_num_threads(), time.process_time()
    torch.set_num_threads(recipe.course.threads)
    try:
        moments = list(lab.run(subject, recipe, Memory()))
    finally:
        torch.set_num_threads(threads)
    end, seconds = moments[-1], time.process_time() - began
    drawn = tuple(_drawn(plan, moments, recipe.seed == plan.seeds[0]))
    return Traced(recipe, f"{lab.title}: {subject.title}", "done", end.step, end.of, drawn, "", seconds)


def origin(subject: Subject, recipe: Recipe) -> shipped_runs.Origin:
    """What such a run is made of, here."""
    key = naming.key(recipe, subject.sha256, subject.data_sha256)
    return shipped_runs.Origin(key, subject.sha256, subject.data_sha256, json.loads(instants.versions()))


def _drawn(plan: Plan, moments: list[Moment], first: bool) -> Iterator[Moment]:
    last = {name: at for at, one in enumerate(moments) for name in one.arrays if name.partition(":")[0] in plan.once}
    left_out = () if first else (*plan.pictures, *plan.sparse)
    for at, one in enumerate(moments):
        kept = {
            name: array[::SPARSE] if name in plan.sparse else array
            for name, array in one.arrays.items()
            if (name.partition(":")[0] in plan.arrays or last.get(name) == at) and name not in left_out
        }
        values = {name: one.values[name] for name in plan.values or one.values if name in one.values}
        yield replace(one, arrays=kept, values=values)


def main(wanted: list[str]) -> None:
    """Performs what is not there yet, and says what was written."""
    for lab in wanted or PLANS:
        for recipe in recipes(lab):
            subject = card.load(recipe.subject)
            made, folder = origin(subject, recipe), SAMPLES / recipe.subject / shipped_runs.FOLDER
            if (folder / f"{lab}-{made.key[: shipped_runs.NAMED]}.safetensors").exists():
                continue
            run = performed(subject, recipe)
            path = shipped_runs.write(folder, run, made)
            said = f"{path.name}: seed {recipe.seed}, {run.seconds:.1f} s, {path.stat().st_size:,} bytes"
            print(f"{said}, {_ended(run)}", flush=True)


def _ended(run: Traced) -> str:
    """What a run came to."""
    name = "value" if run.last("accuracy") is None else "accuracy"
    return f"{name} {run.last(name):.4f}"


if __name__ == "__main__":
    main(sys.argv[1:])
