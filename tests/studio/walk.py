"""A walk through the app: random actions, and a model in plain Python of what each does to one's Recipe and its history.

The model shares no code with the bench: a list of what was, a list of what was undone, and the rules of the pages. Whoever
drives the app does the same actions with widgets, and compares (`test_walk` here with AppTest, in `tests.browser` Chromium).
"""

from __future__ import annotations

import os
import random
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl

from pruneviz.course import Course
from pruneviz.query import from_pin, from_query, to_pin, to_query
from pruneviz.recipe import LIMITS, LOOKS, PINS, Recipe
from tests.studio import walk_labs
from tests.studio.walk_labs import LABS

START = Recipe(subject="digits_mlp", amount=0.6)
PAGES = ("slider", "weights", "anatomy", "damage", "sensitivity", "criteria", *LABS, "compare", "reality", "present")
PAGES += ("lessons", "scale")


def _opens(lesson: str) -> tuple[str, Recipe]:
    """The page on which a lesson opens, and with what, as its file's head says."""
    (file,) = (Path(__file__).resolve().parents[2] / "pruneviz" / "lessons").glob(f"*-{lesson}.md")
    head = tomllib.loads(file.read_text("utf-8").split("+++")[1])
    start, _ = from_query(dict(parse_qsl(head["start"])))
    return head["page"], replace(start, lesson=lesson)


LESSONS = {name: _opens(name) for name in ("magnitude", "l1-and-l2")}
"""Lessons about the model of this walk."""
POINTED = ("marked", "example", "group", "slide")
"""What is pointed at is no step, and stays where steps are undone: docs/decisions/0014."""
OFFERED = {
    "criterion": ("magnitude", "gradient", "obd", "random"),
    "scope": ("global", "layer", "lamp"),
    "granularity": ("weight", "2:4", "neuron"),
    "layer": ("fc1.weight", "fc2.weight", "fc3.weight"),
    "shape": ("signed", "absolute"),
    "axis": ("linear", "log"),
    "title": ("Half of it", "Less"),
    "limit": (("points", 1.0), ("points", 2.5), ("worst", 5.0)),
    "own": (None, 0.0, 0.5, 0.9),
    "tolerance": (0.01, 0.02, 0.05),
    "budget": ("parameters", "macs"),
    "against": ("magnitude", "gradient", "obd", "random"),
    "pick": (3, 17, 40),
    "batch": (8, 16),
    "threads": (0, 1),
    "lesson": tuple(LESSONS),
}
ON = {
    "slider": ("criterion", "scope", "granularity", "amount"),
    "weights": ("layer", "shape", "axis"),
    "anatomy": (),
    "damage": ("group", "example"),
    "sensitivity": ("scope", "layer", "own", "tolerance", "budget"),
    "criteria": ("criterion", "against", "granularity", "layer", "pick", "amount"),
    "compare": ("mark", "return", "unpin", "baseline"),
    "reality": ("share", "batch", "threads"),
    "present": ("title", "limit"),
    "lessons": ("lesson",),
    "scale": (),
    **dict.fromkeys(LABS, ("control", "control", "mine", "untrained")),
}
"""What can be done on a page, beside what can be done everywhere."""
ANYWHERE = ("control", "mine", "untrained", "mark", "return", "unpin", "baseline", "title", "limit", "lesson")
"""What is done here with another model than this walk's, to which only a lab or a pin leads."""
LAYERS = {"weights": "fc2.weight", "sensitivity": "fc1.weight", "criteria": "fc3.weight"}
"""The layer that a page shows where none was chosen: the largest, the first, the last."""
SHARES = {"weight": (0.5, 0.7, 0.8, 0.9, 0.95), "neuron": (0.1, 0.25, 0.5, 0.75)}
"""The amounts that the page Reality check offers in a row."""
Seen = Callable[[str], tuple[int, ...]]
"""Which values of a field the page offers; only whoever sees it knows which classes and examples changed sides."""
HISTORY = 100
LONG = int(os.environ.get("PRUNEVIZ_WALK", 0))
"""So many actions are walked where somebody asks for it; in CI fewer have to do."""


@dataclass(frozen=True)
class Action:
    """One thing that a visitor does: its name, and of what or to what."""

    name: str
    value: object = None


@dataclass
class Model:
    """Where a visitor should be: the page, the Recipe, those before it and those that were undone."""

    recipe: Recipe = START
    page: str = "slider"
    past: list[Recipe] = field(default_factory=list)
    future: list[Recipe] = field(default_factory=list)
    been: set[str] = field(default_factory=lambda: {"slider"})
    done: set[str] = field(default_factory=set)

    def do(self, action: Action) -> None:
        """What an action should come to."""
        getattr(self, f"_{action.name}", self._field)(*((action.value,) if action.name in BY_NAME else (action,)))
        self.been.add(self.page)
        self.done.add(action.name)

    def address(self) -> dict[str, str]:
        return to_query(self.recipe)

    def link(self) -> str:
        return "&".join(f"{key}={value}" for key, value in self.address().items())

    @property
    def pinned(self) -> bool:
        return _pin_of(self.recipe) in self.recipe.pins

    def _step(self, recipe: Recipe) -> None:
        if _unpointed(recipe) == _unpointed(self.recipe):
            self.recipe = recipe
        else:
            self.past, self.future = [*self.past, self.recipe][-HISTORY:], []
            self.recipe = recipe

    def _field(self, action: Action) -> None:
        recipe = replace(self.recipe, **{action.name: action.value})
        if action.name == "granularity":
            recipe = replace(recipe, spared=(), overrides=(), layer="", pick=-1, guess=-1)
            if ":" in action.value:  # two of every four stay, of weights that are compared by no scope of one's choice
                recipe = replace(recipe, amount=0.5)
        if action.name == "layer":
            recipe = replace(recipe, pick=-1)
        self._step(_fitting(recipe))

    def _own(self, share: float | None) -> None:
        layer = self.recipe.layer or LAYERS[self.page]
        own = {name: amount for name, amount in self.recipe.overrides if name != layer}
        own |= {} if share is None else {layer: share}
        spared = tuple(name for name in self.recipe.spared if name != layer)
        self._step(replace(self.recipe, overrides=tuple(sorted(own.items())), spared=spared))

    def _share(self, share: float) -> None:
        self._step(replace(self.recipe, amount=share))

    def _go(self, page: str) -> None:
        self.page = page

    def _pin(self, _: object) -> None:
        if not self.pinned and len(self.recipe.pins) < PINS:
            self._step(replace(self.recipe, pins=(*self.recipe.pins, _pin_of(self.recipe))))

    def _unpin(self, at: int) -> None:
        pins = list(self.recipe.pins)
        del pins[at]
        self._step(replace(self.recipe, pins=tuple(pins), marked=()))

    def _baseline(self, at: int) -> None:
        pins = list(self.recipe.pins)
        pins.insert(0, pins.pop(at))
        self._step(replace(self.recipe, pins=tuple(pins), marked=()))

    def _return(self, at: int) -> None:
        found, now = from_pin(self.recipe.pins[at]), self.recipe
        found = replace(found, course=now.course if found.subject == now.subject else found.course)
        lost = () if (found.subject, found.granularity) == (now.subject, now.granularity) else ("layer", "pick", "guess")
        lost += () if found.subject == now.subject else ("example", "group")
        self._step(replace(found, **{name: getattr(now, name) for name in LOOKS if name not in lost}))

    def _mark(self, letter: str) -> None:
        marked = [one for one in self.recipe.marked if one in (*"ABCDEFGH"[: len(self.recipe.pins)], "live")]
        marked = [one for one in marked if one != letter] if letter in marked else [*marked, letter]
        self.recipe = replace(self.recipe, marked=tuple(marked))  # a look, and no step

    def _group(self, index: int) -> None:
        self.recipe = replace(self.recipe, group=index)

    def _example(self, index: int) -> None:
        self.recipe = replace(self.recipe, example=-1 if index == self.recipe.example else index)

    def _limit(self, limit: tuple[str, float]) -> None:
        limits = {**dict(self.recipe.limits), limit[0]: limit[1]}
        self._step(replace(self.recipe, limits=tuple((name, limits[name]) for name in LIMITS if name in limits)))

    def _lesson(self, name: str) -> None:
        self.page, start = LESSONS[name]
        self._step(start)

    def _control(self, choice: tuple[str, object]) -> None:
        self._step(walk_labs.put(self.recipe, self.page, *choice))

    def _mine(self, _: object) -> None:
        self._step(walk_labs.mine(self.recipe, self.page))

    def _untrained(self, _: object) -> None:
        self._step(walk_labs.untrained(self.recipe, self.page))
        self.page = "slider"

    def _leave(self, _: object) -> None:
        self._step(replace(self.recipe, lesson=""))

    def _undo(self, _: object) -> None:
        self.future.append(self.recipe)
        self._arrive(self.past.pop())

    def _redo(self, _: object) -> None:
        self.past.append(self.recipe)
        self._arrive(self.future.pop())

    def _arrive(self, recipe: Recipe) -> None:
        kept = [name for name in POINTED if name != "marked" or recipe.pins == self.recipe.pins]
        kept = [name for name in kept if name not in ("example", "group") or recipe.subject == self.recipe.subject]
        self.recipe = replace(recipe, **{name: getattr(self.recipe, name) for name in kept})

    def _reload(self, _: object) -> None:
        self.past, self.future = [], []

    def _open(self, _: object) -> None:
        """The link in a fresh browser changes nothing here."""


BY_NAME = ("go", "pin", "unpin", "baseline", "return", "mark", "undo", "redo", "reload", "open", "group", "example", "limit")
BY_NAME += ("lesson", "leave", "own", "share", "control", "mine", "untrained")


def _pin_of(recipe: Recipe) -> str:
    """A setting as it is pinned: without what a lab would train."""
    return to_pin(replace(recipe, course=Course()))


def _unpointed(recipe: Recipe) -> Recipe:
    return replace(recipe, **{name: getattr(START, name) for name in POINTED})


def _fitting(recipe: Recipe) -> Recipe:
    """Which of what was chosen a granularity knows, for the choices of this walk."""
    if recipe.granularity == "neuron" and recipe.scope in ("lamp", "row"):
        recipe = replace(recipe, scope="global")
    return recipe


def actions(
    seed: int, count: int, *, scrub: bool, leave: bool, seen: Seen = lambda _: ()
) -> Iterator[tuple[Action, Model]]:  # fmt: skip
    """Random actions, each with the model as it should be afterwards. `scrub` where the slider can be driven, `leave` where
    pages can be reloaded and links opened elsewhere, `seen` where somebody reads what a page offers."""
    chance, model = random.Random(seed), Model()
    for step in range(count):
        # What is chosen has a chance of its own: how many there were to choose from does not decide what is done later.
        action = _next((chance, random.Random(1000 * seed + step)), model, (scrub, leave), seen)
        model.do(action)
        yield action, model


def _next(chances: tuple[random.Random, random.Random], model: Model, can: tuple[bool, bool], seen: Seen) -> Action:
    """What somebody might do now: what is on this page, or everywhere."""
    (chance, choice), (scrub, leave) = chances, can
    everywhere = ["go"] * 4 + ["undo"] * 3 * bool(model.past) + ["redo"] * 3 * bool(model.future)
    everywhere += ["pin"] * 2 * (not model.pinned and len(model.recipe.pins) < PINS)
    everywhere += ["leave"] * 2 * bool(model.recipe.lesson)
    if leave:
        everywhere += ["reload", "open"] * (chance.random() < 0.15)
    here = [one for one in ON[model.page] for _ in range(2) if _possible(one, model, scrub)]
    here = [one for one in here if one not in ("group", "example") or _offered(one, model, seen)]
    fresh = [one for one in everywhere + here if one not in model.done]  # few actions are to be of all kinds
    name = chance.choice(everywhere + here + fresh)
    if name in ("group", "example"):
        return Action(name, choice.choice(_offered(name, model, seen)))
    return Action(name, _value(choice, name, model))


def _offered(name: str, model: Model, seen: Seen) -> list[int]:
    return [one for one in seen(name) if name == "example" or one != model.recipe.group]


def _possible(name: str, model: Model, scrub: bool) -> bool:
    pattern, pins = ":" in model.recipe.granularity, len(model.recipe.pins)
    if model.recipe.subject != START.subject and name not in ANYWHERE:
        return False
    if name == "mine":
        return walk_labs.foreign(model.recipe, model.page)
    if name == "untrained":  # what the last round of the tickets leaves, only who reads its runs can tell
        return model.page != "lottery"
    if name == "amount":
        return scrub and not pattern
    if name in ("scope", "share"):
        return not pattern
    if name in ("layer", "pick", "own"):  # where units go there are other names, or no single weights
        return model.page == "weights" or model.recipe.granularity == "weight"
    return {"mark": pins > 0, "return": pins > 0, "unpin": pins > 0, "baseline": pins > 1}.get(name, True)


def _value(chance: random.Random, name: str, model: Model) -> object:
    pins = len(model.recipe.pins)
    if name == "go":  # where one was not yet: few actions are to see all pages
        far = "sensitivity" if model.recipe.subject == walk_labs.LANGUAGE else ""  # minutes, layer by layer
        others = [page for page in PAGES if page not in (model.page, far)]
        return chance.choice([page for page in others if page not in model.been] or others)
    if name == "amount":
        return chance.randrange(20, 96) / 100
    if name in ("unpin", "return"):
        return chance.randrange(pins)
    if name == "baseline":
        return chance.randrange(1, pins)
    if name == "mark":
        return chance.choice([*"ABCDEFGH"[:pins], *(() if model.pinned else ("live",))])
    if name == "control":
        offered = walk_labs.offered(model.recipe, model.page)
        control = chance.choice([*offered])
        return control, chance.choice(offered[control])
    if name not in (*OFFERED, "share"):
        return None
    layer = model.recipe.layer or LAYERS.get(model.page, "")
    own = {**dict(model.recipe.overrides), **dict.fromkeys(model.recipe.spared, 0.0)}
    shown = {"layer": layer, "own": own.get(layer), "share": model.recipe.amount}
    offered = SHARES[model.recipe.granularity] if name == "share" else OFFERED[name]
    offered = [one for one in offered if one != "lamp" or model.recipe.granularity == "weight"]
    return chance.choice([one for one in offered if one != shown.get(name, getattr(model.recipe, name, None))])
