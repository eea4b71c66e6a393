"""`python -m pruneviz solve` answers with amounts that `evaluate` measures to the same figures."""

from __future__ import annotations

import json

import pytest

from pruneviz.__main__ import main


def printed(capsys, *arguments: str) -> dict:
    assert main(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


def test_solve_answers_with_a_setting_that_evaluate_measures_alike(capsys):
    found = printed(capsys, "solve", "--subject=digits_mlp", "--keep=0.95", "--evaluations=25", "--spare=fc3.weight")
    own = [f"--own={name}={amount!r}" for name, amount in found["own"].items()]
    here = printed(capsys, "evaluate", "--subject=digits_mlp", "--scope=layer", "--spare=fc3.weight", *own)
    assert here["removed"] == round(found["whole"] - found["solver"]["left"]) > 0
    assert here["correct"] == sum(found["solver"][half]["correct"] for half in ("choosing", "reporting"))
    assert found["keep"] == pytest.approx(0.95) and found["query"]["m"] == "digits_mlp"
    assert {found[peer]["left"] for peer in ("uniform", "global")} == {found["solver"]["left"]}


@pytest.mark.parametrize(("arguments", "word"), [
    (("--granularity=2:4",), "same share"), (("--budget=ms",), "save no time"), (("--keep=2",), "not a fraction"),
])  # fmt: skip
def test_what_cannot_be_solved_is_one_sentence_and_exit_2(capsys, arguments, word):
    try:
        code = main(["solve", "--subject=digits_mlp", *arguments])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr().err
    assert code == 2 and word in said and said.count("\n") == 1
