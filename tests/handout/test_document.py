"""The report as a file: it needs nobody, hides nothing, and lets no stranger's words become anything but words."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from pruneviz import headlines, plain
from pruneviz.handout import document, figures
from pruneviz.handout.markup import embedded
from tests.handout.reading import own_part, policy, read

HOSTILE = (
    "</script><script>window.stolen = 1</script>",
    '"><img src=x onerror="window.stolen = 1">',
    "<!--<script>",
    "javascript:window.stolen=1",
    "${style} $body {{7*7}} &lt;b&gt;",
    "a\u202eb\u2028c\x00d",
)
ELEMENTS = {
    "html", "head", "meta", "link", "title", "style", "body", "main", "header", "section", "h1", "h2", "h3", "p", "div",
    "dl", "dt", "dd", "data", "table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "details", "summary", "pre",
    "code", "ul", "li", "img", "script",
}  # fmt: skip


def hostile(case, text):
    """The Case as a stranger would have it: their words wherever words can stand."""
    rows = tuple(replace(row, name=text) for row in case.breakage.classes)
    layers = tuple(replace(one, name=text, label=text) for one in case.report.layers)
    shown = tuple(
        replace(one, text=text, example=replace(one.example, label=text, before=text, top_after=((text, 0.5),)))
        for one in case.examples
    )
    return replace(
        case,
        recipe=replace(case.recipe, title=text, author=text, contact=text, untested=text, subject=text),
        model=text, link=text, hardware=text, examples=shown,
        report=replace(case.report, layers=layers, notes=(text,), subject=text),
        breakage=replace(case.breakage, classes=rows, names=(text,) * len(case.breakage.names)),
        versions=((text, text),), sources=((text, text),),
    )  # fmt: skip


def test_the_report_is_one_small_file_that_asks_for_nothing(weights_case):
    html = document.html(weights_case)
    assert len(html.encode()) < document.LARGEST == 6_000_000
    assert not re.findall(r"(?:https?|wss?|ftp):|[\"'(]//", own_part(html))
    page = read(html)
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    for tag, attributes in page.elements:
        for name in {"src", "href", "action", "data", "srcset", "poster"} & set(attributes):
            assert attributes[name].startswith("data:"), (tag, attributes)
    assert html.count("\n<style>") == 1 and "@import" not in html.split("</style>")[0] and "url(" not in own_part(html)


def test_its_policy_names_the_two_scripts_and_allows_nothing_else(weights_case):
    page = read(document.html(weights_case))
    run = [text or get_plotlyjs() for attributes, text in page.scripts if "type" not in attributes]
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in run]
    said = policy(page)
    assert said["default-src"] == ["'none'"] and said["script-src"] == hashes and len(hashes) == 2
    assert said["img-src"] == ["data:", "blob:"] and "connect-src" not in said
    assert said["base-uri"] == said["form-action"] == ["'none'"]


def test_the_same_case_gives_the_same_bytes(weights_case):
    assert document.html(weights_case) == document.html(weights_case)


@pytest.mark.parametrize("text", HOSTILE)
def test_words_of_strangers_stay_words(weights_case, text):
    case = hostile(weights_case, text)
    page = read(document.html(case))
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert len(page.scripts) == 4 and "stolen" not in "".join(one for extra, one in page.scripts if "type" not in extra)
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert page.embedded("case")["recipe"]["recipe"]["title"] == text
    assert page.embedded("figures").keys() == figures.figures(case).keys()
    said = json.dumps(page.embedded("figures"), ensure_ascii=False)
    assert "<img" not in said and "<script" not in said  # Plotly reads a little HTML: no text of a figure has a sign of it
    assert plain.one_line(text) in page.text


def test_data_cannot_end_its_element():
    said = embedded("x", {"a": "</script>", "b": "\u2028<!--&"})
    inside = said.removeprefix('<script type="application/json" id="x">').removesuffix("</script>")
    assert "<" not in inside and json.loads(inside) == {"a": "</script>", "b": "\u2028<!--&"}


def test_it_says_what_the_slides_say(weights_case):
    page = read(document.html(weights_case))
    for said in headlines.headlines(weights_case):
        assert said in page.text
    for words in ("Ada", "ada@example.org", "Misses the limits", "not tested", "one shot", "95%", "Measure it again"):
        assert words in page.text
    assert len([tag for tag, _ in page.elements if tag == "h1"]) == 1


def test_every_chart_has_a_finding_words_for_a_listener_and_its_table(weights_case, heads_case):
    for case in (weights_case, heads_case):
        page, shown = read(document.html(case)), figures.figures(case)
        places = {one["id"]: one["aria-label"] for tag, one in page.elements if one.get("class") == "plot"}
        assert places.keys() == {f"plot-{name}" for name in shown} and len(shown) >= 5
        for name, chart in shown.items():
            assert chart.title in page.text and places[f"plot-{name}"] == chart.alt.replace("  ", " ")
            header, rows = chart.table
            assert [str(cell) for cell in header] in page.rows
            for row in rows:
                assert [" ".join(str(cell).split()) for cell in row] in page.rows


def test_without_limits_there_is_no_verdict_and_without_curve_no_curve(heads_case):
    page = read(document.html(replace(heads_case, curve=None, baseline=None, breakage=None, examples=())))
    assert "limits, one by one" not in page.text and {"curve", "classes"}.isdisjoint(page.embedded("figures"))


def test_a_loss_that_is_no_number_is_said_as_none(heads_case):
    broken = replace(heads_case.report, score=replace(heads_case.report.score, loss=float("nan")))
    page = read(document.html(replace(heads_case, report=broken)))
    assert page.embedded("case")["evaluate"]["loss"] is None


def test_pictures_of_examples_are_true_to_the_pixel(weights_case):
    import io

    from PIL import Image

    page = read(document.html(weights_case))
    shown = [one["src"] for tag, one in page.elements if tag == "img"]
    assert len(shown) == len(weights_case.examples) == 3
    for source, example in zip(shown, weights_case.examples, strict=True):
        found = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))
        assert np.array_equal(found, example.picture)
