"""Writes the README's generated tables: criteria from their files, samples from their curves. `make fix` runs it."""

from __future__ import annotations

import re
from pathlib import Path

from pruneviz import findings, shipped
from pruneviz.engine.structure.positions import STRATEGIES
from pruneviz.studio import catalogue
from tests.browser import gallery

README = Path(__file__).resolve().parent.parent / "README.md"


def criteria_table() -> str:
    rows = ["| criterion | importance | of | looks at | source |", "| --- | --- | --- | --- | --- |"]
    weights = catalogue.order()
    for key in [*weights, *(key for key in catalogue.criteria() if key not in weights)]:
        one = catalogue.criteria()[key]
        first, of = one.text.splitlines()[0], ", ".join(f"{unit}s" for unit in one.units) or "weights, pooled to units"
        alone = "the place in the stack" if key in STRATEGIES else "the weights alone"
        looks = "calibration data" if one.needs_data else alone
        source = f"[{one.cite}]({one.url}), {one.where}" if one.url else f"{one.cite}, {one.where}"
        formula = one.formula.replace("|", "\\|")
        rows.append(f"| `{key}`: {first} | ${formula}$ | {of} | {looks} | {source} |")
    return "\n".join(rows)


def samples_table() -> str:
    rows = []
    for name in shipped.titles():
        found = shipped.made(name)
        sweep, curve = next(iter(found.sweeps.values())), next(iter(found.curves.values()))
        first = re.split(r"(?<!et al)\. ", found.words)[0].rstrip(".")
        share = curve.points[0].correct is not None
        score = findings.percent(curve.dense_value) if share else f"perplexity {curve.dense_value:.1f}"
        rows.append(f"| `{name}` | {first} | {sweep.weights:,} | {score} |")
    return "\n".join(rows)


def with_tables(text: str) -> str:
    for name, table in (
        ("criteria", criteria_table()),
        ("samples", samples_table()),
        ("gallery", gallery.table()),
    ):
        pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
        text = re.sub(pattern, lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text, flags=re.S)
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")
