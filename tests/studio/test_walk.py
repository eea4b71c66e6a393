"""Undo, redo, pin, mark and link survive any order of pages: random actions, and a model beside them.

Few enough for CI; `PRUNEVIZ_WALK=300` walks three hundred.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pruneviz.studio import reality, sensitivity
from tests.charts.test_reality import WHOLE
from tests.studio.test_pages import opened
from tests.studio.walk import LONG, PAGES, START, Action, Model, actions
from tests.studio.walk_labs import LABS

pytestmark = pytest.mark.usefixtures("store")

FILES = {
    "slider": "pages/start/slider.py",
    "weights": "pages/see/weights.py",
    "anatomy": "pages/see/anatomy.py",
    "damage": "pages/analyse/damage.py",
    "sensitivity": "pages/analyse/sensitivity.py",
    "criteria": "pages/analyse/criteria.py",
    "compare": "pages/decide/compare.py",
    "reality": "pages/decide/reality.py",
    "present": "pages/decide/present.py",
    "lessons": "pages/learn/lessons.py",
    "scale": "pages/learn/scale.py",
    **{lab: f"pages/labs/{lab}.py" for lab in LABS},
}
BUTTONS = {"undo": "undo", "redo": "redo", "pin": "pin", "leave": "lesson-leave", "mine": "own-model"}
BUTTONS |= {"untrained": "to-slider"}
PLACED = {"return": "return-{}", "unpin": "unpin-{}", "baseline": "baseline-{}", "example": "look-{}"}
PLACED |= {"lesson": "lesson-start-{}"}


def act(app, action: Action, model: Model):
    """Does one action with the widgets that are on the page; the app, which is another one after a reload."""
    name, value = action.name, action.value
    if name in ("reload", "open"):
        fresh = opened(FILES[model.page], **model.address())
        assert not fresh.exception and said(fresh) == model.address(), (action, model.page)
        return fresh if name == "reload" else app
    if name == "go":
        app.switch_page(FILES[value]).run()
    elif name in BUTTONS:
        app.button(key=BUTTONS[name]).click().run()
    elif name in PLACED:
        app.button(key=PLACED[name].format(value)).click().run()
    elif name == "title":
        app.text_input(key=name).set_value(value).run()
    elif name in ("limit", "pick", "batch", "threads"):
        key, number = (f"limit-{value[0]}", value[1]) if name == "limit" else (name, value)
        app.number_input(key=key).set_value(number).run()
    elif name == "control":
        kinds = app.segmented_control, app.selectbox, app.number_input, app.slider
        control = next(one for kind in kinds for one in kind if one.key == f"lab-{value[0]}")
        control.set_value(value[1]).run()
    elif name == "own":
        menu = next(one for one in app.selectbox if one.label == "its own amount")
        menu.set_value(menu.options[0] if value is None else f"{100 * value:g}%").run()
    elif name == "mark":
        app.checkbox(key=f"mark-{value}").set_value(value in model.recipe.marked).run()
    else:
        kinds = app.segmented_control, app.selectbox
        key = {"share": "amount"}.get(name, name)
        next(one for kind in kinds for one in kind if one.key == key).set_value(value).run()
    if name in ("lesson", "untrained"):  # AppTest forgets that the script itself went to another page
        app.switch_page(FILES[model.page]).run()
    return app


def said(app) -> dict[str, str]:
    """The address, without what a link was made with."""
    return {key: app.query_params[key] for key in app.query_params if key not in ("mh", "dh")}


def seen(app, field: str) -> tuple[int, ...]:
    """The classes, or the examples, that the page offers; of the digits a class is called what its index is."""
    if field == "example":
        return tuple(int(one.key.removeprefix("look-")) for one in app.button if (one.key or "").startswith("look-"))
    menus = [one for one in app.selectbox if one.key == "group"]
    return tuple(-1 if name == "all classes" else int(name) for one in menus for name in one.options)


def test_a_random_walk_is_where_the_model_says(monkeypatch):
    """What a page asks another process for is there at once, times and maps: this walk is about the Recipe."""
    monkeypatch.setattr(reality, "_run", lambda found: setattr(found, "truth", replace(WHOLE, smaller_granularity="neuron")))
    monkeypatch.setattr(sensitivity, "MOMENT", 1e9)
    app = opened(m=START.subject, s="60")
    walked = actions(1213, LONG or 55, scrub=False, leave=True, seen=lambda field: seen(app, field))
    been, done = set(), set()
    for step, (action, model) in enumerate(walked):
        app = act(app, action, model)
        assert not app.exception, (step, action, app.exception)
        assert said(app) == model.address(), (step, action)
        assert app.button(key="undo").disabled is (not model.past), (step, action)
        assert app.button(key="redo").disabled is (not model.future), (step, action)
        assert any(one.key == "pin" for one in app.button) is (not model.pinned and len(model.recipe.pins) < 8), (
            step,
            action,
        )
        been, done = {*been, model.page}, {*done, action.name}
    assert been == set(PAGES) and (model.past or model.future)
    wanted = {"pin", "undo", "redo", "limit", "group", "example", "lesson", "leave", "control", "mine", "untrained"}
    assert done >= wanted, "another seed walks everywhere"
