"""Script: «Copy as Python». One setting as plain PyTorch: load, prune, measure, and nothing of this app.

Run in a fresh process it gets the same samples right. The network's code stands in the script, or its library builds it;
weights and data are files beside it, found by their SHA-256, in no folder of this machine. What the app ships is found in
the app's folder, too.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pruneviz import plain
from pruneviz.engine import tasks
from pruneviz.engine.export import script_load, script_parts, script_prune
from pruneviz.engine.export.cut import bare
from pruneviz.engine.export.script_piece import docstring, imports, written
from pruneviz.engine.standing import Standing
from pruneviz.engine.subject import Subject, Windows
from pruneviz.findings import percent
from pruneviz.recipe import Recipe
from pruneviz.report import Score

NAME = "prune.py"
MOST = 1 << 28
"""A server packs no more bytes of data than this into an archive; the command line has no bound."""
_SCRIPT = '''"""{title}

{words}
"""

from __future__ import annotations

{imports}

{body}


if __name__ == "__main__":
    print(json.dumps({verb}(prune(load()), samples(), inputs)))
'''
_FIRST = "1. Load: the network, its weights, the samples on which it is measured"
_SECOND = "2. Prune: one shot, no fine-tuning"
_THIRD = "3. Measure"


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """The Python, and the files that it reads. `needs` are those of them that nobody has who has this app."""

    text: str
    files: tuple[tuple[str, bytes], ...]
    needs: tuple[str, ...]

    def packed(self) -> bytes:
        """All of it as a .zip; equal scripts are equal bytes."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, data in ((NAME, self.text.encode()), *self.files):
                member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(member, data)
        return file.getvalue()


def script(
    subject: Subject, recipe: Recipe, standing: Standing, score: Score | None = None, most: int | None = None
) -> Script:
    """The setting as Python. `score` is what the app measured, to be told; data of more than `most` bytes is refused.

    Raises ValueError for a network that no card describes, and for one that was cut before.
    """
    load = script_load.network(subject)
    samples = script_load.samples(subject, standing.split, recipe.seed, most)
    prune = script_prune.removal(subject, recipe, standing)
    verb = script_parts.continued if isinstance(subject.held_out, Windows) else script_parts.classified
    parts = [one for piece in (load, samples) for one in piece.parts]
    body = _blocks(
        _heading(_FIRST), written(parts), load.text, samples.text,
        _heading(_SECOND), written(one for one in prune.parts if one not in parts), prune.text,
        _heading(_THIRD), written((script_parts.logits, verb)),
    )  # fmt: skip
    files = (*load.files, *samples.files, *prune.files)
    needs = tuple(name for name, _ in files if name != script_load.WEIGHTS or f"/{name}" not in load.text)
    text = _SCRIPT.format(
        title=docstring(f"{subject.title or bare(subject.name)}, pruned and measured with plain PyTorch."),
        words="\n".join(_words(subject, recipe, score, needs)),
        imports=imports(f"{body}\njson", (*load.imports, *samples.imports, *prune.imports)),
        body=body,
        verb=verb.__name__,
    )
    return Script(text, files, needs)


def _heading(words: str) -> str:
    return f"# {words} {'-' * (98 - len(words))}"


def _blocks(*texts: str) -> str:
    return "\n\n\n".join(filter(None, texts))


def _words(subject: Subject, recipe: Recipe, score: Score | None, needs: tuple[str, ...]) -> list[str]:
    """What was chosen, what the app measured, and how the script is run."""
    what = f"{recipe.criterion.replace('_', ' ')} × {recipe.granularity} × {recipe.scope}"
    lines = [f"Chosen: {what}, {percent(recipe.amount)} asked for, seed {recipe.seed}."]
    if score is not None and not score.partial:
        lines += [docstring(f"PruneViz measured {_measured(score)}: one shot, no fine-tuning.")]
        task = tasks.of(subject)
        if score.correct is not None and not task.shares:
            lines += [
                f"Its own figure is the {score.metric}, {score.value:.4f}; this script prints the share that is right."
            ]
    beside = " and ".join(filter(None, (", ".join(needs[:-1]), *needs[-1:])))
    where = f"beside {beside}, which come with the .zip" if needs else "in the folder of PruneViz, or beside its files"
    return [*lines, f"Run it {where}: python {NAME}; it prints one line of JSON."]


def _measured(score: Score) -> str:
    of, (low, high) = f"{score.n:,} {score.noun}", score.interval
    if score.correct is None:
        between = f"95% interval {low:.2f} to {high:.2f}"
        return f"a {score.metric} of {score.value:.2f} on {of} ({between}); dense {score.dense_value:.2f}"
    share = ""
    if score.value == score.correct / score.n:
        share = f" ({percent(score.value)}, 95% interval {percent(low)} to {percent(high)})"
    return f"{score.correct:,} of {of} right{share}; dense {score.dense_correct:,}"


def write(made: Script, path: Path) -> list[Path]:
    """Writes the script, and beside it its files; or all of them as one .zip, by the path's ending. Refuses to write over
    another file of such a name than a script."""
    if path.suffix == ".zip":
        path.write_bytes(made.packed())
        return [path]
    if path.suffix != ".py":
        raise ValueError(f"{path.name!r} is neither a script nor an archive: give a path that ends in .py or .zip")
    for name, data in made.files:
        beside = path.with_name(name)
        if beside.exists() and beside.read_bytes() != data:
            raise ValueError(f"{plain.one_line(name)} is there already and holds something else: choose another folder")
    path.write_text(made.text, encoding="utf-8")
    for name, data in made.files:
        path.with_name(name).write_bytes(data)
    return [path, *(path.with_name(name) for name, _ in made.files)]
