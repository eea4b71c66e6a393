"""One shot, words: what is said below the controls and below the chart of the page, and what a setting is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pruneviz import plain
from pruneviz.charts.chart import as_percent
from pruneviz.charts.labs import oneshot as charts
from pruneviz.charts.labs import reach
from pruneviz.recipe import Recipe
from pruneviz.studio import bench, catalogue, kitchen
from pruneviz.studio.labs.asked import name_of
from pruneviz.traced import Traced


def told(recipe: Recipe) -> str:
    """What the method does, in the first words of its own text."""
    from pruneviz.engine import reconstruct

    method = reconstruct.shelf().get(recipe.course.method)
    first = method.text.splitlines()[0] if method else ""
    return f"{first} No step of training is taken: the model is gone through once, block by block."


def set_aside(recipe: Recipe) -> str:
    """Who calibrates and who judges, where both come of the held-out data; empty elsewhere."""
    if recipe.calibration != "held-out":
        return ""
    return "A quarter of the held-out data, drawn by the seed, is set aside to calibrate; only the rest judges."


def strip(recipe: Recipe) -> str:
    """What the strip above the page shows, which is no run of this lab, whatever is chosen here."""
    now = bench.recipe_now()
    name = catalogue.criteria().get(now.criterion)
    of = "" if recipe.subject == now.subject else f" of {name_of(now.subject)}"
    gone = f"{as_percent(now.amount)} of the {kitchen.many(now)}{of}"
    by = plain.markdown(name.name if name else now.criterion, 64)
    return (
        f"The strip above removes {gone} by {by} and leaves the survivors as they are, on all held-out data; what one shot "
        "makes of the model is below."
    )


def outcomes(recipe: Recipe, groups: Mapping[str, Sequence[Traced]]) -> str:
    """Of how many draws and on which samples the chart's numbers are, and which of its names is bold."""
    ends = charts.ends(groups)
    draws = sorted({one.seeds for one in ends})
    many = " or ".join(map(str, draws))
    other = "another quarter of the held-out data" if recipe.calibration == "held-out" else "other calibration samples"
    own = charts.named(recipe)
    bold = "The method chosen above is bold." if any(one.name == own for one in ends) else f"Nobody ran {own} here yet."
    dot = f"the mean of {many} runs, one for each seed, which draws {other}" if draws != [1] else "one run, of one seed"
    return (
        f"{bold} A dot is {dot}. Its interval is that of the change against the dense model on the same "
        "held-out data: it tells of other data, not of other seeds."
    )


def reached(ways: Mapping[str, Sequence[Traced]]) -> str:
    """What is measured of the chart over sparsities, what is not, and which ways leave it."""
    beyond = reach.beyond(ways)
    high = f" What is higher than the chart goes stands in the table: {', '.join(beyond)}."
    return (
        "The marks are measured, means over the seeds that were run; the lines between them are not. Intervals are drawn "
        f"for the way that is chosen above and for the one that goes furthest.{high if beyond else ''}"
    )


def elsewhere(subject: str) -> str:
    """Of which text shipped runs are, where this Python carries another one than their author's; empty where it is that."""
    made = kitchen.subject(subject).origin
    if made is None or not made.caveats:
        return ""
    said = plain.markdown(" ".join(made.caveats), 512)
    return f"The shipped runs are of their author's text. {said} Run it live to see the same on the text of this one."


def setting(recipe: Recipe, mine: Recipe) -> str:
    """What a setting is called beside another Recipe, by what they differ in: «70%», «2:4, 32 samples»."""
    what = [recipe.granularity if ":" in recipe.granularity else as_percent(recipe.amount)]
    if ":" not in recipe.granularity and recipe.scope != mine.scope:
        scope = catalogue.scopes("weight").get(recipe.scope)
        what.append(scope.name if scope else recipe.scope)
    if recipe.course.batch != mine.course.batch:
        what.append(f"{recipe.course.batch} samples")
    return ", ".join(what)


def by_same(recipe: Recipe, mine: Recipe) -> Recipe:
    """A setting under the method and the criterion of another Recipe."""
    course = replace(recipe.course, method=mine.course.method)
    return replace(recipe, criterion=mine.criterion, seed=mine.seed, course=course)
