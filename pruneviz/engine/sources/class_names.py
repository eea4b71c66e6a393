"""Class names: which output a folder or a label means. By name, by number or as the card says; never silently by order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pruneviz.engine.sources.refusal import SubjectError, printable

FOLDERS, LABELS = "folders", "labels"


class ClassOrder(SubjectError):
    """The data name classes whose order among the network's outputs nobody has said. `choices` are their names."""

    def __init__(self, message: str, choices: Iterable[str]) -> None:
        super().__init__(message, "class-order")
        self.choices = tuple(choices)


def outputs(found: Iterable[str], classes: Sequence[str], folders: Sequence[str] | None, what: str) -> dict[str, int]:
    """The output that each of the names found means: as `folders` (names in the outputs' order) says, else as the output's
    own name says, else as a name that is a number says. `what` are they: «folders», or «labels», whose numbers are meant."""
    names = sorted(set(found))
    if folders is not None:
        return _told(names, folders, what)
    if what == LABELS and _decimal(names):
        return {name: int(name) for name in names}
    places = _named(names, classes)
    if places is not None:
        return places
    if _numbers(names):
        return {name: int(name) for name in names}
    shown = ", ".join(printable(name, 32) for name in names[:6]) + ", …" * (len(names) > 6)
    why = f"the {len(names)} {what} ({shown}) are not the names of the network's outputs" if classes else (
        f"nothing says which of the network's outputs the {len(names)} {what} ({shown}) mean"
    )  # fmt: skip
    raise ClassOrder(f"{why}: give their order as [data] folders, or a labels.tsv with numbers", names)


def plain(name: str) -> str:
    """A name without what names differ in by accident: capitals, spaces, lines and dots."""
    return re.sub(r"[\s_\-.]+", " ", name).strip().casefold()


def _told(names: Sequence[str], folders: Sequence[str], what: str) -> dict[str, int]:
    order = {plain(name): place for place, name in enumerate(folders)}
    if len(order) != len(folders):
        raise SubjectError("[data] folders names one of them twice: name each class once, in the outputs' order", "folders")
    left = [name for name in names if plain(name) not in order]
    if left:
        some = ", ".join(printable(name, 32) for name in left[:3]) + ", …" * (len(left) > 3)
        raise ClassOrder(f"[data] folders does not name {len(left)} of the {what} ({some}): add them to it", names)
    return {name: order[plain(name)] for name in names}


def _named(names: Sequence[str], classes: Sequence[str]) -> dict[str, int] | None:
    """The output of each name, where every one of them is the name of exactly one output; of «tench, Tinca tinca» the first
    name will do."""
    whole, first = {}, {}
    for place, name in enumerate(classes):
        whole.setdefault(plain(name), []).append(place)
        first.setdefault(plain(name.partition(",")[0]), []).append(place)
    found = [whole.get(plain(name)) or first.get(plain(name), []) for name in names]
    if not names or not all(len(places) == 1 for places in found):
        return None
    places = [one[0] for one in found]
    return dict(zip(names, places, strict=True)) if len(set(places)) == len(places) else None


def _numbers(names: Sequence[str]) -> bool:
    """Whether the names are whole numbers whose order as texts is their order: else who sorted them matters."""
    return _decimal(names) and sorted(names, key=int) == list(names) and len(set(map(int, names))) == len(names)


def _decimal(names: Sequence[str]) -> bool:
    return bool(names) and all(name.isascii() and name.isdecimal() and len(name) < 7 for name in names)
