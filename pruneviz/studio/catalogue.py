"""What is on offer, as words for menus and tooltips. The shelf of criteria is read as text, so menus need no torch."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pruneviz import findings, shipped
from pruneviz.recipe import Recipe
from pruneviz.studio import house_rules

PATTERNS = ("1:2", "2:4", "4:8", "1:4")
"""The N:M patterns that a menu offers; a link may name any other."""
NOT_OF_LANGUAGE = frozenset({"hessian_diagonal", "conductance"})
"""What the engine gathers of no language model: its curvature, and a way from a mean text to a text."""

_CRITERIA = Path(__file__).resolve().parent.parent / "engine" / "criteria"


@dataclass(frozen=True, slots=True)
class Words:
    """What a visitor reads of a criterion or a scope: name, explanation, formula, and where that comes from.

    `units` are the granularities that a criterion is for; empty where it scores weights, which units then pool.
    `of_language` says whether it can judge a language model. `published` is the scope under which its paper compares.
    """

    name: str
    text: str
    formula: str
    cite: str
    where: str
    url: str
    needs_data: bool
    in_loss: bool = False
    units: tuple[str, ...] = ()
    of_language: bool = True
    published: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is pruned at once, in words: as a menu says it, one of them, and many of them."""

    name: str
    one: str
    many: str
    text: str

    @property
    def measure(self) -> str:
        """What the share of them that goes is called."""
        return "sparsity" if self.one == "weight" else "pruning ratio"


KINDS = {
    "weight": Kind("weights", "weight", "weights", "Single numbers become zero; the matrices stay as large as they were."),
    "filter": Kind(
        "filters",
        "filter",
        findings.NOUNS["filter"],
        "A whole filter goes, with its row of the BatchNorm and the next layer's inputs: the network becomes smaller.",
    ),
    "neuron": Kind(
        "neurons",
        "neuron",
        findings.NOUNS["neuron"],
        "A hidden unit goes: its row in one matrix and its column in the next. The network becomes smaller.",
    ),
    "head": Kind(
        "heads",
        "attention head",
        findings.NOUNS["head"],
        "An attention head goes, with its queries, keys, values and outputs; heads that share keys go together.",
    ),
    "layer": Kind(
        "layers",
        "layer",
        findings.NOUNS["layer"],
        "A whole block goes; what came in flows on past it. Depth, unlike width, shortens the longest chain of steps.",
    ),
}
UNITS = tuple(kind for kind in KINDS if kind != "weight")


def kind(granularity: str, groups: Iterable = ()) -> Kind:
    """The words of a granularity; N:M patterns prune weights. Where one unit of a model's `groups` holds several heads, it
    is called a group of heads."""
    if ":" in granularity:
        n, _, m = granularity.partition(":")
        text = f"Of every {m} neighbouring inputs {n} keep their weight; the matrices stay as large as they were."
        return replace(KINDS["weight"], name=granularity, text=text)
    found = KINDS.get(granularity, KINDS["weight"])
    many = findings.many_of(granularity, groups)
    return found if many == found.many else replace(found, one="group of heads", many=many)


def granularities(chosen: str) -> list[str]:
    """The granularities as a menu shows them: weights, units, and one N:M pattern, the chosen one or the usual one."""
    return [*KINDS, chosen if ":" in chosen else "2:4"]


def granularity_name(key: str) -> str:
    """A granularity in the menu: every pattern goes by one name."""
    return "N:M" if ":" in key else KINDS[key].name


def patterns(chosen: str) -> list[str]:
    """The N:M patterns on offer, with the chosen one."""
    return list(dict.fromkeys([*PATTERNS, chosen]))


def subjects() -> dict[str, str]:
    """The models on offer: name or path → title."""
    offered = dict(_samples(tuple(path.stat().st_mtime_ns for path in sorted(shipped.SAMPLES.glob("*/curves.json")))))
    offered |= {str(path): _title(path) for path in house_rules.cards()}
    return offered | {name: name for name in house_rules.functions()}


@cache
def _samples(_: tuple[int, ...]) -> dict[str, str]:
    """The samples' titles. Their curves are read once, and again only where a file has changed: a menu is drawn often."""
    return shipped.titles()


@cache
def criteria() -> dict[str, Words]:
    """The criteria on offer, in the order of their names: key → words. Found by looking at the files, which are not run."""
    files = sorted(path for path in _CRITERIA.glob("*.py") if path.stem != "__init__")
    return {path.stem: _words(path) for path in files}


def scopes(granularity: str = "weight") -> dict[str, Words]:
    """The ways in which weights or units are compared: key → words. Their shelf is read as it is: it needs no torch."""
    from pruneviz.engine import scope

    return {
        key: Words(one.name, one.text, one.formula, one.paper.cite, one.paper.where, one.paper.url, one.needs_data)
        for key, one in scope.shelf(units=granularity in UNITS).items()
    }


def order(granularity: str = "weight", language: bool = False) -> list[str]:
    """The criteria as a menu shows them: magnitude first, the random baseline last. Of a `language` model those are left
    out that the engine refuses for it."""
    first, last = ["magnitude"], ["random"]
    fits = [key for key, one in criteria().items() if not one.units or granularity in one.units]
    fits = [key for key in fits if criteria()[key].of_language or not language]
    return [*first, *(key for key in fits if key not in first + last), *last]


def fitting(recipe: Recipe) -> Recipe:
    """The Recipe with every choice that its granularity does not know replaced by one that it does."""
    offered, share = order(recipe.granularity), pattern_share(recipe.granularity)
    return replace(
        recipe,
        criterion=recipe.criterion if recipe.criterion in offered else "magnitude",
        against=recipe.against if recipe.against in offered else "gradient",
        scope=recipe.scope if recipe.scope in scopes(recipe.granularity) else "global",
        amount=recipe.amount if share is None else share,
        unlinked=tuple(pair for pair in recipe.unlinked if pair[0] in offered),
    )


def pattern_share(granularity: str) -> float | None:
    """The share of the weights that an N:M pattern removes; None of anything else."""
    n, _, m = granularity.partition(":")
    return 1 - int(n) / int(m) if n.isdecimal() and m.isdecimal() and int(m) else None


def usual(recipe: Recipe) -> Recipe:
    """What a link means that names an N:M pattern and no amount: the pattern's own."""
    share = pattern_share(recipe.granularity)
    return recipe if share is None or not 0 <= share <= 1 else replace(recipe, amount=share)


def _words(path: Path) -> Words:
    tree = ast.parse(path.read_text("utf-8"))
    named = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    paper = [ast.literal_eval(part) for part in named["paper"].args]
    paper += [ast.literal_eval(part.value) for part in named["paper"].keywords]
    needs = ast.literal_eval(named["needs"])
    return Words(
        name=ast.literal_eval(named["name"]) if "name" in named else path.stem,
        text=ast.get_docstring(tree) or "",
        formula=ast.literal_eval(named["formula"]),
        cite=paper[0],
        where=paper[1] if len(paper) > 1 else "",
        url=paper[2] if len(paper) > 2 else "",
        in_loss=ast.literal_eval(named["in_loss"]) if "in_loss" in named else False,
        needs_data=any(need not in ("weight", "bn_scale") for need in needs),
        of_language=not NOT_OF_LANGUAGE.intersection(needs),
        units=tuple(ast.literal_eval(named["units"])) if "units" in named else (),
        published=ast.literal_eval(named["published"]) if "published" in named else "",
    )


def _title(path: Path) -> str:
    try:
        return str(tomllib.loads(path.read_text("utf-8"))["name"])[:80]
    except (OSError, ValueError, KeyError):
        return path.parent.name
