"""What somebody puts down as a model: a card looks at what was given and at nothing else, and no file gets lost."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from safetensors.torch import load_file, save

from pruneviz.caps import Caps
from pruneviz.engine.sources.gate import SubjectError
from pruneviz.studio import house_rules, library
from pruneviz.studio.bring import draft as drafts
from pruneviz.studio.bring import heap, model
from pruneviz.studio.bring.draft import Draft

ROOT = Path(__file__).parents[2]
MLP = ROOT / "sample_models" / "digits_mlp" / "weights.safetensors"
IMAGES = 'name = "x"\nweights = "%s"\n[architecture]\nbuild = "digits_mlp"\n[data]\n%s\n'
TEXTS = """
name = "x"
task = "text_classification"
weights = "w.safetensors"
[architecture]
build = "transformers"
config = "config.json"
[data]
file = "test/d.csv"
training_file = "train/d.csv"
tokenizer = "%s"
"""


@pytest.fixture(autouse=True)
def nobody():
    """Whoever brings something here has gone afterwards."""
    yield
    for owner in ("ann", "bob"):
        library.release(owner)


@pytest.fixture
def shared(monkeypatch):
    """A server that others reach, too."""
    monkeypatch.setattr(house_rules, "own_machine", lambda: False)


def given(files: dict[str, bytes], owner: str = "ann") -> dict[str, library.File]:
    return {name: library.keep(owner, name, io.BytesIO(data), Caps()) for name, data in files.items()}


def zipped(files: dict[str, bytes]) -> dict[str, library.File]:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"exported/{name}", data)
    return heap.gathered("ann", [library.keep("ann", "card.zip", io.BytesIO(out.getvalue()), Caps())], Caps())


def texts(tokenizer: str = "tokenizer") -> dict[str, bytes]:
    return {
        "subject.toml": (TEXTS % tokenizer).encode(), "w.safetensors": b"w", "config.json": b"{}", "test/d.csv": b"1",
        "train/d.csv": b"2", "tokenizer/tokenizer.json": b"{}", "tokenizer/vocab.txt": b"a", "other/notes.txt": b"n",
    }  # fmt: skip


@pytest.mark.parametrize("named", ["/etc", "/home", "/root/none", "../..", "C:/tokenizer", "a/../../b"])
def test_a_card_asks_for_nothing_on_this_machine(shared, monkeypatch, named):
    files = given({"subject.toml": (TEXTS % named).encode(), "w.safetensors": b"w"})
    monkeypatch.setattr(Path, "iterdir", lambda _: pytest.fail("a folder was listed"))
    with pytest.raises(SubjectError, match="leads out of its folder"):
        model.recognised(files, "", Caps())


def test_an_index_on_this_machine_is_not_opened(shared, tmp_path):
    index = tmp_path / "k.safetensors.index.json"
    index.write_text('{"weight_map": {"a": "secretname.safetensors"}}')
    for named in (str(index), f"model/../../{index.name}", index.name):
        with pytest.raises(SubjectError) as caught:
            model.recognised(given({"subject.toml": (IMAGES % (named, 'set = "digits"')).encode()}), "", Caps())
        assert "secretname" not in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_where_data_lie_is_the_servers_business(shared, monkeypatch):
    text = IMAGES % ("w.safetensors", 'set = "torchvision:CIFAR10"\nroot = "/any/path"\ndownload = true')
    files = given({"subject.toml": text.encode(), "w.safetensors": b"w"})
    assert model.recognised(files, "", Caps()).data == {"set": "torchvision:CIFAR10"}
    monkeypatch.setattr(house_rules, "own_machine", lambda: True)
    assert model.recognised(files, "", Caps()).data["root"] == "/any/path"


def test_a_zipped_card_brings_the_folder_of_its_tokenizer_along():
    found = model.recognised(zipped(texts()), "", Caps())
    assert found.data == {"file": "data/d.csv", "training_file": "data/2_d.csv", "tokenizer": "tokenizer"}
    assert set(found.files) == {
        "model/w.safetensors", "model/config.json", "data/d.csv", "data/2_d.csv", "tokenizer/tokenizer.json",
        "tokenizer/vocab.txt",
    }  # fmt: skip
    assert found.files["data/2_d.csv"].sha256 != found.files["data/d.csv"].sha256


def test_what_a_card_names_and_nobody_gave_is_asked_for():
    for lacking, kept in (("tokenizer", "w.safetensors"), ("w.safetensors", "tokenizer")):
        files = {name: data for name, data in texts().items() if not name.startswith(lacking)}
        with pytest.raises(SubjectError, match=f"names {lacking}, which was not given") as caught:
            model.recognised(given(files), "", Caps())
        assert kept not in str(caught.value)


def shards() -> dict[str, bytes]:
    tensors = load_file(MLP)
    names = sorted(tensors)
    parts = {f"model-0000{at}-of-00002.safetensors": names[at - 1 :: 2] for at in (1, 2)}
    index = {"weight_map": {name: file for file, within in parts.items() for name in within}}
    return {
        "subject.toml": (IMAGES % ("weights/model.safetensors.index.json", 'set = "digits"\nscale = 16')).encode(),
        "weights/model.safetensors.index.json": json.dumps(index).encode(),
        **{f"weights/{file}": save({name: tensors[name] for name in within}) for file, within in parts.items()},
    }


def test_a_zipped_card_with_shards_is_the_model_that_it_was():
    from pruneviz.engine.sources import card

    found = model.recognised(zipped(shards()), "", Caps())
    made = drafts.with_model(Draft(), found, {})
    assert made.whole
    loaded = card.load(library.place(drafts.reference("ann", made)))
    wanted = card.load("digits_mlp")
    for (name, one), (_, other) in zip(loaded.network.named_parameters(), wanted.network.named_parameters(), strict=True):
        assert one.equal(other), name
    short = {name: data for name, data in shards().items() if "00002-of" not in name}
    with pytest.raises(SubjectError, match="model-00002-of-00002.safetensors, which was not given"):
        model.recognised(given(short), "", Caps())


def test_a_card_in_a_folder_of_ones_own_brings_what_it_names_and_nothing_else(tmp_path):
    for name, data in texts().items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    files = heap.from_path("ann", tmp_path / "subject.toml", Caps())
    assert set(files) == set(texts()) - {"other/notes.txt"}
    assert "tokenizer/vocab.txt" in model.recognised(files, "", Caps()).files


def test_a_card_never_lays_out_what_leads_elsewhere():
    table = {"name": "x", "weights": "/etc/passwd", "architecture": {"build": "digits_mlp"}, "data": {"set": "digits"}}
    with pytest.raises(SubjectError, match="leads out of its folder"):
        library.lay("ann", table, {}, lambda folder: drafts.identified(table, folder))
    assert library.listed("ann") == {}


def test_two_visitors_with_the_same_files_keep_their_own_names():
    data = MLP.read_bytes()
    ann, bob = given({"net.safetensors": data}), given({"net.safetensors": data}, "bob")
    bob["net.safetensors"] = library.replace(bob["net.safetensors"], name="bobs.safetensors")
    model.recognised(ann, "", Caps())
    found = model.recognised(bob, "", Caps())
    assert [one.name for one in found.files.values()] == ["bobs.safetensors"]
    assert found.files["model/net.safetensors"].claim == bob["net.safetensors"].claim


def test_a_tokenizer_that_was_given_by_itself_can_be_dropped_again():
    found = model.recognised(given({"net.safetensors": MLP.read_bytes()}), "", Caps())
    made = drafts.with_model(Draft(), found, {})
    (file,) = given({"tokenizer.json": b"{}"}).values()
    whole = drafts.with_tokenizer(made, {"tokenizer/tokenizer.json": file}, "tokenizer/tokenizer.json")
    assert drafts.tokenizer(made) == {} and drafts.tokenizer(whole) == {"tokenizer/tokenizer.json": file}
    without = drafts.without_tokenizer(whole)
    assert drafts.tokenizer(without) == {} and "tokenizer" not in without.model.data
    assert dict(without.model.files) == dict(found.files)


def test_a_card_that_leads_elsewhere_is_not_opened_however_it_came_to_lie_here(monkeypatch):
    from pruneviz.studio import admission, models

    table = {"name": "x", "weights": "/etc/passwd", "architecture": {"build": "digits_mlp"}, "data": {"set": "digits"}}
    reference = library.lay("ann", table, {}, lambda folder: "1" * 24)
    monkeypatch.setattr(admission, "place", library.place)
    with pytest.raises(SubjectError, match="leads out of its folder"):
        models.subject(reference)
