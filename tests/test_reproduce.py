"""The papers' tables: every run is one that its lab takes, figures are right by hand, and a small table goes from its runs
to Markdown by way of the store alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmarks.reproduce import __main__ as reproduce
from benchmarks.reproduce import estimate, figures, measured, performing, tables, written
from benchmarks.reproduce.asked import Asked, Table, seeded
from benchmarks.reproduce.cards import REAL, Cards
from benchmarks.reproduce.found import Found
from benchmarks.reproduce.measured import layers_and_heads
from benchmarks.reproduce.tables import before_training, penalties, prune_and_retrain, schedules, tickets
from pruneviz.engine.sources import architecture, card
from pruneviz.engine.training import labs
from pruneviz.engine.training.memory import Memory
from pruneviz.runs.store import Store


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    made = Store(tmp_path / "store", f"sqlite:///{tmp_path / 'store' / 'runs.db'}")
    (tmp_path / "store").mkdir()
    yield made
    made.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder like that of the real data, with a few images of noise in it."""
    place, random = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name, file, shape in (
        ("mnist", "mnist", (28, 28)),
        ("fashion_mnist", "fashion_mnist", (28, 28)),
        ("cifar10", "cifar10_lossless_5k", (32, 32, 3)),
    ):
        split = {}
        for part, n in (("train", 120), ("test", 60)):
            split |= {f"x_{part}": random.integers(0, 256, (n, *shape), dtype=np.uint8), f"y_{part}": np.arange(n) % 10}
        (place / name).mkdir()
        np.savez(place / name / f"{file}.npz", **split)
    (place / "cifar10_resnet20").mkdir()
    network = architecture.build("cifar_resnet", {"depth": 20})
    save_file(network.state_dict(), place / "cifar10_resnet20" / "resnet20.safetensors")
    return place


@pytest.mark.parametrize("key", list(tables.shelf()))
def test_a_table_is_well_formed(key):
    table = tables.find(key)
    lanes = [(one.lane, one.seed) for one in table.asked]
    assert table.title and table.text and len(set(lanes)) == len(lanes) and len(set(table.asked)) == len(lanes)
    assert {one.recipe.subject for one in table.asked} <= REAL.keys() | set(card.samples())
    for one in table.asked:
        assert one.parent is None or (one.parent.seed, one.parent.recipe.subject) == (one.seed, one.recipe.subject)
    every = table.every()
    assert all(one.parent is None or every.index(one.parent) < every.index(one) for one in every)
    seeds = {lane: [seed for one, seed in lanes if one == lane] for lane, _ in lanes}
    assert all(len(of) >= 3 for of in seeds.values())


@pytest.mark.parametrize("key", list(tables.shelf()))
def test_every_lane_is_a_run_that_its_lab_takes(key, data, store, tmp_path):
    """Its bill is made out, and it begins."""
    cards, lanes = Cards(tmp_path, store, data), {}
    for one in tables.find(key).asked:
        lanes.setdefault(one.lane, one)
    for one in lanes.values():
        subject, lab = cards.base(one.recipe), labs.find(one.recipe.course.lab)
        course = replace(one.recipe.course, every=1, batch=min(one.recipe.course.batch, 32))
        assert lab.planned(subject, one.recipe) > 0
        run = lab.run(subject, replace(one.recipe, course=course), Memory())
        assert next(run).of > 0
        run.close()


def test_a_difference_is_students():
    """Differences 1, 2, 3: mean 2, deviation 1, and t of two degrees of freedom is 4.3027: 2 ± 4.3027 / √3."""
    found = figures.difference({0: 2.0, 1: 4.0, 2: 6.0, 7: 9.0}, {0: 1.0, 1: 2.0, 2: 3.0, 8: 0.0})
    assert found.n == 3 and found.mean == 2 and found.high - 2 == pytest.approx(4.30265 / math.sqrt(3), abs=1e-5)
    assert found.told() == "+2.00 [−0.48, +4.48]"
    assert figures.difference({0: 1.0}, {1: 1.0}) is None and figures.over([0.5]).told() == "+0.50 (one seed)"
    assert figures.over([-0.4, -0.4, -0.4]).told() == "−0.40 (the same in all 3)" and figures.over([-0.4] * 3).high > 0


def test_figures_are_written_with_their_spread():
    assert figures.spread([1.0, 2.0, 3.0]) == "2.00 ± 1.00" and figures.spread([1.0]) == "1.00" and figures.spread([]) == "–"
    assert [figures.signed(one) for one in (0.004, -0.004, -1.5, 1.5)] == ["0.00", "0.00", "−1.50", "+1.50"]
    assert figures.rows(["a", "b"], [["1", "2"]]) == ["| a | b |", "| --- | --- |", "| 1 | 2 |", ""]


def test_the_middle_against_the_border_by_hand():
    """Two units: all of the middle's 196 pixels stay in one of them, and every second border pixel in the other."""
    kept = np.zeros((2, 28, 28), dtype=bool)
    kept[1, :, ::2] = True
    kept[1, 7:21, 7:21] = False
    kept[0, 7:21, 7:21] = True
    border = kept[1].sum() / (2 * (784 - 196))
    assert prune_and_retrain.middle_to_border(kept.reshape(2, 784)) == pytest.approx(0.5 / border)


def test_a_curve_is_flat_until_it_falls_by_a_fifth_of_a_point():
    curve = {0.0: {0: 98.0, 1: 98.0}, 0.5: {0: 97.9, 1: 97.8}, 0.9: {0: 97.5, 1: 97.9}, 0.95: {0: 98.0, 1: 98.0}}
    assert penalties.flat_to(curve) == 0.5


def test_a_small_table_from_runs_to_markdown(store, tmp_path):
    table, cards = small(), Cards(tmp_path, store)
    assert estimate.Pace(cards).left(table).runs == 6
    assert "Not performed yet." in list(written.lines(store, cards, [table]))
    runs = performing.every(store, cards, table.every(), lambda: False)
    assert [run.state for run in runs] == ["done"] * 6 and {run.step for run in runs} == {8, 12}
    stored = [(run.key, run.moments, run.seconds) for run in store.list()]
    performing.every(store, cards, table.every(), lambda: False)
    assert [(run.key, run.moments, run.seconds) for run in store.list()] == stored
    assert estimate.Pace(cards).left(table) == estimate.Bill(0, 0, 0.0)
    lines = list(written.lines(store, cards, [table]))
    (row,) = [line for line in lines if line.startswith("| `digits_mlp`")]
    found = Found(store, cards, table.every())
    each = [list(found.values(f"digits_mlp 95 % {one}", "accuracy").values()) for one in schedules.SCHEDULES]
    cells = [figures.spread(100 * value for value in one) for one in each]
    assert row.split(" | ")[1:3] == ["95", "2"] and row.split(" | ")[4:6] == cells
    assert any(line.startswith("*Bill: 6 runs, 64 training steps") for line in lines)
    text = written.into("before\n<!-- results:begin -->\nstale\n<!-- results:end -->\nafter", lines)
    assert row in text and "stale" not in text and text.startswith("before\n") and text.endswith("\nafter")
    assert written.into(text, lines) == text


def test_what_has_a_parent_starts_from_the_network_that_came_of_it(store, tmp_path):
    table, cards = small(), Cards(tmp_path, store)
    child = next(one for one in table.asked if one.parent is not None)
    performing.every(store, cards, [child.parent], lambda: False)
    subject = cards.subject(child)
    state, _ = labs.concluded(store.memory(cards.run(child.parent)))
    assert all(torch.equal(value, state[name]) for name, value in subject.network.state_dict().items())
    assert subject.sha256 != cards.base(child.recipe).sha256 and len(subject.sha256) == 64
    others = {cards.hashes(one) for one in table.asked if one.parent is not None and one.seed == child.seed}
    assert others == {cards.hashes(child)}


def test_what_starts_from_a_run_that_failed_is_left_out(store, tmp_path):
    table, cards = small(), Cards(tmp_path, store)
    child = next(one for one in table.asked if one.parent is not None)
    # Its lab takes it at the door and refuses it when it begins.
    broken = replace(child.parent.recipe, course=replace(child.parent.recipe.course, method="sideways"))
    orphan = replace(child, parent=Asked("broken", broken))
    runs = performing.every(store, cards, [orphan.parent, orphan], lambda: False)
    assert [run.state for run in runs] == ["failed"]
    assert not Found(store, cards, [orphan.parent, orphan]).runs
    performing.renew(store, cards, [orphan.parent, orphan])
    assert store.find(runs[0].key).state == "waiting"


def test_what_has_no_data_here_is_said_and_left_out(store, tmp_path):
    cards, table = Cards(tmp_path, store, tmp_path / "nowhere"), tables.find("tickets")
    assert all(cards.missing(one) for one in table.asked) and not any(cards.missing(one) for one in small().asked)
    assert "Not performed yet." in list(written.lines(store, cards, [table]))


@pytest.mark.parametrize("module", [before_training, tickets])
def test_a_table_of_tiny_runs_tells_every_row(module, data, store, tmp_path, monkeypatch):
    """Those whose rows are read from arrays and stages: two seeds, a few lanes, a few steps."""
    cards, asked, few = Cards(tmp_path, store, data), [], ("hunt", "snip", "trained", "snip at 99.98 %")
    for one in module.asked():
        if one.seed < 2 and one.lane in few:
            course = replace(one.recipe.course, steps=3, rounds=min(one.recipe.course.rounds, 2), every=3, batch=16)
            asked.append(replace(one, recipe=replace(one.recipe, course=course)))
    runs = performing.every(store, cards, asked, lambda: False)
    assert {run.state for run in runs} == {"done"}
    monkeypatch.setattr(tickets, "BELOW", 0.7)  # after two rounds 64 % are left
    lines = list(module.told(Found(store, cards, asked)))
    first = lines.index("")
    body = [line for line in lines[2:first] if figures.NOTHING not in line or module is before_training]
    assert len(body) == 2 and len(lines[2:first]) == (3 if module is tickets else 2)
    assert {tickets: "of 1 rounds with 64 % or less left", before_training: "mask costs snip "}[module] in lines[-1]


@pytest.mark.parametrize("key", list(measured.shelf()))
def test_a_measurement_is_well_formed(key):
    one = measured.shelf()[key]
    assert one.title and one.text and one.edition >= 1 and set(one.subjects) <= REAL.keys() | set(card.samples())


def test_what_was_measured_is_not_measured_again_until_it_is_another_thing(tmp_path, monkeypatch):
    made = []

    def measure(_cards):
        made.append(1)
        return {"value": len(made)}

    one = measured.Measurement("own", "Own", "What it is.", 1, (), measure, lambda found: iter([f"It is {found['value']}."]))
    monkeypatch.setattr(measured, "shelf", lambda: {"own": one})
    assert "Not performed yet." in list(measured.lines(tmp_path))
    assert measured.perform(tmp_path, one, None) == measured.perform(tmp_path, one, None) and len(made) == 1
    told = list(measured.lines(tmp_path))
    assert told[1:6] == ["## Own", "", "What it is.", "", "It is 1."] and told[-1].startswith(
        "*Bill: 0.0 minutes of one thread"
    )
    other = replace(one, edition=2)
    assert measured.read(tmp_path, other) is None and measured.perform(tmp_path, other, None).found == {"value": 2}


def test_the_command_measures_and_writes_what_is_asked_for(tmp_path, monkeypatch):
    results = tmp_path / "results.md"
    results.write_text("<!-- results:begin -->\n<!-- results:end -->\n")
    one = measured.Measurement("own", "Own", "Text.", 1, (), lambda _cards: {}, lambda _found: iter(["Told."]))
    monkeypatch.setattr(measured, "shelf", lambda: {"own": one})
    monkeypatch.setattr(written, "RESULTS", results)
    assert reproduce.main(["--folder", str(tmp_path / "store"), "own"]) == 0
    text = results.read_text()
    assert text.index("## Own") < text.index("Told.") < text.index("## What the runs were performed with")
    with pytest.raises(ValueError, match="unknown table 'other'; there are .*tickets.*own"):
        reproduce.main(["--folder", str(tmp_path / "store"), "other"])


def test_the_best_sets_of_layers_are_found_among_all():
    """Layer l costs 2^l hundredths of a nat, and layers 4 and 5 together cost nothing: best is without them, then without
    1, 4 and 5. «top» takes 4 and 5 first; leaving one out begins with the first and never sees the bargain."""
    losses = []
    for at in range(32):
        gone = [layer for layer in range(5) if at >> layer & 1]
        cost = sum(2**layer for layer in gone if not (layer > 2 and {3, 4} <= set(gone)))
        losses.append([gone, 1 + cost / 100])
    orders = {key: [0, 1, 2, 3, 4] for key in layers_and_heads.SCORES} | {"top": [3, 4, 2, 1, 0]}
    found = {"losses": losses, "orders": orders, "blocks": [[0], [3, 4], [0, 1, 2], [1, 2, 3, 4]], "tokens": [3, 4]}
    lines = list(layers_and_heads._told_layers(found))
    assert lines[0] == "Perplexity of all 5 layers on the second half (4 tokens): 2.72."
    head, one, two = lines[2], lines[4], lines[5]
    place = {name.strip(): at for at, name in enumerate(head.split("|"))}
    cells = [cell.strip() for cell in two.split("|")]
    assert cells[place["best set"]] == "2.7 (without 4, 5)" and cells[place["top"]] == "2.7 (1)"
    assert cells[place["one out"]] == "2.8 (2)" and cells[place["angular, block"]] == "2.7 (1)"
    assert [cell.strip() for cell in one.split("|")][place["top"]] == "2.9 (4)"
    assert lines[-1].endswith("The best sets do not nest: no order of leaving has all of them.")
    assert "; one out 0.03" in lines[-1] and "; top 0.03" in lines[-1], "by 0, 3, 6 and by 7, 0, 3 hundredths"
    assert lines[-2].endswith("which are 5, 10, 10, 5.")


def test_heads_are_told_layer_by_layer():
    """Slopes that order the heads of four layers as they are, and those of the first the wrong way round."""
    change = [at / 1000 for at in range(20)]
    slopes = [*change[3::-1], *change[4:]]
    (row,) = [line for line in layers_and_heads._told_heads({"heads": [slopes, change, change]}) if line.startswith("| 20")]
    cells = [cell.strip() for cell in row.split("|")]
    assert cells[4] == "−1.00; 1.00; 1.00; 1.00; 1.00" and cells[5] == "1.00" and cells[6] == "0.0000 to +0.0190"


def test_a_rank_correlation_by_hand():
    """Ranks 1 2 3 4 5 6 against 2 1 3 4 5 6: 1 − 6 · 2 / (6 · 35)."""
    rho, low, high = layers_and_heads.correlation([1, 2, 3, 4, 5, 6], [20, 10, 30, 40, 50, 60])
    assert rho == pytest.approx(1 - 12 / 210) and -1 < low < rho < high < 1


def test_the_results_have_their_markers():
    text = written.RESULTS.read_text("utf-8")
    assert written.into(text, ["new"]).count("new\n<!-- results:end -->") == 1
    with pytest.raises(ValueError, match="put both back"):
        written.into("nothing", [])


def small() -> Table:
    """A part of the schedules' table: one sample, one sparsity, two seeds, a few steps."""
    asked = []
    dense: list[Asked] = []
    for one in schedules.asked():
        if one.recipe.subject != "digits_mlp" or one.seed > 1 or one.recipe.amount not in (0.0, 0.95):
            continue
        steps = 8 if one.parent is None else 12
        recipe = replace(one.recipe, course=replace(one.recipe.course, steps=steps, every=4, times=2))
        if one.parent is None:
            dense.append(replace(one, recipe=recipe))
        else:
            asked += seeded(one.lane, recipe, [one.seed], lambda seed: dense[seed])
    table = tables.find("schedules")
    return replace(table, asked=tuple([*dense, *asked]))
