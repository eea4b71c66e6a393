"""Sections: what a report says, in the order of the five slides, and after them all numbers and how to have them again."""

from __future__ import annotations

from collections.abc import Mapping

from pruneviz import commands, facts, findings, headlines, recipe_file
from pruneviz.case import Case, Shown
from pruneviz.charts.chart import Chart
from pruneviz.handout import markup, numbers
from pruneviz.handout.markup import figure, listed, paragraph, words
from pruneviz.shipped import SAMPLES

ROWS = 24
"""A table of more rows is not printed: it would fill pages that nobody reads."""


def opening(case: Case, title: str) -> str:
    """The title, the decision in one sentence, its three figures, and the verdict where limits were set."""
    recipe = case.recipe
    by = " · ".join(words(one) for one in (recipe.author, recipe.contact) if one)
    return (
        f"<header><h1>{words(title)}</h1>"
        + (f'<p class="byline">{by}</p>' if by else "")
        + "</header>"
        + _topic(0)
        + f"<h2>{words(headlines.decision(case))}</h2>"
        + f'<div class="tiles">{"".join(_tile(case, one) for one in facts.tiles(case))}</div>'
        + paragraph(words(facts.setting(case)))
        + _verdict(case)
    )


def trade_off(case: Case, shown: Mapping[str, Chart]) -> str:
    """What one step more or less would cost."""
    said = "All points are one shot: pruned once, not fine-tuned afterwards."
    absent = "".join(paragraph(words(one)) for one in case.left_out)
    return _section(1, headlines.trade_off(case), paragraph(said) + _charts(shown, "curve", "candidates") + absent)


def removed(case: Case, shown: Mapping[str, Chart]) -> str:
    """Where it went from."""
    return _section(2, headlines.removed(case), _charts(shown, "widths", "flow", "layers"))


def affected(case: Case, shown: Mapping[str, Chart]) -> str:
    """Who pays: classes, and single examples."""
    wall = "".join(_example(one) for one in case.examples)
    said = _charts(shown, "classes", "turns", "confusion", "tokens") + (f'<ul class="wall">{wall}</ul>' if wall else "")
    return _section(3, headlines.affected(case), said)


def confidence(case: Case) -> str:
    """What the numbers rest on, and what was not tested."""
    recipe = case.recipe
    rows = [(what, words(said)) for what, said in facts.basis(case)]
    rows += [("against dense", words(facts.lost(case))), ("fine-tuning", words(findings.how_cut(recipe.subject)))]
    rows += [("not tested", words(recipe.untested or facts.NOTHING_SAID)), ("ask", words(recipe.contact))]
    notes = "".join(paragraph(words(note)) for note in case.report.notes)
    return _section(4, headlines.confidence(case), listed(rows) + notes)


def times(case: Case, shown: Mapping[str, Chart]) -> str:
    """What was weighed and timed; nothing where nothing was."""
    truth = case.truth
    if truth is None or not (truth.stored or truth.times):
        return ""
    machine = truth.machine
    busy = " Others were at work on it meanwhile." if machine.busy else ""
    where = f"{machine.processor}, {machine.threads} threads, torch {machine.torch}, {machine.dtype}."
    said = f"Measured on {where}{busy} On another machine the times differ; the bytes do not."
    missing = listed([(what, words(why)) for what, why in truth.missing])
    charts = _charts(shown, "promise", "claims", "crossings")
    return f"<section><h2>Files and milliseconds</h2>{paragraph(words(said))}{charts}{missing}</section>"


def all_numbers(case: Case) -> str:
    """Every number of the setting under its name on the command line, layer by layer and group by group."""
    found = numbers.table(case)["evaluate"]
    plain = [(name, one) for name, one in found.items() if not isinstance(one, list) and one not in (None, "")]
    rows = [[words(name), figure(name, one, _full(one))] for name, one in plain]
    inside = markup.pieces(("name", "value"), rows, "As `python -m pruneviz evaluate` prints them")
    layers = [_cells("layers", row, ("weights", "kept", "zeros", "energy_removed")) for row in found["layers"]]
    inside += markup.pieces(("layer", "weights", "kept", "zeros", "energy removed"), layers, "Layer by layer")
    if found["groups"]:
        groups = [[*_cells("groups", row, ("units", "kept")), words(row["reason"])] for row in found["groups"]]
        inside += markup.pieces(("group", "units", "kept", "why none can go"), groups, f"Groups of {case.many}")
    short = len(layers) + len(found["groups"]) <= ROWS
    return f"<section><h2>All numbers</h2>{markup.folded('View the numbers', inside, printed=short)}</section>"


def again(case: Case) -> str:
    """How to have every number again: the command, the link, the Recipe, and what it was measured on."""
    recipe = case.recipe
    if recipe.subject.startswith("own:"):
        return _again_in_the_app(case)
    command = commands.line("evaluate", numbers.chosen(case))
    table = recipe_file.write(numbers.recipe(case))
    rows = [(f"sha256 of the {name}", f"<code>{words(one)}</code>") for name, one in case.sources]
    rows += [(name, words(one)) for name, one in case.versions]
    brought = "The model does not come with the app: give its card by a path, or the same --weights and --data."
    return (
        "<section><h2>Measure it again</h2>"
        + paragraph("This command prints the numbers of this report:")
        + f"<pre><code>{markup.lines(command)}</code></pre>"
        + ("" if (SAMPLES / recipe.subject / "subject.toml").is_file() else paragraph(words(brought)))
        + paragraph(words("This link opens the setting, behind the address of the app:"))
        + f"<pre><code>{markup.lines(case.link or recipe_file.link(recipe))}</code></pre>"
        + paragraph("This is the setting as <code>recipe.json</code>, for <code>evaluate --recipe recipe.json</code>:")
        + markup.folded("View recipe.json", f'<pre id="recipe"><code>{markup.lines(table)}</code></pre>', printed=False)
        + listed(rows)
        + "</section>"
    )


def _again_in_the_app(case: Case) -> str:
    """Of a model that a visitor brought no command line knows anything: only the app, and only with the same files."""
    rows = [(f"sha256 of the {name}", f"<code>{words(one)}</code>") for name, one in case.sources]
    rows += [(name, words(one)) for name, one in case.versions]
    said = (
        "The model was brought to the app. Open this link there: where its files are not present, the page asks for them, "
        "and takes no others. For the command line, write a card (subject.toml) with the same preprocessing."
    )
    return (
        "<section><h2>Measure it again</h2>"
        + paragraph(words(said))
        + f"<pre><code>{markup.lines(case.link or recipe_file.link(case.recipe))}</code></pre>"
        + listed(rows)
        + "</section>"
    )


def _section(at: int, headline: str, inside: str) -> str:
    inside = inside.replace(f"<h3>{words(headline)}</h3>", "")  # a chart that says the same need not say it again
    return f"<section>{_topic(at)}<h2>{words(headline)}</h2>{inside}</section>"


def _topic(at: int) -> str:
    topic = headlines.TOPICS[at]
    return f'<p class="topic">{at + 1} · {topic[:1].upper()}{topic[1:]}</p>'


def _charts(shown: Mapping[str, Chart], *names: str) -> str:
    return "".join(_chart(name, shown[name]) for name in names if name in shown)


def _chart(name: str, chart: Chart) -> str:
    header, rows = chart.table
    height = int(chart.figure.layout.height or 360)
    place = (
        f'<div class="plot" id="plot-{name}" style="height: {height}px" role="group" aria-label="{words(chart.alt)}"></div>'
    )
    twin = markup.folded("View as table", markup.table(header, rows, chart.title), printed=len(rows) <= ROWS)
    return f"<figure><h3>{words(chart.title)}</h3>{place}{twin}</figure>"


def _tile(case: Case, tile: facts.Tile) -> str:
    """One large figure; the metric's own carries all its digits."""
    score = case.report.score
    value = figure("value", score.value, tile.value) if tile.label == score.metric else words(tile.value)
    small = f'<p class="small">{words(tile.below)}</p>' if tile.below else ""
    return f'<div class="tile"><p class="small">{words(tile.label)}</p><p class="large">{value}</p>{small}</div>'


def _verdict(case: Case) -> str:
    if not case.verdict.word:
        return ""
    rows = [
        (row.words, row.verdict, facts.measured(row), facts.allowed(row), facts.rests(row)) for row in case.verdict.rows
    ]  # fmt: skip
    header = ("limit set beforehand", "verdict", "measured", "allowed", "what it rests on")
    return f'<p class="verdict">{words(facts.overall(case))}</p>' + markup.table(header, rows, "The limits, one by one")


def _example(one: Shown) -> str:
    from pruneviz.charts import picture

    example = one.example
    said = f"«{example.label}»: taken for «{example.before}» before, for «{example.after}» now"
    seen = ""
    if one.picture is not None:
        seen = f'<img src="{words(picture.data_uri(one.picture), 10**7)}" alt="{words(said)}">'
    text = f'<p class="said">{words(one.text, 300)}</p>' if one.text else ""
    tops = "".join(
        f"<p>{when}: {', '.join(f'{words(name)} {findings.percent(chance)}' for name, chance in top)}</p>"
        for when, top in (("before", example.top_before), ("now", example.top_after))
        if top
    )
    return f"<li>{seen}<p>{words(said)}</p>{text}{tops}</li>"


def _cells(name: str, row: Mapping, columns: tuple[str, ...]) -> list[str]:
    inner = [figure(f"{name}.{row['name']}.{column}", row[column], _full(row[column])) for column in columns]
    return [words(row["name"]), *inner]


def _full(value: object) -> str:
    """A number with all its digits, thousands set apart."""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else f"{value}"
