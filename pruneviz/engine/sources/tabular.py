"""Tables of texts and labels: .csv, .tsv and Parquet, by what is in them; with a header or without one.

A file of a few megabytes may hold a million rows, of which a few thousand are kept. So rows are gone through several times,
one after another, and never all held.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from pruneviz.engine.sources import files, parquet, sniff
from pruneviz.engine.sources.limits import LOCAL, Limits
from pruneviz.engine.sources.refusal import SubjectError, brief, printable

TEXTS = ("text", "sentence", "review", "sentence1", "premise", "question1", "question", "content", "document", "tweet",
         "headline", "title", "input")  # fmt: skip
SECONDS = ("sentence2", "hypothesis", "question2", "text_pair", "text2")
LABELS = ("label", "labels", "class", "target", "category", "sentiment", "gold_label", "y", "score", "rating", "stars")
LONGEST = 100_000
"""Characters of one text that are read at most."""
LOOKED_AT = 500
"""Rows that are looked at where nothing says which column is what."""


MANY = 200
"""So many times more rows are read than texts are kept."""

Cells = Callable[[], Iterator[tuple[str, ...]]]
"""The rows of a file from its first to its last, as often as they are asked for."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The labels of all rows as they are written, and a way to their texts: each one, or two where there are pairs."""

    labels: tuple[str, ...]
    sha256: str
    note: str
    cells: Cells = field(repr=False)
    columns: tuple[int, ...]

    def texts(self, places: Collection[int]) -> list[tuple[str, ...]]:
        """The texts of the rows at some places, in the file's order."""
        wanted = set(places)
        return [self._text(row) for place, row in enumerate(self.cells()) if place in wanted]

    def _text(self, row: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(row[place] for place in self.columns)


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of a file by place: names, where a header gives them; the first rows, how many there are, and all of them."""

    names: tuple[str, ...]
    first: list[tuple[str, ...]]
    count: int
    header: bool
    cells: Cells


def read(path: Path, table: Mapping[str, Any], limits: Limits = LOCAL) -> Rows:
    """The texts and labels of a file, from the columns that the card names or that leave no doubt."""
    family, shown = sniff.family(path, limits), files.shown(path)
    if family == "parquet":
        held = _packed(path, limits)
    elif family == "text":
        held = _written(path, table, limits)
    else:
        raise sniff.refusal(family, shown, "give texts and labels as .csv, .tsv or .parquet")
    if not held.count:
        raise SubjectError(f"{shown} holds no row: give at least one text and its label", "empty")
    text, second, label = _columns(shown, held, table)
    chosen = tuple(one for one in (text, second) if one is not None)
    labels = _labels(shown, held, (chosen, label), limits)
    named = " and ".join(repr(held.names[place]) for place in chosen)
    note = f"{shown}: {held.count:,} rows, the text is column {named}, the label column {held.names[label]!r}."
    return Rows(labels, files.sha256(path, limits.data_bytes), note, held.cells, chosen)


def whole(labels: Sequence[str]) -> list[int] | None:
    """The labels as whole numbers, where all of them are («1», «1.0», «-1»)."""
    try:
        numbers = [float(one) for one in labels]
    except ValueError:
        return None
    return [int(one) for one in numbers] if all(abs(one) < 1 << 31 and one == int(one) for one in numbers) else None


def _labels(shown: str, held: Table, columns: tuple[tuple[int, ...], int], limits: Limits) -> tuple[str, ...]:
    """The label of each row, equal ones held once; no text may be empty or endless."""
    chosen, place = columns
    known: dict[str, str] = {}
    labels, empty, longest = [], 0, 0
    for row in held.cells():
        label = row[place].strip()
        labels.append(known.setdefault(label, label))
        empty += not any(row[one].strip() for one in chosen)
        longest = max(longest, *(len(row[one]) for one in chosen))
        if len(known) > limits.samples:
            why = f"{shown} has more than {limits.samples:,} different labels in column {held.names[place]!r}"
            raise SubjectError(f"{why}: say [data] label_column", "labels")
    if empty:
        raise SubjectError(f"{shown} has {empty:,} rows whose text is empty: fill them, or leave them out", "empty")
    if longest > LONGEST:
        raise SubjectError(
            f"{shown} has a text of {longest:,} characters; at most {LONGEST:,} are read: cut it first", "too-large"
        )
    missing = labels.count("")
    if missing:
        raise SubjectError(f"{shown} has {missing:,} rows without a label: give each row one, or leave them out", "labels")
    return tuple(labels)


def _packed(path: Path, limits: Limits) -> Table:
    """A Parquet file."""
    names, cells = parquet.read(path, limits)
    first, widths, count = _looked(files.shown(path), cells, limits)
    if widths - {len(names)}:
        raise SubjectError(f"{files.shown(path)} could not be read: {parquet.ADVICE}", "child")
    return Table(names, first, count, True, cells)


def _written(path: Path, table: Mapping[str, Any], limits: Limits) -> Table:
    """A file of lines: tabs, else commas or semicolons between cells."""
    shown = files.shown(path)
    try:
        text = files.content(path, limits.data_bytes).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SubjectError(f"{shown} is not text in UTF-8: save it as UTF-8", "not-utf-8") from None
    separator = _separator(text)
    # Between tabs a quotation mark is a letter like others, unless that gives ragged rows.
    for style in (csv.QUOTE_NONE, csv.QUOTE_MINIMAL) if separator == "\t" else (csv.QUOTE_MINIMAL,):
        cells = _cells(shown, text, separator, style)
        first, widths, count = _looked(shown, cells, limits)
        if len(widths) == 1:
            break
    if len(widths) > 1 or widths == {1}:
        some = " and ".join(map(str, sorted(widths)[:3]))
        raise SubjectError(
            f"{shown} has rows of {some} columns: give each row a text and a label, with a comma or a tab "
            "between them, and quotation marks around a text that holds one",
            "columns",
        )
    header = table.get("header")
    if header is None:
        header = _is_header(first, table)
    if not header or not first:
        return Table(tuple(map(str, range(len(first[0]) if first else 0))), first, count, bool(header), cells)
    return Table(tuple(first[0]), first[1:], count - 1, True, lambda: islice(cells(), 1, None))


def _looked(shown: str, cells: Cells, limits: Limits) -> tuple[list[tuple[str, ...]], set[int], int]:
    """The first rows of a file, how many cells rows have, and how many rows there are."""
    first, widths, count = [], set(), 0
    for count, row in enumerate(cells(), 1):  # noqa: B007 (the last one is how many there are)
        widths.add(len(row))
        if count <= LOOKED_AT + 1:
            first.append(row)
        if count > MANY * limits.samples:
            some = f"more than {MANY * limits.samples:,} rows; {limits.samples:,} texts are kept"
            raise SubjectError(f"{shown} has {some}: give fewer", "samples")
    return first, widths, count


def _separator(text: str) -> str:
    first = text.split("\n", 1)[0]
    return next((one for one in "\t,;" if one in first), ",")


def _cells(shown: str, text: str, separator: str, style: int) -> Cells:
    """The cells of each row that is not empty."""

    def rows() -> Iterator[tuple[str, ...]]:
        try:
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=style):
                if row:
                    yield tuple(row)
        except csv.Error as error:
            raise SubjectError(
                f"{shown} cannot be read as a table ({brief(error)}): write it as .csv or .tsv", "columns"
            ) from None

    return rows


def _is_header(rows: list[tuple[str, ...]], table: Mapping[str, Any]) -> bool:
    """Whether the first row names columns: it holds a name that the card asks for, or that such tables commonly have, or
    stands out where all other labels are few or numbers."""
    if not rows:
        return False
    first = {cell.strip().casefold() for cell in rows[0]}
    asked = {table[key].casefold() for key in ("text_column", "second_column", "label_column") if _named(table, key)}
    if first & asked or (first & set(LABELS) and first & {*TEXTS, *SECONDS}):
        return True
    others = rows[1:LOOKED_AT]
    if asked or not others:
        return False
    label = _few(others, range(len(rows[0])))
    rest = {row[label] for row in others}
    numbers = whole(sorted(rest)) is not None and whole([rows[0][label]]) is None
    return rows[0][label] not in rest and (numbers or len(rest) <= len(others) / 4)


def _named(table: Mapping[str, Any], key: str) -> bool:
    return isinstance(table.get(key), str)


def _columns(shown: str, held: Table, table: Mapping[str, Any]) -> tuple[int, int | None, int]:
    """The places of the text, of the second text where there are pairs, and of the label."""
    given = {key: _place(shown, held, table.get(f"{key}_column")) for key in ("text", "second", "label")}
    by_name = [name.strip().casefold() for name in held.names]
    named = held.header or not all(name.isdecimal() for name in held.names)
    label = given["label"]
    if label is None:
        label = _first(by_name, LABELS) if named else None
    text = given["text"]
    if text is None:
        text = _first(by_name, TEXTS) if named else None
    second = given["second"]
    if second is None and given["text"] is None and named:
        second = _first(by_name, SECONDS)
    rows, places = held.first[:LOOKED_AT], range(len(held.names))
    if label is None:
        label = _few(rows, [place for place in places if place not in (text, second)])
    if text is None:
        left = [place for place in places if place not in (label, second)]
        text = max(left, key=lambda place: sum(len(row[place]) for row in rows), default=None)
    if text is None or label is None or len({text, second, label}) < 3:
        names = ", ".join(printable(name, 32) for name in held.names[:12])
        raise SubjectError(
            f"{shown} has the columns {names}, and two are needed: say [data] text_column and label_column", "columns"
        )
    return text, second, label


def _few(rows: Sequence[tuple[str, ...]], places: Sequence[int]) -> int | None:
    """The column with the fewest different cells, of equals the last; one that never changes only where no other is left."""
    counts = {place: len({row[place] for row in rows}) for place in places}
    return min(places, key=lambda place: (counts[place] < 2, counts[place], -place), default=None)


def _place(shown: str, held: Table, given: str | int | None) -> int | None:
    if given is None:
        return None
    if isinstance(given, int) and 0 <= given < len(held.names):
        return given
    if isinstance(given, str) and given in held.names:
        return held.names.index(given)
    names = ", ".join(printable(name, 32) for name in held.names[:12])
    raise SubjectError(f"{shown} has no column {printable(str(given), 64)!r}; there are {names}: correct [data]", "columns")


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)
