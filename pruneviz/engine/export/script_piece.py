"""Script piece: a stretch of the Python that «Copy as Python» writes, with the functions and files that it needs."""

from __future__ import annotations

import ast
import inspect
import pprint
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pruneviz import plain

WIDTH = 110
"""So many letters a line of data may have."""
KNOWN = {
    "base64": "import base64",
    "hashlib": "import hashlib",
    "json": "import json",
    "sys": "import sys",
    "zlib": "import zlib",
    "Callable": "from collections.abc import Callable",
    "Path": "from pathlib import Path",
    "np": "import numpy as np",
    "load_file": "from safetensors.torch import load_file",
    "timm": "import timm",
    "torch": "import torch",
    "Tensor": "from torch import Tensor",
    "nn": "from torch import nn",
    "torchvision": "import torchvision",
    "transformers": "import transformers",
}
"""Names that the scripts use, and the import of each."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of a script, the functions of `script_parts` that it calls (in order), imports of its own, files beside it."""

    text: str
    parts: tuple[Callable, ...] = ()
    imports: tuple[str, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()


def written(parts: Iterable[Callable]) -> str:
    """The source of these functions."""
    return "\n\n\n".join(inspect.getsource(one).strip() for one in dict.fromkeys(parts))


def pasted(source: str) -> Piece:
    """A whole module of this app that needs nothing but torch, without its docstring; its imports go to the top."""
    lines, taken, imports = source.splitlines(), set(), []
    for at, node in enumerate(ast.parse(source).body):
        docstring = not at and isinstance(node, ast.Expr)
        if docstring or isinstance(node, ast.Import | ast.ImportFrom):
            taken.update(range(node.lineno - 1, node.end_lineno))
            imports += [] if docstring else _statements(node)
    return Piece("\n".join(line for at, line in enumerate(lines) if at not in taken).strip(), imports=tuple(imports))


def literal(value: object) -> str:
    """Plain data as Python; refuses what Python would not read back."""
    text = pprint.pformat(value, width=WIDTH, sort_dicts=False, compact=True)
    try:
        same = ast.literal_eval(text) == value
    except (ValueError, SyntaxError):
        same = False
    if not same:
        raise ValueError("the architecture's arguments cannot be written as Python: export the smaller network instead")
    return text


def comment(words: str) -> str:
    """Words that may come from a file, as a comment of one line or more."""
    lines = textwrap.wrap(plain.one_line(words, 2000), WIDTH - 2)
    return "\n".join(f"# {line}" for line in lines)


def docstring(words: str) -> str:
    """Words that may come from a file, fit for a line of a docstring."""
    return plain.one_line(words, 300).replace("\\", "/").replace('"', "'")


def imports(body: str, own: Iterable[str]) -> str:
    """The imports that a script needs: of every name that it uses, and those of what was pasted; ordered as is usual."""
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    lines = {KNOWN[name] for name in used & set(KNOWN)} | set(own)
    gathered: dict[str, set[str]] = {}
    for line in lines:
        start, _, names = line.partition(" import ")
        gathered.setdefault(start if names else line, set()).update({names} if names else ())
    found = [
        f"{start} import {', '.join(sorted(names, key=_case))}" if names else start for start, names in gathered.items()
    ]
    ours = {line: line.split()[1].partition(".")[0] in sys.stdlib_module_names for line in found}
    blocks = [sorted((line for line in found if ours[line] is mine), key=_order) for mine in (True, False)]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _order(line: str) -> tuple[bool, str]:
    return line.startswith("from "), line.split()[1]


def _case(name: str) -> tuple[bool, str]:
    return name.islower(), name


def _statements(node: ast.Import | ast.ImportFrom) -> list[str]:
    """One import for each name; what is imported from the future stands at the top of every script."""
    if isinstance(node, ast.Import):
        return [ast.unparse(ast.Import([one])) for one in node.names]
    return [] if node.module == "__future__" else [f"from {node.module} import {ast.unparse(one)}" for one in node.names]
