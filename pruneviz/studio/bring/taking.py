"""Taking: the tried model becomes the visitor's, and the page turns to it. The dialog's own door opens and closes here."""

from __future__ import annotations

from pruneviz import plain
from pruneviz.studio import bench, house_rules, library, visitor
from pruneviz.studio.bring.look import Look


def open_it() -> None:
    """Opens the dialog; what was entered before is still there."""
    bench.cover(True)


def close_it() -> None:
    """Closes the dialog; what was entered stays."""
    bench.cover(False)


def is_open() -> bool:
    """Whether the dialog is to be shown."""
    return bench.covered()


def take(reference: str, found: Look) -> bool:
    """Takes the tried model in. Where a link waited for just this one, the link opens; else the page turns to it."""
    dropped = library.take(visitor.name(), reference, found.hashes, house_rules.caps(), lambda: _turn(reference))
    if dropped:
        names = ", ".join(f"«{plain.one_line(title)}»" for title in dropped)
        bench.say(f"{names} made room: you may keep {house_rules.caps().models} models at a time here.")
    return True


def _turn(reference: str) -> None:
    """Turns the page to a model, or refuses and leaves it where it is."""
    wanted = bench.wanted()
    trouble = bench.open_wanted() if wanted and wanted.subject == reference else bench.take_subject(reference)
    if trouble:
        raise ValueError(trouble)
    bench.give_up_wanted()
