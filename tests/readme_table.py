"""Writes the README's generated tables: criteria from their files, samples from their curves. `make fix` runs it."""

from __future__ import annotations

import re
from pathlib import Path

from pruneviz import findings, shipped
from pruneviz.studio import catalogue

README = Path(__file__).resolve().parent.parent / "README.md"


def criteria_table() -> str:
    rows = ["| criterion | importance of a weight | looks at | source |", "| --- | --- | --- | --- |"]
    for key in catalogue.order():
        one = catalogue.criteria()[key]
        first = one.text.splitlines()[0]
        looks = "calibration data" if one.needs_data else "the weights alone"
        source = f"[{one.cite}]({one.url}), {one.where}" if one.url else f"{one.cite}, {one.where}"
        formula = one.formula.replace("|", "\\|")
        rows.append(f"| `{key}`: {first} | ${formula}$ | {looks} | {source} |")
    return "\n".join(rows)


def samples_table() -> str:
    rows = []
    for name in shipped.titles():
        found = shipped.read(name)
        sweep, curve = next(iter(found.sweeps.values())), next(iter(found.curves.values()))
        first = re.split(r"(?<!et al)\. ", found.words)[0].rstrip(".")
        rows.append(f"| `{name}` | {first} | {sweep.weights:,} | {findings.percent(curve.dense_value)} |")
    return "\n".join(rows)


def with_tables(text: str) -> str:
    for name, table in (("criteria", criteria_table()), ("samples", samples_table())):
        pattern = rf"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)"
        text = re.sub(pattern, lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text, flags=re.S)
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")
