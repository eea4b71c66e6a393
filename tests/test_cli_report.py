"""`report` writes a file in which every number is the one that `evaluate` and `curve` print for the same Recipe."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

import pytest

from pruneviz import __main__, commands, findings, recipe_file
from pruneviz.handout import gather, printing
from pruneviz.recipe import Recipe
from tests.handout.reading import read
from tests.test_cli import answer, run

WEIGHTS = ("--subject", "digits_mlp", "--amount", ".85", "--own", "fc3.weight=.3", "--criterion", "gradient")
FILTERS = ("--subject", "digits_cnn", "--granularity", "filter", "--amount", ".2", "--gone", "conv1:3")
HEADS = ("--subject", "digits_vit", "--granularity", "head", "--amount", ".25")
COUNTS = {"n", "correct", "dense_correct", "newly_wrong", "newly_right", "weights", "removed", "units", "parameters"}


@pytest.mark.parametrize("setting", [WEIGHTS, FILTERS, HEADS], ids=["weights", "filters", "heads"])
def test_every_number_of_the_report_is_the_command_lines(capsys, tmp_path, monkeypatch, setting):
    monkeypatch.setattr(gather, "PATIENCE", 0.0)  # a curve of the few named amounts: as many points as a slow model gets
    out = tmp_path / "report.html"
    wrote = answer(capsys, "report", *setting, "--no-time", "--limit", "points=1", "--title", "Plan", "--out", str(out))
    html = out.read_bytes()
    assert (wrote["bytes"], wrote["sha256"]) == (len(html), hashlib.sha256(html).hexdigest()) and len(html) < 6_000_000
    page = read(html.decode())
    held, said = page.embedded("case"), answer(capsys, "evaluate", *setting)
    assert {**held["evaluate"], "curvature": said["curvature"]} == said
    assert held == {key: wrote[key] for key in held}
    kept = tmp_path / "recipe.json"
    kept.write_text(recipe_file.write(held["recipe"]), "utf-8")
    assert answer(capsys, "evaluate", "--recipe", str(kept)) == said
    amounts = ",".join(str(point["amount"]) for point in held["curve"]["points"])
    curve = answer(capsys, "curve", *setting, "--amounts", amounts)
    assert {**held["curve"], "curvature": ""} == {**curve, "curvature": "", "criterion": held["curve"]["criterion"]}
    _check_visible(page, said, curve)


def _check_visible(page, said, curve):
    """What a reader sees: each number in its own element, the layers' and groups' rows, and the points of the curve."""
    known = {name: one for name, one in said.items() if not isinstance(one, list | dict)}
    for part in ("layers", "groups"):
        known |= {f"{part}.{row['name']}.{name}": one for row in said[part] for name, one in row.items()}
    seen = {}
    for name, value, shown in page.numbers:
        seen.setdefault(name, []).append((value, shown))
        assert value == (known[name] if isinstance(known[name], str) else json.dumps(known[name])), name
        if isinstance(known[name], int):
            assert shown == f"{known[name]:,}"
    assert COUNTS | {"value", "loss", "sparsity", "amount", "mask_sha256"} <= seen.keys()
    assert findings.percent(said["value"]) in [shown for _, shown in seen["value"]]
    assert {name for name in known if "." in name and name.endswith((".kept", ".zeros"))} <= seen.keys()
    for point in curve["points"]:
        row = next(row for row in page.rows if row[0] == findings.percent(point["amount"]) and len(row) == 4)
        low, high = (f"{100 * end:.1f}" for end in point["interval"])
        assert row[1:] == [f"{100 * point['value']:.1f}", f"{low} to {high}", f"{point['n']:,}"]


def test_the_recipe_of_a_report_measures_the_same_again(capsys, tmp_path):
    kept = tmp_path / "recipe.json"
    first = answer(capsys, "evaluate", *WEIGHTS)
    chosen = Recipe(subject="digits_mlp", amount=0.85, overrides=(("fc3.weight", 0.3),), criterion="gradient", title="Plan")
    kept.write_text(recipe_file.write(recipe_file.to_table(chosen, first["subject_sha256"], "", {"torch": "2"})), "utf-8")
    assert answer(capsys, "evaluate", "--recipe", str(kept)) == first
    more = answer(capsys, "evaluate", "--recipe", str(kept), "--amount", ".9")
    assert more["amount"] == 0.9 and more["criterion"] == "gradient" and more["layers"][2] == first["layers"][2]
    code, _, err = run(capsys, "evaluate", "--recipe", str(kept), "--subject", "digits_cnn", "--own", "fc.weight=.1")
    assert code == 2 and "the recipe was made with another model" in err


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(subject="digits_mlp", amount=1 / 3, spared=("fc1.weight",), overrides=(("fc2.weight", 0.25),), seed=7),
        Recipe(subject="digits_cnn", granularity="filter", gone=("conv1:3",), back=("conv2:1",), pool="l2", floor=0),
        Recipe(subject="a b/subject.toml", granularity="2:4", calibration="held-out", nonfinite="remove", device="cuda:0"),
    ],
)
def test_a_command_says_what_the_recipe_does(recipe):
    asked = commands.arguments("evaluate", recipe)
    chosen = __main__._parser().parse_args(asked)
    chosen.device = "cpu"  # whether a GPU is here is another question
    assert __main__._recipe(chosen, "training", chosen.amount) == Recipe(
        **{name: getattr(recipe, name) for name in Recipe.__slots__} | {"device": "cpu"}
    )
    assert shlex.split(commands.line("evaluate", recipe)) == ["python", "-m", "pruneviz", *asked]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--out", "report.txt"), "'report.txt' is no name of a web page; give one that ends in .html"),
        (("--out", "x.html", "--limit", "points=-1"), "'points=-1' is no limit; there are points, worst, mb, ms"),
        (("--out", "x.html", "--limit", "accuracy=1"), "'accuracy=1' is no limit"),
        (("--out", "x.html", "--recipe", "nowhere.json"), "No such file"),
        ((), "required: --out"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        __main__.main(["report", "--subject", "digits_mlp", *arguments])
    err = capsys.readouterr().err
    assert ended.value.code == 2 and said in err and err.count("\n") == 1


def test_without_a_browser_the_pdf_says_what_is_missing(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv(printing.SETTING, str(tmp_path / "no-browser"))
    monkeypatch.setattr(gather, "PATIENCE", 0.0)
    files = ("--out", str(tmp_path / "a.html"), "--pdf", str(tmp_path / "a.pdf"))
    code, out, err = run(capsys, "report", "--subject", "digits_mlp", "--no-time", *files)
    assert code == 2 and not out and "No Chromium, Chrome or Edge was found" in err and "print it" in err
    assert Path(tmp_path, "a.html").is_file() and not Path(tmp_path, "a.pdf").exists()
