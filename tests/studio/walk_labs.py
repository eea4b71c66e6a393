"""The labs' part of a walk: what each lab's page offers, and what a choice there comes to. Nothing here trains anything.

To touch a control of a lab makes the Recipe that its page is about one's own: what one looks at stays, as far as it means
anything for that model.
"""

from __future__ import annotations

from dataclasses import replace

from pruneviz.course import Course
from pruneviz.engine.training import labs
from pruneviz.recipe import LOOKS, Recipe

LABS = ("regularise", "schedule", "movement", "lottery", "size", "oneshot")
LANGUAGE = "reference_lm"
"""The model that is too large to be trained on a page; one shot trains nothing."""
OPENS = {lab: labs.find(lab).default for lab in LABS}
"""What each opens with; the runs that ship with it are of that model."""
CHOICES = {
    "regularise": {"penalty": ("none", "l1", "l2"), "strength": (1e-4, 1e-3, 1e-2), "amount": (0.5, 0.8, 0.95)},
    "schedule": {
        "schedule": ("one-shot", "linear", "cubic", "rounds"), "amount": "%", "start-stop": "%%", "times": (5, 10, 40),
        "method": ("", "scratch"),
    },
    "movement": {
        "method": ("magnitude", "movement", "soft-movement"), "amount": (0.5, 0.7, 0.85), "strength": (50.0, 300.0),
        "steps": (100, 300),
    },
    "lottery": {
        "amount": (0.1, 0.3, 0.5), "rounds": (2, 5, 8), "rewind": (0, 20, 100), "scope": ("layer", "global"),
        "control": ("reinit", ""),
    },
    "size": {
        "width": "%", "amount": (0.25, 0.5, 0.9), "steps": (120, 360), "retrain": (60, 360),
        "method": ("pruned", "small", "scratch"),
    },
    "oneshot": {
        "granularity": ("weight", "2:4"), "amount": (0.5, 0.7, 0.8), "method": ("keep", "sparsegpt", "least_squares"),
        "criterion": ("magnitude", "wanda", "ria"), "scope": ("row", "layer"),
    },
}  # fmt: skip
"""Lab → its controls, each with what is chosen there: «%» is a slider with one thumb, «%%» one with two."""
SCALES = {"amount": (10, 99, 1), "width": (25, 300, 25), "start-stop": (0, 100, 1)}
"""A slider's ends and step, in percent."""
PULLS = {"none": 0.0, "l1": 3e-4, "l2": 5e-3}
"""How hard a penalty pulls that was just chosen."""
UNPULLED = (("none", ""), ("none", "magnitude"), ("none", "movement"))
"""Penalty and method of a run that nothing pulls on: it is not asked how hard."""
SHARED = ("amount", "scope")
"""What a pattern such as 2:4 leaves no choice of."""
UNTOLD = ("criterion", "scope")
"""What a method that chooses for itself is not told, or in other words."""
OF_RECIPE = ("amount", "scope", "criterion", "granularity")
"""What is chosen on a lab's page and is the Recipe's own, not its course's."""
OF_MODEL = ("example", "group", "layer", "pick", "guess")
"""What is looked at and means nothing for another model."""


def chosen(recipe: Recipe, lab: str) -> bool:
    """Whether this lab's run is the visitor's own choice."""
    return recipe.course.lab == lab


def foreign(recipe: Recipe, lab: str) -> bool:
    """Whether the page shows another model than the visitor's, which could be taken instead."""
    large = recipe.subject == LANGUAGE and lab != "oneshot"
    return not chosen(recipe, lab) and recipe.subject != OPENS[lab].subject and not large


def offered(recipe: Recipe, lab: str) -> dict[str, list[object]]:
    """What can be chosen now, by control: whatever it does not show already. A slider moves by one step."""
    now, found = _here(recipe, lab), {}
    for name, choices in CHOICES[lab].items():
        if name == "strength" and (now.course.penalty, now.course.method) in UNPULLED:
            continue
        if name in UNTOLD and lab == "oneshot" and now.course.method == "sparsegpt":
            continue
        if name in SHARED and ":" in now.granularity:
            continue
        shown = _shown(now, name)
        found[name] = _moved(name, shown) if isinstance(choices, str) else [one for one in choices if one != shown]
    return found


def put(recipe: Recipe, lab: str, name: str, value: object) -> Recipe:
    """The Recipe after such a choice."""
    here = _here(recipe, lab)
    if name == "penalty":
        own, course = {}, {"penalty": value, "strength": PULLS[value]}
    elif name == "start-stop":
        own, course = {}, dict(zip(("start", "stop"), (one / 100 for one in value), strict=True))
    elif name == "granularity":  # of every four weights two go
        own, course = {name: value} | ({"amount": 0.5, "scope": "row"} if ":" in value else {}), {}
    else:
        value = value / 100 if isinstance(CHOICES[lab][name], str) else value
        own, course = ({name: value}, {}) if name in OF_RECIPE else ({}, {name: value})
    return _kept(recipe, replace(here, **own, course=replace(here.course, **course)))


def mine(recipe: Recipe, lab: str) -> Recipe:
    """What the lab opens with, on the visitor's own model; where that has no filters, its neurons go."""
    granularity = "neuron" if lab == "size" and recipe.subject == "digits_mlp" else OPENS[lab].granularity
    return _kept(recipe, replace(OPENS[lab], subject=recipe.subject, spared=(), granularity=granularity))


def untrained(recipe: Recipe, lab: str) -> Recipe:
    """The same cut on the slider's page, where nothing is trained."""
    return _kept(recipe, replace(_here(recipe, lab), course=Course()))


def _here(recipe: Recipe, lab: str) -> Recipe:
    return recipe if chosen(recipe, lab) else OPENS[lab]


def _kept(before: Recipe, after: Recipe) -> Recipe:
    lost = OF_MODEL if before.subject != after.subject else ()
    return replace(after, **{name: getattr(before, name) for name in LOOKS if name not in lost})


def _shown(now: Recipe, name: str) -> object:
    if name == "start-stop":
        return tuple(round(100 * end) for end in (now.course.start, now.course.stop))
    value = getattr(now if name in OF_RECIPE else now.course, name)
    return round(100 * value) if name == "width" or (name == "amount" and now.course.lab == "schedule") else value


def _moved(name: str, shown: object) -> list[object]:
    """Where a slider's thumb is after one step, in percent; of two thumbs the first moves."""
    low, high, step = SCALES[name]
    if isinstance(shown, tuple):
        first, last = shown
        return [(one, last) for one in (first - step, first + step) if low <= one <= last]
    return [one for one in (shown - step, shown + step) if low <= one <= high]
