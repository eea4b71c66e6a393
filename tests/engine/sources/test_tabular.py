"""Tables of texts and labels: which column is what, with a header or without one; and what does not fit, in a sentence."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pruneviz.engine.sources import tabular
from pruneviz.engine.sources.gate import LOCAL, SubjectError

QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def read(folder, text: str, **table) -> tabular.Rows:
    (folder / "t.csv").write_text(text, "utf-8")
    return tabular.read(folder / "t.csv", table)


def pairs(rows: tabular.Rows) -> list[tuple[str, ...]]:
    return [(*text, label) for text, label in zip(rows.texts(range(len(rows.labels))), rows.labels, strict=True)]


TWO = [("good film", "1"), ('it\'s "bad", really', "0")]


@pytest.mark.parametrize(
    "text",
    [
        'good film\t1\nit\'s "bad", really\t0\n',
        'good film\t1\r\nit\'s "bad", really\t0',
        'sentence\tlabel\ngood film\t1\nit\'s "bad", really\t0\n',
        'good film,1\n"it\'s ""bad"", really",0\n',
        'label,text\n1,good film\n0,"it\'s ""bad"", really"\n',
        'idx;label;review\n7;1;good film\n8;0;"it\'s ""bad"", really"\n',
        '\ufefftext,stars\ngood film,1\n"it\'s ""bad"", really",0\n',
    ],
)
def test_the_same_two_rows(tmp_path, text):
    assert pairs(read(tmp_path, text)) == TWO


def test_columns_that_the_card_names(tmp_path):
    text = "a,b,c\nx,long long text,1\ny,another long text,0\n"
    assert pairs(read(tmp_path, text, text_column="a", label_column="c")) == [("x", "1"), ("y", "0")]
    assert pairs(read(tmp_path, text, text_column=0, label_column=2, header=True)) == [("x", "1"), ("y", "0")]
    assert len(pairs(read(tmp_path, text, text_column=0, label_column=2, header=False))) == 3
    assert pairs(read(tmp_path, text, text_column="b", second_column="a", label_column="c"))[0] == (
        "long long text",
        "x",
        "1",
    )
    with pytest.raises(SubjectError, match="has no column 'd'; there are a, b, c"):
        read(tmp_path, text, text_column="d", label_column="c", header=True)


def test_pairs_are_seen_by_their_names(tmp_path):
    text = "premise,hypothesis,label\na man,a woman,contradiction\na dog,an animal,entailment\n"
    assert pairs(read(tmp_path, text))[1] == ("a dog", "an animal", "entailment")


def test_a_header_that_nobody_knows_stands_out_from_the_labels(tmp_path):
    rows = "".join(f"some text number {at},{'yes' if at % 2 else 'no'}\n" for at in range(12))
    found = read(tmp_path, "Kommentar,Urteil\n" + rows)
    assert set(found.labels) == {"yes", "no"} and len(found.labels) == 12 and "'Urteil'" in found.note
    assert len(read(tmp_path, rows).labels) == 12


def test_quotation_marks_between_tabs(tmp_path):
    """As GLUE writes: a mark is a letter. As pandas writes: marks around a cell that holds a tab."""
    assert pairs(read(tmp_path, '"he said\t1\nno"\t0\n')) == [('"he said', "1"), ('no"', "0")]
    assert pairs(read(tmp_path, '"a\tb"\t1\nc\t0\n')) == [("a\tb", "1"), ("c", "0")]


@pytest.mark.parametrize(
    ("text", "word", "code"),
    [
        ("", "is empty", "empty"),
        ("text,label\n", "no row", "empty"),
        ("one column\nonly\n", "rows of 1 columns", "columns"),
        ("a,1\nb,2,3\n", "rows of 2 and 3 columns", "columns"),
        ("text,label\n ,1\nb,0\n", "1 rows whose text is empty", "empty"),
        ("text,label\na,\nb,0\n", "1 rows without a label", "labels"),
        (f"text,label\n{'x' * 120_000},1\n", "120,000 characters", "too-large"),
        (f"text,label\n{'x' * 200_000},1\n", "field larger", "columns"),
    ],
)
def test_what_does_not_fit_gets_one_sentence(tmp_path, text, word, code):
    with pytest.raises(SubjectError) as caught:
        read(tmp_path, text)
    assert word in str(caught.value) and caught.value.code == code and "\n" not in str(caught.value)


def test_parquet(tmp_path):
    import pyarrow
    import pyarrow.parquet

    columns = {
        "idx": [1, 2], "sentence": [one for one, _ in TWO], "label": pyarrow.array([1, 0], pyarrow.int64()),
        "vector": [[1.0], [2.0]], "flag": [True, False],
    }  # fmt: skip
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "t.bin")
    assert pairs(tabular.read(tmp_path / "t.bin", {})) == TWO
    assert pairs(tabular.read(tmp_path / "t.bin", {"label_column": "flag"}))[0] == ("good film", "1")
    names = pyarrow.array(["good", "bad"]).dictionary_encode()
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"], "class": names}), tmp_path / "t.bin")
    assert pairs(tabular.read(tmp_path / "t.bin", {})) == [("a", "good"), ("b", "bad")]


def test_a_parquet_file_that_unpacks_to_too_much_is_refused(tmp_path):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": ["x" * 50_000 + str(at) for at in range(400)], "label": [0, 1] * 200})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet", compression="zstd", use_dictionary=False)
    with pytest.raises(SubjectError) as caught:
        tabular.read(tmp_path / "t.parquet", {})
    assert caught.value.code == "zip-ratio"


@given(st.integers(0, 5_000), st.integers(1, 255), st.booleans())
@settings(QUIET, max_examples=15)  # each is read in a child of its own
def test_any_damage_to_a_parquet_file_is_rows_or_one_sentence(tmp_path, place, change, cut):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": ["one text", "another"] * 8, "label": [0, 1] * 8})
    pyarrow.parquet.write_table(table, tmp_path / "whole.parquet")
    data = bytearray((tmp_path / "whole.parquet").read_bytes())
    at = place % len(data)
    if cut:
        data = data[:at]
    else:
        data[at] ^= change
    (tmp_path / "t.parquet").write_bytes(data)
    try:
        found = tabular.read(tmp_path / "t.parquet", {})
    except SubjectError as error:
        assert "\n" not in str(error) and len(str(error)) < 500
    else:
        assert len(pairs(found)) > 0


@given(st.text(max_size=200))
@QUIET
def test_any_text_is_rows_or_one_sentence(tmp_path, text):
    try:
        found = read(tmp_path, text.encode("utf-8", "replace").decode("utf-8"))
    except SubjectError as error:
        assert "\n" not in str(error)
    else:
        assert len(pairs(found)) > 0


def test_whole_numbers():
    assert tabular.whole(["1", " 0", "-1", "2.0"]) == [1, 0, -1, 2]
    for wrong in (["1", "x"], ["nan"], ["inf"], ["1.5"], ["1e30"]):
        assert tabular.whole(wrong) is None


def test_other_files_are_not_tables(tmp_path):
    (tmp_path / "x").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(SubjectError, match="texts and labels as .csv"):
        tabular.read(tmp_path / "x", {})


def test_a_million_short_rows_are_never_held(tmp_path):
    """Rows of twelve letters, as Python holds them, would be a dozen times the file."""
    path = tmp_path / "t.csv"
    path.write_text("".join(f"row {at:05d},{at % 2}\n" for at in range(50_000)), "ascii")
    tracemalloc.start()
    try:
        found = tabular.read(path, {}, replace(LOCAL, samples=1000))
        texts = found.texts(range(0, 50_000, 200))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.labels) == 50_000 and texts[:2] == [("row 00000",), ("row 00200",)] and len(texts) == 250
    assert peak < 7 * path.stat().st_size


def test_more_rows_than_anybody_keeps_are_not_read(tmp_path):
    (tmp_path / "t.csv").write_text("a text,1\nanother,0\n" * 1001, "ascii")
    assert len(tabular.read(tmp_path / "t.csv", {}, replace(LOCAL, samples=11)).labels) == 2002
    with pytest.raises(SubjectError, match="more than 2,000 rows; 10 texts are kept") as caught:
        tabular.read(tmp_path / "t.csv", {}, replace(LOCAL, samples=10))
    assert caught.value.code == "samples"
    (tmp_path / "t.csv").write_text("".join(f"a text,{at}\n" for at in range(12)), "ascii")
    with pytest.raises(SubjectError, match="more than 11 different labels in column '1'"):
        tabular.read(tmp_path / "t.csv", {"text_column": 0, "label_column": 1}, replace(LOCAL, samples=11))


def test_a_child_that_writes_rows_of_several_widths_is_not_believed(tmp_path, monkeypatch):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"], "label": [0, 1]}), tmp_path / "t.parquet")
    said = '["text", "label"]\n["a", "1"]\n["b"]\n'
    monkeypatch.setattr(tabular.parquet.throwaway, "run", lambda errand, *_: errand.target.write_text(said))
    with pytest.raises(SubjectError, match="could not be read"):
        tabular.read(tmp_path / "t.parquet", {})
