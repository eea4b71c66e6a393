"""Undo, redo, pin, mark and link survive any order of pages: random actions, and a model beside them.

Few enough for CI; `PRUNEVIZ_WALK=300` walks three hundred.
"""

from __future__ import annotations

from tests.studio.test_pages import opened
from tests.studio.walk import LONG, START, Action, Model, actions

FILES = {
    "slider": "pages/start/slider.py",
    "weights": "pages/see/weights.py",
    "anatomy": "pages/see/anatomy.py",
    "compare": "pages/decide/compare.py",
}
BUTTONS = {"undo": "undo", "redo": "redo", "pin": "pin"}
PLACED = {"return": "return-{}", "unpin": "unpin-{}", "baseline": "baseline-{}"}


def act(app, action: Action, model: Model) -> None:
    """Does one action with the widgets that are on the page."""
    name, value = action.name, action.value
    if name == "go":
        app.switch_page(FILES[value]).run()
    elif name in BUTTONS:
        app.button(key=BUTTONS[name]).click().run()
    elif name in PLACED:
        app.button(key=PLACED[name].format(value)).click().run()
    elif name == "mark":
        app.checkbox(key=f"mark-{value}").set_value(value in model.recipe.marked).run()
    else:
        kinds = app.segmented_control, app.selectbox
        next(one for kind in kinds for one in kind if one.key == name).set_value(value).run()


def test_a_random_walk_is_where_the_model_says():
    app = opened(m=START.subject, s="60")
    for step, (action, model) in enumerate(actions(5, LONG or 40, scrub=False, leave=False)):
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
    assert model.past or model.future
