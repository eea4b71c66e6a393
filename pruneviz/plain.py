"""Plain: names that come from files, made fit to show. A name is words on a screen; it is never markup and never a path."""

from __future__ import annotations

LONGEST = 256
_MARKDOWN = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]()<>#+-!|~$:^&="})


def one_line(text: object, most: int = LONGEST) -> str:
    """One line of at most so many letters; what cannot be seen, or turns the text around, is a dot."""
    seen = "".join(letter if letter.isprintable() else "·" for letter in str(text)[: 4 * most])
    seen = " ".join(seen.split())
    return seen if len(seen) <= most else f"{seen[: most - 1]}…"


def file_name(name: object) -> str:
    """What a file is called, without the folders before it, at most 128 letters, its ending kept."""
    last = one_line(str(name).replace("\\", "/").rpartition("/")[2], 1024) or "unnamed"
    return last if len(last) <= 128 else f"{last[:100]}…{last[-27:]}"


def markdown(text: object, most: int = LONGEST) -> str:
    """The words themselves where Markdown is read: no sign in them means anything."""
    return one_line(text, most).translate(_MARKDOWN)


def label(text: object) -> str:
    """The words themselves where Plotly reads a little HTML: in labels, legends and hover texts."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def size(count: float) -> str:
    """A number of bytes for a sentence: «97.8 MB»."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= step:
            return f"{count / step:,.3g} {unit}"
    return f"{count:,.0f} bytes"
