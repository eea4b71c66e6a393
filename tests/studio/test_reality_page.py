"""The page «Reality check»: a worker of its own measures, the page shows what is known, and says what is not."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pruneviz import plain, truth_file
from pruneviz.recipe import Recipe
from pruneviz.studio import reality
from pruneviz.studio import reality_words as words
from pruneviz.truths import DENSE, SMALLER, ZEROS
from tests.charts.test_reality import EMPTY, STAGES, WHOLE, timed

ROOT = Path(__file__).resolve().parents[2]
PAGE = "pages/decide/reality.py"


@pytest.fixture(autouse=True)
def fresh():
    reality._measuring.clear()
    yield
    reality._measuring.clear()


def opened(**query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)
    for key, value in {"m": "digits_mlp", **query}.items():
        app.query_params[key] = value
    app.run()
    return app.switch_page(PAGE).run()


def answers(monkeypatch, truth, **how) -> list[Recipe]:
    """The worker's part is played by a Truth made by hand; returns the Recipes that were asked for."""
    asked = []

    def run(found):
        asked.append(found.recipe)
        fits = truth and replace(truth, smaller_granularity=truth.smaller_granularity and "neuron")  # what an MLP has
        found.truth, found.done, found.words = fits, 0.5, "timing"
        for key, value in how.items():
            setattr(found, key, value)

    monkeypatch.setattr(reality, "_run", run)
    return asked


def said(app: AppTest) -> str:
    return " ".join(one.value for one in [*app.title, *app.markdown, *app.caption, *app.error, *app.info, *app.warning])


def settled(app: AppTest) -> AppTest:
    """The page once its measurement has ended."""
    for _ in range(100):
        if any(button.key == "again" for button in app.button):
            return app
        time.sleep(0.05)
        app.run()
    raise AssertionError(said(app))


def test_the_title_is_the_finding_and_every_chart_has_words_and_a_table(monkeypatch):
    answers(monkeypatch, WHOLE)
    app = settled(opened(s="80"))
    assert not app.exception, app.exception
    assert app.title[0].value.startswith("80% zeros, same milliseconds; stored sparse, 10% less time")
    charts = app.get("plotly_chart")
    assert len(charts) == 3 and all(len(chart.proto.alt) > 40 for chart in charts)
    assert len(app.expander) >= 3
    text = said(app)
    for sentence in ("Measured on A processor: 2 of 4 threads", "Often said", "60% of the multiplications gone, 30% less"):
        assert sentence in text
    assert "50% of the promised speed arrives" in text and "Speed is not all" in text


@pytest.mark.parametrize("stage", [*STAGES])
@pytest.mark.parametrize("query", [{}, {"g": "neuron", "s": "30"}, {"g": "2:4"}])
def test_the_page_stands_at_every_stage_and_granularity(monkeypatch, stage, query):
    answers(monkeypatch, STAGES[stage])
    app = settled(opened(**query))
    assert not app.exception, app.exception
    assert app.title[0].value and len(app.get("plotly_chart")) <= 3


def test_what_was_chosen_is_what_is_measured(monkeypatch):
    asked = answers(monkeypatch, WHOLE)
    app = settled(opened(s="80", batch="8", threads="1"))
    assert asked[-1] == Recipe(subject="digits_mlp", amount=0.8, batch=8, threads=1)
    app.number_input(key="batch").set_value(16).run()
    settled(app)
    assert asked[-1].batch == 16 and app.query_params["batch"] == "16"
    app.segmented_control(key="amount").set_value(0.9).run()
    settled(app)
    assert asked[-1].amount == 0.9 and len(asked) == 3
    app.run()
    assert len(asked) == 3  # what is known is not measured again


def test_a_measurement_can_be_stopped_and_begun_again(monkeypatch):
    started = []

    def run(found):
        started.append(found)
        found.truth = EMPTY
        while not reality._over(found, time.monotonic()):
            time.sleep(0.01)

    monkeypatch.setattr(reality, "_run", run)
    app = opened()
    assert app.button(key="cancel")
    app.button(key="cancel").click().run()
    settled(app)
    assert "was stopped" in said(app) and not app.exception
    app.button(key="again").click().run()
    assert len(started) == 2 and app.button(key="cancel")
    reality.stop(started[-1])


def test_trouble_is_a_sentence(monkeypatch):
    answers(monkeypatch, None, trouble="The measurement ended early: no memory")
    app = settled(opened())
    assert not app.exception and app.error[0].value == plain.markdown("The measurement ended early: no memory")


def test_one_measurement_at_a_time_and_nobody_waits_for_one_that_nobody_watches(monkeypatch):
    monkeypatch.setattr(reality, "UNSEEN", 0.3)
    monkeypatch.setattr(reality, "TICK", 0.05)
    running = []

    def run(found):
        running.append(found)
        assert len(running) == 1
        while not reality._over(found, time.monotonic()):
            time.sleep(0.01)
        running.remove(found)

    monkeypatch.setattr(reality, "_run", run)
    first, second = (reality.measured(Recipe(subject="digits_mlp", amount=amount)) for amount in (0.1, 0.2))
    time.sleep(0.15)
    assert running == [first] and "waiting" in second.words
    for _ in range(100):
        if first.ended and second.ended:
            break
        time.sleep(0.05)
    assert first.left and second.left and not running
    again = reality.measured(first.recipe)
    assert again is not first and not again.left  # whoever comes back finds it begun anew
    reality.stop(again)


def test_a_worker_of_its_own_measures(monkeypatch):
    monkeypatch.setattr(reality, "SECONDS", 0.05)
    found = reality.Measuring(Recipe(subject="digits_mlp", granularity="neuron", amount=0.5, batch=2, threads=1))
    reality._run(found)
    assert found.truth.complete and not found.trouble and found.done == 1.0
    assert (found.truth.batch, found.truth.machine.threads, found.truth.smaller_granularity) == (2, 1, "neuron")


def test_a_worker_that_fails_says_why():
    found = reality.Measuring(Recipe(subject="nobody"))
    reality._run(found)
    assert found.trouble.startswith("The measurement ended early: unknown subject nobody")


def test_a_worker_is_ended_when_nobody_looks(monkeypatch):
    monkeypatch.setattr(reality, "UNSEEN", 0.0)
    found = reality.Measuring(Recipe(subject="digits_mlp"))
    started = time.monotonic()
    reality._run(found)
    assert found.left and not found.trouble and time.monotonic() - started < 20


def test_the_command_is_what_a_terminal_takes(monkeypatch):
    from pruneviz.__main__ import _parser, _recipe

    recipe = Recipe(
        subject="digits_mlp", criterion="gradient", granularity="neuron", scope="layer", amount=0.3, pool="max", floor=0,
        gone=("fc1:3",), back=("fc1:5",), spared=("fc2.weight",), overrides=(("fc1.weight", 0.25),), seed=7,
        batch=8, threads=1,
    )  # fmt: skip
    words_of = reality.arguments(recipe)
    chosen = _parser().parse_args([*words_of, "--json"])
    assert replace(_recipe(chosen, "training", chosen.amount), batch=chosen.batch, threads=chosen.threads) == recipe
    assert reality.command(Recipe(subject="digits_mlp", amount=0.8)).startswith(
        "python -m pruneviz time --subject=digits_mlp"
    )


def test_a_batch_fits_into_memory(monkeypatch):
    assert reality.most("digits_mlp") == 4096 and not reality.takes_tokens("digits_mlp")
    asked = answers(monkeypatch, WHOLE)
    monkeypatch.setattr(reality, "most", lambda _: 64)
    settled(opened(batch="4096", len="128"))
    assert asked[-1].batch == 64 and asked[-1].length == 0


class Given:
    """What a visitor dropped."""

    def __init__(self, data: bytes):
        self.data = data

    def getvalue(self) -> bytes:
        return self.data


@pytest.mark.parametrize("other", [WHOLE, replace(WHOLE, amount=0.5, granularity="filter", subject_sha256="another")])
def test_a_file_from_another_machine_is_shown_beside(monkeypatch, other):
    answers(monkeypatch, WHOLE)
    written = json.dumps(truth_file.to_table(replace(other, machine=replace(other.machine, processor="Elsewhere")))).encode()
    monkeypatch.setattr(reality.st, "file_uploader", lambda *_, **__: Given(written))
    app = settled(opened(s="80"))
    assert not app.exception, app.exception
    assert len(app.get("plotly_chart")) == 4 and "Measured on Elsewhere" in said(app)
    assert bool(app.warning) == (other is not WHOLE)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1", b"\xff", json.dumps({"kind": "pruneviz time", "version": 1}).encode()])
def test_a_file_that_cannot_be_shown_is_a_sentence(monkeypatch, data):
    answers(monkeypatch, WHOLE)
    monkeypatch.setattr(reality.st, "file_uploader", lambda *_, **__: Given(data))
    app = settled(opened(s="80"))
    assert not app.exception and app.error[0].value.startswith("this file cannot be shown")
    assert len(app.get("plotly_chart")) == 3


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("nothing yet", "What is removing 80% of the weights worth on this machine?"),
        ("no smaller network", "80% zeros, same milliseconds."),
        ("slower", "80% zeros, 30% more time (1.30 × slower); really smaller, 40% more time (1.40 × slower)."),
        (
            "one batch",
            "80% zeros, same milliseconds; only the really smaller network is faster: 10% less time (1.11 × faster).",
        ),
    ],
)
def test_headlines_say_what_was_measured(stage, said):
    assert words.headline(Recipe(amount=0.8), STAGES[stage]) == said


NEITHER = "Too noisy to say: neither 80% zeros nor the really smaller network can be told from the dense one."
SAME = "80% zeros, same milliseconds; "
HALF = "50% less time (2.00 × faster)."
TWICE = "80% zeros, 100% more time (2.00 × slower); "
UNTOLD = "cannot be told from the dense"


@pytest.mark.parametrize(
    ("times", "load", "said"),
    [
        ((1.0, 0.98, 0.02), None, f"{SAME}the really smaller network is not measurably faster either."),
        ((1.0, 0.98, 0.02), 4.0, NEITHER),
        ((1.0, 0.8, 0.4), None, NEITHER),
        ((2.0, 0.98, 0.02), 4.0, f"{TWICE}too noisy to say: the really smaller network {UNTOLD} one."),
        (
            (1.0, 0.5, 0.02),
            4.0,
            f"The really smaller network takes {HALF[:-1]}; what 80% zeros alone do is too noisy to say.",
        ),
        ((1.0, 0.5, 0.02), None, f"{SAME}only the really smaller network is faster: {HALF}"),
    ],
)
def test_a_headline_does_not_deny_what_noise_may_hide(times, load, said):
    zeros, smaller, width = times
    ways = (timed(DENSE, 1.0, width=width), timed(ZEROS, zeros, width=width), timed(SMALLER, smaller, width=width))
    truth = replace(WHOLE, times=ways, machine=replace(WHOLE.machine, load=load))
    assert words.headline(Recipe(amount=0.8), truth) == said


def test_no_difference_is_said_as_such():
    for apart, words_of_it in ((0.0, "to the last bit."), (2e-6, "within 2e-06 of the largest output.")):
        said = words.budget(Recipe(amount=0.8), replace(WHOLE, difference=apart))
        assert said.endswith(f"It computes what the masked network computes, {words_of_it}")


def test_only_is_not_said_of_the_second_that_is_faster():
    said = words.headline(Recipe(amount=0.8), WHOLE)
    assert "stored sparse, 10% less time" in said and said.endswith("; really smaller, 30% less time (1.43 × faster).")


def test_what_is_missing_is_not_what_is_drawn():
    """The whole network was timed at batch 1 and is too large at 32: only that is missing."""
    layer, network = WHOLE.crossings
    truth = replace(WHOLE, missing=(("network", "too large"), ("semi", "no GPU")))
    drawn = replace(truth, crossings=(layer, replace(network, batch=1)))
    assert words.missing(drawn) == "- Whole network, batch 32: too large.\n- 2:4: no GPU."
    assert words.missing(replace(truth, crossings=(layer,))) == "- Whole network: too large.\n- 2:4: no GPU."


def test_the_title_of_the_plot_and_the_sentence_below_agree():
    from pruneviz.charts import reality as charts

    line = replace(WHOLE.crossings[1], what="fc1", batch=1)
    unsure = replace(WHOLE.crossings[1], batch=1, ratios=(1.5, 1.2, 0.9), lows=(0.9, 0.8, 0.7), highs=(3.0, 2.0, 1.5))
    truth = replace(WHOLE, crossings=(line, unsure))
    assert "whole network, batch 1: cannot tell: between 50% and above 90%." in words.sparse_pays(truth)
    assert "fc1, batch 1: not up to 90%" in words.sparse_pays(truth)
    title = charts.crossing_title(truth.crossings)
    assert title.endswith("up to 90% zeros: fc1, batch 1; cannot tell, too noisy: whole network, batch 1.")


def test_the_fields_say_how_far_they_go(monkeypatch):
    answers(monkeypatch, WHOLE)
    monkeypatch.setattr(reality.os, "cpu_count", lambda: 2)
    app = settled(opened())
    assert app.number_input(key="threads").label == "threads: 1 to 2 here, 0 for all"
    assert app.number_input(key="batch").label == "batch beside 1, up to 4,096 here"


def test_a_busy_machine_is_named():
    busy = replace(WHOLE, machine=replace(WHOLE.machine, load=3.5))
    assert "The machine was busy" in words.setting(busy) and "busy" not in words.setting(WHOLE)


def test_zeros_in_layers_are_not_called_silent():
    """A layer whose weights are zero still says something; a filter does not."""
    truth = replace(WHOLE, smaller_granularity="layer", difference=1e-6)
    said = {kind: words.budget(Recipe(granularity=kind, amount=0.5), truth) for kind in ("layer", "filter")}
    assert "norms and biases still speak, so its outputs differ from the preview" in said["layer"]
    assert "silences" in said["filter"] and "differ from the preview" not in said["filter"]


def test_what_it_costs_says_on_how_many_samples_so_far(monkeypatch):
    from pruneviz.studio import kitchen

    recipe = Recipe(subject="digits_mlp", amount=0.8)
    whole = kitchen.report(recipe)
    some = {"": replace(whole, score=replace(whole.score, of=500)), SMALLER: whole}
    monkeypatch.setattr(words.kitchen, "report", lambda _recipe, panel="": some[panel])
    assert words.accuracy(recipe, WHOLE).endswith("on 500 held-out samples.")
    some[SMALLER] = replace(whole, score=replace(whole.score, n=96, of=500))
    assert words.accuracy(recipe, WHOLE).endswith("on 500 and 96 of 500 held-out samples so far.")
    some[""] = some[SMALLER]
    assert words.accuracy(recipe, WHOLE).endswith("on 96 of 500 held-out samples so far.")

    def cancelled(_recipe, panel=""):
        raise ValueError("it was cancelled before anything was measured")

    monkeypatch.setattr(words.kitchen, "report", cancelled)
    assert "is not known: it was cancelled" in words.accuracy(recipe, WHOLE)


def test_a_language_model_is_said_to_read_and_write_so_many_tokens_per_second():
    """At batch 1 a window of 100 tokens takes 2 ms dense and 1.8 ms smaller: 500 and 556 new tokens per second."""
    said_of = words.tokens(replace(WHOLE, tokens=100))
    assert "windows of 100 tokens each (1 × 100 and 32 × 100, padding included)" in said_of
    assert "at batch 1: 500 dense; 500 with zeros; 556 really smaller." in said_of
    assert "**2:4 on the GPU,** half precision, batch 32: 2,000,000 tokens per second (" in said_of
    without = replace(WHOLE, tokens=100, times=WHOLE.times[:8], missing=(("semi", "needs an NVIDIA GPU"),))
    assert words.tokens(without).endswith("**2:4 on the GPU:** not measured here: needs an NVIDIA GPU.")


def test_heads_that_go_by_the_group_are_called_so():
    recipe = Recipe(subject="reference_lm", granularity="head", amount=0.5)
    assert "removing 50% of the groups of heads worth" in words.headline(recipe, None)


def test_a_network_of_images_reads_no_tokens(monkeypatch):
    answers(monkeypatch, WHOLE)
    app = settled(opened(s="80"))
    assert not app.exception and "tokens per second" not in said(app) and len(app.get("plotly_chart")) == 3
    monkeypatch.undo()
    answers(monkeypatch, replace(WHOLE, tokens=100))
    reality._measuring.clear()
    app = settled(opened(s="80"))
    assert not app.exception and "tokens per second" in said(app) and len(app.get("plotly_chart")) == 4
