"""Undo, redo, pin, mark and link survive any order of pages: random actions, and a model beside them.

Few enough for CI; `PRUNEVIZ_WALK=300` walks three hundred.
"""

from __future__ import annotations

from tests.studio.test_pages import opened
from tests.studio.walk import LONG, PAGES, START, Action, Model, actions

FILES = {
    "slider": "pages/start/slider.py",
    "weights": "pages/see/weights.py",
    "anatomy": "pages/see/anatomy.py",
    "damage": "pages/analyse/damage.py",
    "compare": "pages/decide/compare.py",
    "present": "pages/decide/present.py",
    "lessons": "pages/learn/lessons.py",
    "scale": "pages/learn/scale.py",
}
BUTTONS = {"undo": "undo", "redo": "redo", "pin": "pin", "leave": "lesson-leave"}
PLACED = {"return": "return-{}", "unpin": "unpin-{}", "baseline": "baseline-{}", "example": "look-{}"}
PLACED |= {"lesson": "lesson-start-{}"}


def act(app, action: Action, model: Model) -> None:
    """Does one action with the widgets that are on the page."""
    name, value = action.name, action.value
    if name == "go":
        app.switch_page(FILES[value]).run()
    elif name in BUTTONS:
        app.button(key=BUTTONS[name]).click().run()
    elif name in PLACED:
        app.button(key=PLACED[name].format(value)).click().run()
        if name == "lesson":  # AppTest forgets that the script itself went to another page
            app.switch_page(FILES[model.page]).run()
    elif name == "title":
        app.text_input(key=name).set_value(value).run()
    elif name == "limit":
        app.number_input(key=f"limit-{value[0]}").set_value(value[1]).run()
    elif name == "mark":
        app.checkbox(key=f"mark-{value}").set_value(value in model.recipe.marked).run()
    else:
        kinds = app.segmented_control, app.selectbox
        next(one for kind in kinds for one in kind if one.key == name).set_value(value).run()


def seen(app, field: str) -> tuple[int, ...]:
    """The classes, or the examples, that the page offers; of the digits a class is called what its index is."""
    if field == "example":
        return tuple(int(one.key.removeprefix("look-")) for one in app.button if (one.key or "").startswith("look-"))
    menus = [one for one in app.selectbox if one.key == "group"]
    return tuple(-1 if name == "all classes" else int(name) for one in menus for name in one.options)


def test_a_random_walk_is_where_the_model_says():
    app = opened(m=START.subject, s="60")
    walked = actions(159, LONG or 32, scrub=False, leave=False, seen=lambda field: seen(app, field))
    been, done = set(), set()
    for step, (action, model) in enumerate(walked):
        act(app, action, model)
        assert not app.exception, (step, action, app.exception)
        said = {key: app.query_params[key] for key in app.query_params if key not in ("mh", "dh")}
        assert said == model.address(), (step, action)
        assert app.button(key="undo").disabled is (not model.past), (step, action)
        assert app.button(key="redo").disabled is (not model.future), (step, action)
        assert any(one.key == "pin" for one in app.button) is (not model.pinned and len(model.recipe.pins) < 8), (
            step,
            action,
        )
        been, done = {*been, model.page}, {*done, action.name}
    assert been == set(PAGES) and (model.past or model.future)
    assert done >= {"pin", "undo", "redo", "limit", "group", "example", "lesson", "leave"}, "another seed walks everywhere"
