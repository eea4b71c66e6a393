"""What is answered when something brought is not let in: one sentence and a code."""

from __future__ import annotations

LONGEST = 256
"""Characters of a stranger's text that are shown at most."""


class SubjectError(ValueError):
    """One clear sentence: what was got, what is possible, a way out. `code` names the hazard for machines: «zip-ratio»."""

    def __init__(self, message: str, code: str = "subject") -> None:
        super().__init__(" ".join(str(message).split()))
        self.code = code


def brief(error: BaseException | str) -> str:
    """The first line of somebody else's error, cut to a length that a sentence can hold."""
    lines = str(error).strip().splitlines()
    return printable(lines[0] if lines else type(error).__name__, 160)


def printable(text: str, most: int = LONGEST) -> str:
    """A stranger's text, safe to show: cut, and marks that cannot be seen or that turn the line around shown as «�»."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text[:most])
