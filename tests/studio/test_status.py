"""The status line: what runs, where it stands in the queue, how to end it; and a heavy model's page as a visitor has it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz.recipe import Recipe
from pruneviz.report import Curve, CurvePoint
from pruneviz.runs.jobs import Job
from pruneviz.studio import curves, orders, status
from pruneviz.studio.order import Order
from tests.studio import heavy
from tests.studio.test_pages import opened, said, strip


def ticket(state: str = "running", **other) -> SimpleNamespace:
    return SimpleNamespace(state=state, **{"position": None, "seconds_left": None, "progress": None} | other)


def order(kind: str, one: object = None, **other) -> Order:
    return Order(kind, Recipe(), curves.NODES if kind == "curve" else (), ticket=one, **other)


def points(*counts: int) -> Curve:
    found = tuple(CurvePoint(at / 100, at / 100, 0.5, 1, n, (0.4, 0.6), (0, 0), of=500) for at, n in enumerate(counts))
    return Curve("m", "magnitude", "global", 0, "none", 0, found, 0.9, 0.1)


@pytest.mark.parametrize(
    "found, words",
    [
        ([], ""),
        ([order("measure", ticket())], "Measuring the first samples"),
        ([order("measure")], ""),
        (
            [order("curve", ticket(seconds_left=300.0), latest=points(500, 500, 64, 64, 64))],
            "Curve: 2 of 101 points, 3 more on 64 of 500 images, about 5 min left",
        ),
        ([order("curve", ticket("waiting", position=1))], "Curve: 0 of 101 points: waiting, next in turn"),
        (
            [order("sweep", ticket("waiting", position=3, seconds_left=42.0))],
            "Sorting and counting what goes at each percent: waiting, 2 jobs before it, about 40 s left",
        ),
        ([order("stand", ticket(progress=(7.0, 64.0)))], "Scoring by magnitude: 7 of 64"),
        ([order("curve", ticket(seconds_left=99999.0))], "Curve: 0 of 101 points, more than an hour left"),
    ],
)
def test_what_runs_in_words(found, words):
    assert status.words(found) == words


def test_what_ended_in_words():
    stopped = order("curve", latest=points(64), steps=12, stopped={"server"})
    failed = order("measure", state="failed", trouble="it was ended after 1,800 seconds.")
    said = status.ended_words([stopped, failed, order("sweep", state="done")])
    assert said == (
        "The curve was cancelled at step 12; what was found until then stays. "
        "The measurement ended: it was ended after 1,800 seconds."
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> str:
    return heavy.card(tmp_path_factory.mktemp("heavy"), samples=120)


def rerun_until(app: AppTest, wanted, seconds: float = 60) -> AppTest:
    last = time.monotonic() + seconds
    while not wanted(app):
        assert time.monotonic() < last, said(app)
        time.sleep(0.2)
        app.run()
        assert not app.exception, app.exception
    return app


def buttons(app: AppTest) -> set[str]:
    return {one.key for one in app.button}


def test_a_heavy_model_has_its_slider_at_once_and_its_curve_by_and_by(weighed):
    app = opened(m=weighed, s="70")
    assert not app.exception and not app.warning, app.exception
    assert strip(app)["sparsity"] == "70%" and "accuracy, 120 held-out images" in strip(app)
    rerun_until(app, lambda one: not buttons(one) & {"cancel-order", "go-on"})
    assert "still being measured" not in said(app)
    for page in ("pages/see/weights.py", "pages/analyse/criteria.py", "pages/see/anatomy.py"):
        other = opened(page, m=weighed, s="70", k="0")
        assert not other.exception and not other.warning, (page, other.exception)


def test_what_another_page_asked_for_does_not_draw_this_one_again_and_again(weighed):
    recipe = curves.kitchen.job_part(Recipe(subject=weighed))
    orders.attend(weighed)
    measure = orders.look(recipe, "measure")
    measure.version += 1
    assert status._fresh(measure)
    orders.attend(weighed)  # another page: it looks at something else
    sweep = orders.look(recipe, "sweep")
    assert measure in orders.mine() and not status._fresh(measure) and not status._fresh(sweep)
    orders.look(recipe, "measure")
    assert not status._fresh(measure)
    measure.version += 1
    assert status._fresh(measure)


def slow(monkeypatch) -> None:
    """Curves that never come to an end."""
    asked = orders._job

    def job(order: Order) -> Job:
        found = asked(order)
        return found if order.kind != "curve" else Job("tests.studio.endless:steps", found.recipe, found.card)

    monkeypatch.setattr(orders, "_job", job)
    monkeypatch.setattr(orders, "known", lambda *_: False)
    monkeypatch.setattr(curves, "_ordered", _begun)


def _begun(recipe, report, panel=""):
    orders.look(curves.kitchen.job_part(recipe, amount=0.0), "curve", curves.NODES, panel)
    return curves._begun(report(recipe)), False


def test_cancel_ends_it_within_two_seconds_says_where_and_can_be_taken_back(weighed, monkeypatch):
    slow(monkeypatch)
    app = opened(m=weighed)
    rerun_until(app, lambda one: "cancel-order" in buttons(one))
    ticket = next(one for one in orders.queue().tickets() if one.job.kind.endswith("steps"))
    assert ticket.wait(20, lambda one: one.steps > 2)
    started = time.monotonic()
    app.button(key="cancel-order").click().run()
    assert time.monotonic() - started < 6 and ticket.state == "cancelled"  # 2 s, and a page drawn on a busy machine
    app.run()
    assert "The curve was cancelled at step" in said(app) and "cancel-order" not in buttons(app)
    assert not [one for one in orders.queue().tickets() if one.job.card == weighed]
    app.button(key="go-on").click().run()
    rerun_until(app, lambda one: "cancel-order" in buttons(one))


def test_another_criterion_abandons_the_older_curve(weighed, monkeypatch):
    slow(monkeypatch)
    app = opened(m=weighed)
    rerun_until(app, lambda one: "cancel-order" in buttons(one))
    older = next(one for one in orders.queue().tickets() if one.job.kind.endswith("steps"))
    app.segmented_control(key="criterion").set_value("random").run()
    assert not app.exception and not older.watchers
    me = next(iter(orders._watched))
    assert {kind for kind, _ in orders._watched[me]} >= {"measure", "sweep", "curve"}
    app.selectbox(key="subject").set_value("digits_mlp").run()  # and of another model nothing is asked of the worker
    assert not app.exception and not orders._watched.get(me)


def test_what_cannot_be_measured_is_a_word_and_the_setting_before(weighed, monkeypatch):
    asked = orders._job
    app = opened(m=weighed, s="40")
    monkeypatch.setattr(orders, "_job", lambda one: Job("dance", asked(one).recipe, weighed))
    app.segmented_control(key="scope").set_value("layer").run()
    assert not app.exception and any("kind of job 'dance'" in one.value for one in app.warning)
    assert "p" not in app.query_params and strip(app)["sparsity"] == "40%"


def test_every_kind_of_work_has_words():
    """A line that says «Working» says nothing."""
    from pruneviz.runs import kinds

    assert {*kinds._KINDS, *kinds._ELSEWHERE} <= {*status.DOING}
