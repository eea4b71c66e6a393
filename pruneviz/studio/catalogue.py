"""What is on offer, as words for menus and tooltips. The shelf of criteria is read as text, so menus need no torch."""

from __future__ import annotations

import ast
import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pruneviz import shipped

CARDS = "PRUNEVIZ_CARDS"
"""Names further cards (paths of subject.toml files, separated as in PATH) that the app offers beside its samples."""

_CRITERIA = Path(__file__).resolve().parent.parent / "engine" / "criteria"


@dataclass(frozen=True, slots=True)
class Words:
    """What a visitor reads of a criterion or a scope: name, explanation, formula, and where that comes from."""

    name: str
    text: str
    formula: str
    cite: str
    where: str
    url: str
    needs_data: bool
    in_loss: bool = False


def subjects() -> dict[str, str]:
    """The models on offer: name or path → title."""
    offered = dict(shipped.titles())
    for path in filter(None, os.environ.get(CARDS, "").split(os.pathsep)):
        offered[str(Path(path).resolve())] = _title(Path(path))
    return offered


@cache
def criteria() -> dict[str, Words]:
    """The criteria on offer, in the order of their names: key → words. Found by looking at the files, which are not run."""
    files = sorted(path for path in _CRITERIA.glob("*.py") if path.stem != "__init__")
    return {path.stem: _words(path) for path in files}


def scopes() -> dict[str, Words]:
    """The ways in which weights are compared: key → words. Their shelf is read as it is: it needs no torch."""
    from pruneviz.engine import scope

    return {
        key: Words(one.name, one.text, one.formula, one.paper.cite, one.paper.where, one.paper.url, False)
        for key, one in scope.shelf().items()
    }


def order() -> list[str]:
    """The criteria as a menu shows them: magnitude first, the random baseline last."""
    first, last = ["magnitude"], ["random"]
    return [*first, *(key for key in criteria() if key not in first + last), *last]


def _words(path: Path) -> Words:
    tree = ast.parse(path.read_text("utf-8"))
    named = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    paper = [ast.literal_eval(part) for part in named["paper"].args]
    paper += [ast.literal_eval(part.value) for part in named["paper"].keywords]
    return Words(
        name=ast.literal_eval(named["name"]) if "name" in named else path.stem,
        text=ast.get_docstring(tree) or "",
        formula=ast.literal_eval(named["formula"]),
        cite=paper[0],
        where=paper[1] if len(paper) > 1 else "",
        url=paper[2] if len(paper) > 2 else "",
        in_loss=ast.literal_eval(named["in_loss"]) if "in_loss" in named else False,
        needs_data=any(need != "weight" for need in ast.literal_eval(named["needs"])),
    )


def _title(path: Path) -> str:
    try:
        return str(tomllib.loads(path.read_text("utf-8"))["name"])[:80]
    except (OSError, ValueError, KeyError):
        return path.parent.name
