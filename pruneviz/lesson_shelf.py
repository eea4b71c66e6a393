"""The shelf of lessons: the files of some folders, read in order. A file that is no lesson is a word, and the rest stays."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pruneviz import lesson_file, plain
from pruneviz.lesson import Lesson

HERE = Path(__file__).resolve().parent / "lessons"
"""The lessons that come with the app."""
MOST = 200
"""So many files of one folder are read."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The lessons by their names, in their files' order, and a sentence about each file that is none."""

    lessons: dict[str, Lesson]
    troubles: tuple[str, ...]

    def sections(self) -> dict[str, list[Lesson]]:
        """The lessons under the sections that they are for, in the order in which each section comes first."""
        found: dict[str, list[Lesson]] = {}
        for one in self.lessons.values():
            found.setdefault(one.section, []).append(one)
        return found


def read(folders: Iterable[Path]) -> Shelf:
    """The lessons of all folders; one of a later folder takes the place of one of the same name."""
    found: dict[str, Lesson] = {}
    troubles: list[str] = []
    for folder in folders:
        try:
            files = sorted(path for path in folder.iterdir() if path.suffix == ".md" and not path.name.startswith("."))
        except OSError as problem:
            troubles.append(f"The folder of lessons «{plain.file_name(folder)}» cannot be read: {_why(problem)}.")
            continue
        if len(files) > MOST:
            troubles.append(f"«{plain.file_name(folder)}» holds {len(files):,} lessons: the first {MOST} of them are shown.")
        for path in files[:MOST]:
            one = _one(path)
            if isinstance(one, str):
                troubles.append(one)
            else:
                found[one.name] = one
    return Shelf(found, tuple(troubles))


def _one(path: Path) -> Lesson | str:
    """The lesson of a file, or the sentence that says why it is none."""
    name = plain.file_name(path.name)
    try:
        status = path.stat()
    except OSError as problem:
        return f"«{name}» cannot be read: {_why(problem)}."
    if not stat.S_ISREG(status.st_mode):
        return f"«{name}» is no file: put lessons as plain text files into the folder."
    if status.st_size > lesson_file.LONGEST:
        return f"«{name}» has {status.st_size:,} bytes: a lesson has at most {lesson_file.LONGEST:,}, so split it."
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=2 * MOST)
def _read(path: Path, _changed: int, _size: int) -> Lesson | str:
    """A file is read once, and again only when it has changed: a page is drawn often."""
    name = plain.file_name(path.name)
    try:
        with path.open("rb") as file:
            text = file.read(lesson_file.LONGEST + 1).decode("utf-8")
        return lesson_file.parse(text, lesson_file.named(path.name))
    except UnicodeDecodeError:
        return f"«{name}» is no text in UTF-8: save it as such."
    except OSError as problem:
        return f"«{name}» cannot be read: {_why(problem)}."
    except ValueError as problem:
        return f"«{name}» is no lesson that can be shown: {plain.one_line(problem, 400)}."


def _why(problem: OSError) -> str:
    return plain.one_line(problem.strerror or problem, 120).lower()
