"""The app itself in a real browser, from a cold server to two visitors at once; every number is checked with the engine."""

from __future__ import annotations

import re
from functools import cache

import pytest

from pruneviz import findings
from pruneviz.engine import evaluate
from pruneviz.engine.criterion import offered
from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card
from pruneviz.recipe import Recipe
from tests.browser.server import drag, rested, serving, settle, slider
from tests.browser.visitors import visits

pytestmark = pytest.mark.browser

NODES = [percent / 100 for percent in range(101)]
STOPS = [53, 57, 60, 64, 68, 71, 74, 77, 80, 83, 86, 88]
LIGHT = "m=digits_mlp&k=20"
"""The quickest model and few deletions: what a test of the page's frame needs."""
LABEL = "() => document.activeElement?.getAttribute('aria-label') || document.activeElement?.innerText || ''"


@cache
def measured(subject: str, criterion: str):
    """A subject, where its weights stand and a bench to measure on: the engine, without any of the app."""
    model = card.load(subject)
    standing = evaluate.stand(model, Recipe(subject=subject, criterion=criterion))
    return model, standing, Workspace(model, standing.split.measured)


def truth(percent: float, criterion: str = "magnitude", subject: str = "digits_cnn", **how) -> float:
    """The accuracy that the engine measures, as the strip writes it."""
    model, standing, workspace = measured(subject, criterion)
    recipe = Recipe(subject=subject, criterion=criterion, amount=percent / 100, **how)
    return round(100 * evaluate.evaluate(model, recipe, standing, workspace).score.value, 1)


@cache
def true_curve(criterion: str = "magnitude", subject: str = "digits_cnn"):
    model, standing, workspace = measured(subject, criterion)
    return evaluate.curve(model, Recipe(subject=subject, criterion=criterion), standing, workspace, NODES)


def percents(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"(\d+(?:\.\d+)?)\s*%", text)]


def only_percent(page, selector: str) -> float:
    """The one number followed by % that an element shows."""
    text = page.locator(selector).inner_text()
    (number,) = percents(text)
    return number


def strip(page) -> list[str]:
    keys = ("strip-sparsity", "accuracy", "strip-against", "strip-price-0")
    for key in keys:
        page.wait_for_function(
            "key => document.querySelector('[data-pv-guessing]')"  # which hides the answers
            " || document.querySelector(`.st-key-${key}`)?.innerText.trim()",
            arg=key,
        )
    return [page.locator(f".st-key-{key}").inner_text() for key in keys]


def await_percent(page, selector: str, expected: float) -> None:
    """Waits until the one number followed by % in an element is the expected one, however it is written."""
    page.wait_for_function(
        """([selector, wanted]) => {
            const found = [...(document.querySelector(selector)?.innerText ?? "").matchAll(/(\\d+(?:\\.\\d+)?)\\s*%/g)]
            return found.length === 1 && Number(found[0][1]) === wanted }""",
        arg=[selector, expected],
    )


def await_exact(page, percent: float, criterion: str = "magnitude", subject: str = "digits_cnn") -> None:
    """Waits until the strip stands at a setting and shows the accuracy that the engine measures there."""
    await_percent(page, ".st-key-strip-sparsity", percent)
    await_percent(page, ".st-key-accuracy", truth(percent, criterion, subject))


def put(page, selector: str, percent: float) -> None:
    """Moves a slider as a script would: the value, then the two events that a hand causes."""
    page.evaluate(
        """([selector, value]) => { const input = document.querySelector(selector); input.value = value
            for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true })) }""",
        [selector, percent],
    )


def tab_to(page, wanted: str, key: str = "Tab") -> None:
    """Tabs until what has the focus says `wanted`."""
    seen = []
    for _ in range(60):
        page.keyboard.press(key)
        seen.append(page.evaluate(LABEL))
        if re.search(wanted, seen[-1]):
            return
    raise AssertionError(f"the keyboard does not reach {wanted!r}; it reached {seen}")


@pytest.mark.parametrize(("page_name", "sign"), [("weights", ".st-key-layer"), ("criteria", ".st-key-against")])
def test_a_deep_link_is_right_as_the_very_first_request(browser, page_name, sign):
    with serving() as server, visits(browser, server.address) as visit:
        page = visit(f"/{page_name}?{LIGHT}&s=80")
        assert page.locator(sign).count() == 1
        assert page.get_by_text("Page not found").count() == 0
        assert "300-100" in page.locator(".st-key-subject input").input_value()
        await_exact(page, 80, subject="digits_mlp")
        assert page.locator("[data-testid=stAlert]").count() == 0
        assert "Traceback" not in server.said()


def test_the_hero_redraws_at_every_move_and_measures_on_release(visit):
    page = visit()
    await_exact(page, 50)
    live = '[data-pv="scrubber"] [data-pv="live-accuracy"]'
    sent = rested(page)
    states = drag(page, slider(), 50, STOPS, lambda: (page.locator(live).inner_text(), page.locator(slider()).input_value()))
    assert len(set(states)) >= 10 and all(len(percents(text)) == 1 for text, _ in states)
    assert len(page.frames_sent) == sent, "a drag must not talk to the server"
    assert percents(page.locator(".st-key-accuracy").inner_text()) == [truth(50)]
    page.mouse.up()
    await_exact(page, STOPS[-1])
    await_percent(page, live, truth(STOPS[-1]))
    assert page.locator(".pv-how").inner_text() == "measured"
    assert f"s={STOPS[-1]}" in page.url


@pytest.fixture(scope="module")
def compared(browser, app):
    """One visit to the page that compares criteria, on the default model: opening it is the slow part."""
    with visits(browser, app.address) as open_page:
        yield open_page("/criteria?k=20")


@pytest.mark.parametrize("criterion", sorted(offered("weight")))
def test_each_criterion_has_a_live_slider_linked_and_alone(compared, criterion):
    page, others = compared, [one for one in offered("weight") if one != criterion]
    read = {key: f'[data-pv="scrubber-{key}"] [data-pv="live-accuracy"]' for key in offered("weight")}
    how = f'[data-pv="scrubber-{criterion}"] .pv-how'
    page.locator('[data-pv="linked"]').check()
    page.wait_for_url(lambda url: "each=" not in url)
    start = float(page.locator(slider(criterion)).input_value())

    def state():
        return page.locator(read[criterion]).inner_text(), *(
            page.locator(slider(key)).input_value() for key in offered("weight")
        )

    sent = rested(page)
    stops = [stop - 3 * sorted(offered("weight")).index(criterion) for stop in STOPS]
    states = drag(page, slider(criterion), start, stops, state)
    assert len(set(states)) >= 10 and len(page.frames_sent) == sent
    assert all(len(set(values)) == 1 for _, *values in states), "linked sliders move together"
    page.mouse.up()
    await_exact(page, stops[-1])
    for key in offered("weight"):
        await_percent(page, read[key], truth(stops[-1], key))

    page.locator('[data-pv="linked"]').uncheck()
    before = strip(page)
    sent = rested(page)
    drag(page, slider(criterion), stops[-1], [40, 33, 25], state)
    assert page.locator(slider(others[0])).input_value() == str(stops[-1])
    page.mouse.up()
    page.wait_for_function(f"() => document.querySelector('{how}').innerText === 'measured'")
    await_percent(page, read[criterion], truth(25, criterion))
    page.wait_for_url(re.compile(rf"each=.*{criterion}(%3A|:)25"))
    assert strip(page) == before and page.locator(slider(others[0])).input_value() == str(stops[-1])


def test_everything_on_the_first_page_works_by_keyboard(visit):
    page = visit(f"/?{LIGHT}")
    await_exact(page, 50, subject="digits_mlp")
    tab_to(page, "sparsity: percent of the weights removed")
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowRight"):
        page.keyboard.press(key)
    await_exact(page, 62, subject="digits_mlp")
    assert "62 percent" in page.evaluate("() => document.activeElement.getAttribute('aria-valuetext')"), "the focus stays"

    names = [layer.name for layer in measured("digits_mlp", "magnitude")[0].layers]
    tab_to(page, "^lock ")
    page.keyboard.press("Space")
    spared = truth(62, subject="digits_mlp", spared=(names[0],))
    page.wait_for_url(re.compile(rf"keep={names[0]}"))
    await_percent(page, ".st-key-accuracy", spared)
    page.keyboard.press("Space")
    page.wait_for_url(lambda url: "keep=" not in url)

    tab_to(page, "^magnitude$", "Shift+Tab")
    page.keyboard.press("ArrowRight")
    if "c=" not in page.url:
        page.keyboard.press("Space")
    page.wait_for_url(re.compile("c=gradient"))
    await_exact(page, 62, "gradient", "digits_mlp")

    tab_to(page, "^Undo", "Shift+Tab")
    page.keyboard.press("Enter")
    await_exact(page, 62, subject="digits_mlp")
    page.keyboard.press("Control+z")
    page.wait_for_url(re.compile(rf"keep={names[0]}"))
    page.keyboard.press("Control+Shift+z")
    page.wait_for_url(lambda url: "keep=" not in url)


def test_undo_and_redo_walk_through_what_was_done(visit):
    page = visit(f"/?{LIGHT}")
    for amount in (70, 90):
        put(page, slider(), amount)
        await_exact(page, amount, subject="digits_mlp")
    assert page.locator(".st-key-redo button").is_disabled()
    for amount in (70, 50):
        page.locator(".st-key-undo button").click()
        await_exact(page, amount, subject="digits_mlp")
        await_percent(page, '[data-pv="live-accuracy"]', truth(amount, subject="digits_mlp"))
        assert page.locator(slider()).input_value() == str(amount)
    assert page.locator(".st-key-undo button").is_disabled()
    for amount in (70, 90):
        page.locator(".st-key-redo button").click()
        await_exact(page, amount, subject="digits_mlp")


def test_the_copied_link_shows_somebody_else_the_same_numbers(visit):
    page = visit(f"/?{LIGHT}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator(".st-key-criterion").get_by_text("random", exact=True).click()
    page.wait_for_url(re.compile("c=random"))
    put(page, slider(), 62.5)
    await_percent(page, ".st-key-strip-sparsity", 62.5)
    page.locator("[data-layer] .pv-lock").first.click()
    page.wait_for_url(re.compile("keep="))
    settle(page)
    page.locator(".st-key-copy_link button").click()
    page.get_by_text("Link copied.").wait_for()
    link = page.evaluate("() => navigator.clipboard.readText()")
    assert link == page.url
    other = visit(link.partition(page.url.split("/?")[0])[2])
    assert strip(other) == strip(page)
    assert other.locator("[data-layer] .pv-lock").first.get_attribute("aria-pressed") == "true"
    # The link goes along to the other pages too.
    other.get_by_role("link", name="Weights").click()
    other.wait_for_url(re.compile("/weights"))
    other.locator(".st-key-layer").wait_for()
    await_percent(other, ".st-key-accuracy", only_percent(page, ".st-key-accuracy"))
    settle(other)
    assert strip(other) == strip(page)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("s=lots", "«s=lots»"),
        ("s=-3", "«s=-3»"),
        ("m=nobody", "nobody"),
        ("c=taylr", "taylr"),
        ("p=nowhere", "nowhere"),
        ("keep=nolayer", "no layer 'nolayer'"),
        ("zzz=%3Cscript%3E", "«zzz»"),
        ("m=..%2F..%2Fetc%2Fpasswd", "passwd"),
    ],
)
def test_a_bad_link_is_a_sentence_and_the_default(visit, query, said):
    page = visit(f"/?{query}")
    alerts = page.locator("[data-testid=stAlert]")
    assert alerts.count() == 1 and said in alerts.inner_text() and "Traceback" not in alerts.inner_text()
    assert len(alerts.inner_text()) < 300
    await_exact(page, 50)
    assert page.locator("[data-testid=stException]").count() == 0


def test_two_visitors_never_see_each_others_numbers(visit):
    """200 moves, taken in turn: each waits for the accuracy that the engine measures at its own setting."""
    visitors = [(visit(f"/?s=1&c={key}"), key) for key in ("magnitude", "random")]
    right = {
        key: {round(100 * one.amount): round(100 * one.value, 1) for one in true_curve(key).points} for _, key in visitors
    }
    amounts = [(37 * step) % 101 for step in range(100)]
    assert len({right["magnitude"][at] == right["random"][at] for at in amounts}) == 2
    for here, there in zip(amounts, reversed(amounts), strict=True):
        for (page, _), amount in zip(visitors, (here, there), strict=True):
            put(page, slider(), amount)
        for (page, key), amount in zip(visitors, (here, there), strict=True):
            await_percent(page, ".st-key-strip-sparsity", amount)
            await_percent(page, ".st-key-accuracy", right[key][amount])
    for (page, key), amount in zip(visitors, (amounts[-1], amounts[0]), strict=True):
        settle(page)
        assert only_percent(page, ".st-key-accuracy") == right[key][amount]
        assert f"s={amount}" in page.url or amount == 50


def test_the_challenges_do_what_they_say(visit):
    page = visit("/")
    told, curve = page.locator('[data-pv="told"]'), true_curve()
    cliff = findings.cliff(curve)
    page.locator('[data-pv="find-cliff"]').click()
    await_exact(page, round(100 * cliff.start))
    assert "Here is the edge" in told.inner_text() and f"{cliff.points:.1f}".removesuffix(".0") in told.inner_text()

    page.locator('[data-pv="tolerance"]').fill("10")
    page.locator('[data-pv="lose-at-most"]').click()
    n = curve.points[0].half[1]
    lost = [100 * (curve.points[0].half[0] - point.half[0]) / n for point in curve.points]
    chosen = max(at for at, points in enumerate(lost) if points <= 10 + 1e-9)
    await_exact(page, chosen)
    assert f"{chosen}% can go" in told.inner_text() and f"{n} samples that chose" in told.inner_text()

    before = strip(page)
    page.locator('[data-pv="guess-first"]').click()
    assert not page.locator('[data-pv="curve"] .pv-series').is_visible()
    assert percents(page.locator('[data-pv="live-accuracy"]').inner_text()) == []
    put(page, slider(), 60)
    assert page.locator('[data-pv="live-accuracy"]').inner_text() == "hidden" and strip(page)[0] == before[0]
    for place in ("h1", ".st-key-accuracy [data-testid=stMetricValue]", ".st-key-told p"):
        assert not page.locator(place).is_visible(), f"{place} tells the answer"
    page.locator('[data-pv="reveal"]').click()
    page.wait_for_url(re.compile("guess=60"))
    assert "You said 60%" in told.inner_text() and page.locator('[data-pv="curve"] .pv-series').is_visible()
    early = round(100 * cliff.start) - 60
    assert f"{early} points too early" in told.inner_text()
    page.locator("h1").wait_for(state="visible")
    assert strip(page) == before, "a guess changes nothing"
