"""Inks: a way of one shot looks the same in every chart of its page, so that whoever points at a line can be followed."""

from __future__ import annotations

from pruneviz.charts import theme

RED = "#C05A5A"
"""Beside the inks of `theme`: there are more ways than those."""
OWN = {
    ("", "sparsegpt"): (theme.INKS[1], "dashdot", "diamond"),
    ("", "sparsegpt_refit"): (theme.INKS[1], "solid", "diamond-tall"),
    ("wanda", "keep"): (theme.INKS[2], "dot", "square"),
    ("wanda", "least_squares"): (theme.INKS[3], "longdash", "triangle-up"),
    ("wanda", "swaps"): (theme.INKS[4], "longdashdot", "cross"),
    ("wanda", "swaps_refit"): (theme.INKS[5], "dash", "star-triangle-down"),
    ("magnitude", "keep"): (theme.INKS[0], "solid", "circle"),
    ("ria", "keep"): (RED, "dash", "pentagon"),
    ("random", "keep"): (theme.QUIET, "dot", "x"),
}
"""Colour, dash and marker by (criterion, method); a method that chooses has no criterion."""


def look(criterion: str, method: str, at: int) -> dict[str, str]:
    """The look of a way; of one that has none of its own the `at`-th line's."""
    own = OWN.get((criterion, method))
    return named(own) if own else theme.ink(at)


def named(own: tuple[str, str, str]) -> dict[str, str]:
    """One of `OWN` as `theme.ink` gives it."""
    return dict(zip(("color", "dash", "marker"), own, strict=True))
