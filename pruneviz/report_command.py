"""Report command: `python -m pruneviz report` writes the whole story of one setting as a file that opens offline."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pruneviz.recipe import LIMITS, Recipe

if TYPE_CHECKING:
    from pruneviz.engine.subject import Subject

TEXTS = {"title": "title", "author": "author", "contact": "contact", "not_tested": "untested"}
"""Arguments of the command, and the fields of the Recipe that they fill."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes beside a Recipe."""
    limits = f"a limit set beforehand: {', '.join(LIMITS)}, such as points=1 for at most one point lost"
    parser.add_argument("--limit", action="append", type=limit, default=[], metavar="NAME=NUMBER", help=limits)
    parser.add_argument("--title", default="", help="what the report is called")
    parser.add_argument("--author", default="", help="who presents it")
    parser.add_argument("--contact", default="", help="whom to ask")
    parser.add_argument("--not-tested", default="", help="what was not tested")
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each comparison of times")
    parser.add_argument("--no-time", action="store_true", help="weigh and time nothing")
    parser.add_argument("--out", required=True, type=page, metavar="FILE.html", help="the report, one file of under 6 MB")
    parser.add_argument("--pdf", default="", metavar="FILE.pdf", help="the same printed, where a Chromium is installed")
    parser.add_argument(
        "--pictures", default="", metavar="DIR", help="its charts as SVG and PNG, where kaleido is installed"
    )


def write(subject: Subject, recipe: Recipe, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measures, writes the files, and answers with their paths, sizes and sha256, and with every number."""
    from pruneviz.engine import reality
    from pruneviz.handout import document, numbers, pictures, printing
    from pruneviz.handout.gather import gather

    how = None if chosen.no_time else reality.How(seconds=chosen.seconds)
    case = gather(subject, presented(recipe, chosen), how, told)
    made = document.html(case).encode("utf-8")
    files = [_file(Path(chosen.out), made)]
    if chosen.pdf:
        files.append(_file(Path(chosen.pdf), printing.pdf(made)))
    if chosen.pictures:
        folder = Path(chosen.pictures)
        folder.mkdir(parents=True, exist_ok=True)
        files += [_file(folder / name, data) for name, data in pictures.all_of(case).items()]
    first, *others = files
    return {**first, "others": others, **numbers.table(case)}


def presented(recipe: Recipe, chosen: argparse.Namespace) -> Recipe:
    """The Recipe with what the command line says about how it is presented; what it leaves out stays as it was."""
    texts = {field: " ".join(getattr(chosen, name).split()) for name, field in TEXTS.items() if getattr(chosen, name)}
    limits = dict(recipe.limits) | dict(chosen.limit)
    return replace(recipe, **texts, limits=tuple((name, limits[name]) for name in LIMITS if name in limits))


def told(words: str) -> None:
    """What comes next, for whoever waits at a terminal."""
    if sys.stderr.isatty():
        print(words, file=sys.stderr)


def limit(text: str) -> tuple[str, float]:
    """«points=1» as a limit of a Recipe."""
    name, _, number = text.partition("=")
    try:
        return Recipe(limits=((name, float(number)),)).limits[0]
    except ValueError:
        said = f"{text!r} is no limit; there are {', '.join(LIMITS)}, each with a number from 0, such as points=1"
        raise argparse.ArgumentTypeError(said) from None


def page(text: str) -> str:
    """The name of an HTML file."""
    if Path(text).suffix.lower() not in (".html", ".htm"):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a web page; give one that ends in .html")
    return text


def _file(path: Path, data: bytes) -> dict[str, Any]:
    """Writes a file whole or not at all."""
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_bytes(data)
    os.replace(unfinished, path)
    return {"path": str(path), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
