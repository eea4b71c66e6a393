"""The dialog «Bring your own»: what is brought is recognised, looked at, used; what is not is one sentence and no loss."""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save
from streamlit.testing.v1 import AppTest

from pruneviz.engine.export import toml
from pruneviz.engine.sources import architecture, card
from pruneviz.studio import house_rules, library
from pruneviz.studio.bring import card_part
from tests.studio.test_pages import ROOT, opened, strip

MLP = ROOT / "sample_models" / "digits_mlp" / "weights.safetensors"


@pytest.fixture(autouse=True)
def nobody():
    """What a test's visitor brought is given back: all such visitors are one."""
    yield
    for owner in [*library._visitors]:
        library.release(owner)


def state_dict(prefix: str = "module.") -> bytes:
    """A sample's weights as torch.save writes them out of a DataParallel."""
    out = io.BytesIO()
    torch.save({f"{prefix}{name}": tensor for name, tensor in load_file(MLP).items()}, out)
    return out.getvalue()


def dialog(**query: str) -> AppTest:
    app = opened(**query)
    return app.button(key="bring").click().run()


def give(app: AppTest, name: str, data: bytes) -> AppTest:
    """Gives a file to the part of the dialog that waits for one."""
    return app.file_uploader[0].upload(name, data).run()


def with_digits(app: AppTest) -> AppTest:
    return app.segmented_control(key="bring-data-way-True").set_value("here").run().button(key="bring-digits").click().run()


def put(app: AppTest, label: str, value: str) -> AppTest:
    """Types into the dialog's field of that name."""
    return next(one for one in app.text_input if one.label == label).set_value(value).run()


def shown(app: AppTest) -> str:
    return " ".join(one.value for one in [*app.markdown, *app.caption, *app.warning, *app.error])


def accuracy(app: AppTest) -> float:
    """The accuracy that the dialog says, in percent."""
    return float(re.search(r"\*\*accuracy ([\d.]+)%\*\*", shown(app))[1])


def usable(app: AppTest) -> bool:
    return not app.button(key="bring-use").disabled


def keys(app: AppTest) -> set[str]:
    return {one.key for one in app.button}


def test_a_state_dict_with_a_prefix_is_recognised_looked_at_and_used():
    app = give(dialog(s="80"), "my net.pth", state_dict())
    assert "digits\\_mlp" in shown(app) and "The prefix module. was left out" in shown(app).replace("\\", "")
    assert not usable(app)
    app = with_digits(app)
    assert not app.exception and not app.error and usable(app), shown(app)
    said = shown(app)
    assert "50,610 parameters" in said and "3 layers with 50,200 weights can be pruned" in said
    assert 85 < accuracy(app) < 95 and "guessing 10%" in said and "curve takes about" in said
    assert len(app.get("image")) == 12
    app = put(put(app, "mean", "0.305"), "std", "0.376")
    assert accuracy(app) > 96
    assert "my-model/model/" in said_of_card(app) and "--subject=my-model/subject.toml" in said_of_card(app)
    app.button(key="bring-use").click().run()
    assert not app.exception and not app.warning and "bring-use" not in keys(app)
    reference = app.query_params["m"]
    assert library.is_own(reference) and app.selectbox(key="subject").value == reference
    # 80% of the same network by the same criterion: the numbers of the sample that it is.
    mine, sample = strip(app), strip(opened(m="digits_mlp", s="80"))
    assert {mine[key] for key in mine if key.startswith("accuracy")} == {
        sample[key] for key in sample if key.startswith("accuracy")
    }
    assert mine["sparsity"] == "80%"


def said_of_card(app: AppTest) -> str:
    return " ".join(one.value for one in [*app.markdown, *app.code])


def test_the_card_that_is_taken_along_is_the_model_on_a_command_line(tmp_path, monkeypatch):
    """The files as they were given, put where the table says, and the card that was downloaded: the same accuracy."""
    app = with_digits(give(dialog(), "my net.pth", state_dict()))
    (reference,) = [one for one in library._models if library.facts(one).files]
    monkeypatch.setattr(card_part.visitor, "name", lambda: next(iter(library._visitors)))
    rows = dict(card_part.places(reference))
    assert [*rows] == ["my net.pth"]
    place = tmp_path / rows["my net.pth"]
    place.parent.mkdir()
    place.write_bytes(state_dict())
    (tmp_path / "subject.toml").write_bytes((library.place(reference) / card_part.NAME).read_bytes())
    model = card.load(str(tmp_path / "subject.toml"))
    assert model.weights == 50_200 and 85 < accuracy(app) < 95


def used(app: AppTest) -> dict[str, str]:
    """Uses what was put together; the link to it."""
    app.button(key="bring-use").click().run()
    assert not app.exception and not app.warning, [one.value for one in app.warning]
    return dict(app.query_params)


def test_a_link_opens_for_who_has_the_files_asks_others_for_them_and_takes_no_others():
    link = used(with_digits(give(dialog(s="80"), "net.pth", state_dict())))
    assert link["need"].startswith("model/net.pth:net.pth:") and len(link["mh"]) == len(link["dh"]) == 16
    again = opened(**link)
    assert not again.warning and again.selectbox(key="subject").value == link["m"] and strip(again)["sparsity"] == "80%"

    for owner in [*library._visitors]:
        library.release(owner)
    stranger = opened(**link)
    assert not stranger.exception and stranger.selectbox(key="subject").value == "digits_cnn"
    assert "made with files that are not here" in shown(stranger) and link["mh"][:12] in shown(stranger)
    assert dict(stranger.query_params) == link, "a reload has to ask again"
    stranger.button(key="wanted-give").click().run()
    give(stranger, "net.pth", state_dict(prefix=""))
    assert "not what the link was made with" in stranger.error[0].value.lower()
    assert stranger.selectbox(key="subject").value == "digits_cnn" and library.held_bytes() == 0
    give(stranger, "another name.pth", state_dict())
    assert not stranger.exception and not stranger.error, shown(stranger)
    assert dict(stranger.query_params)["m"] == link["m"] and strip(stranger) == strip(again)


def test_a_link_whose_hash_differs_shows_no_numbers_of_what_is_here():
    app = opened(m="digits_mlp", s="80", mh="0" * 16)
    assert len(app.warning) == 1 and "another model" in app.warning[0].value and "000000000000" in app.warning[0].value
    assert app.selectbox(key="subject").value == "digits_cnn" and strip(app)["sparsity"] == "50%"
    fine = opened(**opened(m="digits_mlp", s="80").query_params)
    assert not fine.warning and strip(fine)["sparsity"] == "80%"


def test_nothing_is_shown_of_a_link_whose_card_leads_elsewhere():
    from pruneviz.studio.link import travel

    link = used(with_digits(give(dialog(), "net.pth", state_dict())))
    for named in ("/etc/passwd", "../../../etc/passwd", "data/other.npz"):
        table = travel.unpack(link["card"])
        table["data"] = {"file": named}
        for owner in [*library._visitors]:
            library.release(owner)
        app = opened(**{**link, "card": travel.pack(table)})
        app.button(key="wanted-give").click().run()
        give(app, "net.pth", state_dict())
        assert not app.exception and "card names files that the link does not" in app.error[0].value
        assert app.selectbox(key="subject").value == "digits_cnn"
        assert not [owner for owner in library._visitors if library.listed(owner)]


class Runs:
    """A pickle of it would write a file, if anybody opened it as one."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self):
        return (open, (str(self.canary), "w"))


def refused(tmp_path: Path) -> dict[str, bytes]:
    evil = io.BytesIO()
    torch.save({"w": Runs(tmp_path / "canary")}, evil)
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for at in range(100):
            archive.writestr(f"{at}.txt", "x")
    return {
        "evil.pth": evil.getvalue(),
        "evil.pkl": pickle.dumps(Runs(tmp_path / "canary")),
        "empty.safetensors": b"",
        "cut.pth": state_dict()[:900],
        "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(64),
        "many.zip": many.getvalue(),
        "<img src=x onerror=alert(1)>.pt": b"nothing at all",
    }


def test_what_cannot_be_read_is_one_sentence_and_what_was_given_stays(tmp_path):
    app = with_digits(give(dialog(), "good.pth", state_dict()))
    for name, data in refused(tmp_path).items():
        app.button(key="bring-model-anew").click().run()
        give(app, name, data)
        assert not app.exception and len(app.error) == 1, (name, [one.value for one in app.error])
        said = app.error[0].value
        assert "Traceback" not in said and "/tmp" not in said and "<img" not in said.replace("\\<", ""), said
        assert app.file_uploader, "the next file can be given at once"
        assert not any(one.drafts for one in library._visitors.values()), "what was refused is not kept"
        give(app, "good.pth", state_dict())
        assert not app.error and usable(app), "the data that were given are still there"
    assert not (tmp_path / "canary").exists()
    assert app.selectbox(key="subject").value == "digits_cnn"


def test_tensors_that_fit_nothing_are_a_table_and_their_names_are_only_words():
    weights = {**load_file(MLP), "<img src=x onerror=alert(1)>.weight": torch.ones(3, 3), "fc1.bias": torch.ones(7)}
    app = give(dialog(), "odd.safetensors", save(weights))
    said = shown(app)
    assert (
        not app.exception
        and "No architecture fits" in said
        and "| fc1.bias | 7 | 300 | another shape |" in said.replace("\\", "")
    )
    assert "<img" not in said.replace("\\<", "") and "bring-use" in keys(app) and not usable(app)


def images(classes: tuple[str, ...], each: int = 8) -> bytes:
    """A zip of class folders with small grey pictures: the brighter, the later the class."""
    out, chance = io.BytesIO(), np.random.default_rng(0)
    with zipfile.ZipFile(out, "w") as archive:
        for place, name in enumerate(classes):
            for at in range(each):
                picture = io.BytesIO()
                Image.fromarray(chance.integers(80 * place, 80 * place + 60, (8, 8), dtype=np.uint8)).save(picture, "png")
                archive.writestr(f"pictures/{name}/{at}.png", picture.getvalue())
    return out.getvalue()


def three_classes() -> bytes:
    chance = torch.Generator().manual_seed(0)
    network = architecture.build("digits_mlp", {"classes": 3})
    return save({name: 0.1 * torch.randn(one.shape, generator=chance) for name, one in network.state_dict().items()})


def test_class_folders_mean_what_somebody_says_and_never_what_their_order_says():
    app = give(dialog(), "three.safetensors", three_classes())
    give(app, "pictures.zip", images(("dark", "grey", "=cmd()")))
    assert not app.exception and not usable(app)
    assert "Nothing says which of the model's outputs the 3 classes" in app.warning[0].value
    area = app.text_area[0]
    assert area.value.splitlines() == sorted(("dark", "grey", "=cmd()"))
    area.set_value("grey\ndark\n=cmd()")
    app.button(key="bring-classes-use").click().run()
    assert not app.exception and not app.error and usable(app), shown(app)
    link = used(app)
    held = library.facts(link["m"], next(iter(library._visitors)))
    assert held.table["classes"] == ["grey", "dark", "=cmd()"] and held.table["data"]["file"] == "data/data.zip"
    assert held.files["data/data.zip"].name == "pictures.zip"


def test_preprocessing_is_changed_in_place_and_checked_at_once():
    app = with_digits(give(dialog(), "net.pth", state_dict()))
    before = accuracy(app)
    put(app, "scale", "0.01")
    assert not app.exception and accuracy(app) != before and usable(app)
    put(app, "scale", "none")
    assert "is no number" in app.error[0].value and usable(app)
    put(app, "scale", "16")
    assert not app.error and accuracy(app) == before
    put(app, "name in menus", "My <b>net</b>")
    link = used(app)
    assert library.facts(link["m"]).title == "My <b>net</b>"


def test_the_model_used_longest_ago_makes_room_with_a_word(monkeypatch):
    monkeypatch.setattr(house_rules, "caps", lambda: house_rules.settings.Caps(models=1))
    used(with_digits(give(dialog(), "first.pth", state_dict())))
    app = with_digits(give(dialog(), "second.pth", state_dict("")))
    app.button(key="bring-use").click().run()
    assert not app.exception and "«first» made room" in app.warning[0].value
    assert len(app.selectbox(key="subject").options) == len(opened().selectbox(key="subject").options)


def test_a_shared_server_reads_no_path_and_fetches_nothing(monkeypatch):
    monkeypatch.setattr(house_rules, "own_machine", lambda: False)
    monkeypatch.setattr(house_rules, "downloads", lambda: False)
    monkeypatch.setattr(house_rules, "caps", lambda: house_rules.settings.Caps())
    app = dialog()
    assert app.segmented_control(key="bring-model-way").options == ["a file", "by name"]
    app.segmented_control(key="bring-model-way").set_value("name").run()
    assert not app.exception and "downloads switched off" in app.info[0].value
    assert all(one.disabled for one in app.button if one.key == "bring-fetch")
    assert "A file may have 100 MB" in shown(app)


def test_a_path_on_ones_own_machine_will_do(tmp_path):
    (tmp_path / "weights.pth").write_bytes(state_dict())
    app = dialog()
    app.segmented_control(key="bring-model-way").set_value("path").run()
    app.text_input(key="bring-model-path").set_value(str(tmp_path / "nothing.pth")).run()
    assert not app.exception and "no file or folder" in app.error[0].value
    app.text_input(key="bring-model-path").set_value(str(tmp_path / "weights.pth")).run()
    assert not app.error and "digits\\_mlp" in shown(app)
    app = with_digits(app)
    assert usable(app) and str(tmp_path) not in json.dumps(used(app))
    assert (tmp_path / "weights.pth").read_bytes() == state_dict()


def test_a_model_of_the_hub_is_looked_up_before_it_is_fetched(monkeypatch):
    from pruneviz.engine.sources import download, hub
    from pruneviz.engine.sources.gate import SubjectError

    commit, fetched = "0123456789" * 4, []
    said = hub.Announced(commit, "apache-2.0", {"config.json": 1, "model.safetensors": 4_999_999})

    def fetch(name, revision, how):
        fetched.append((name, revision, how.most))
        raise SubjectError("that is all", "test")

    monkeypatch.setattr(hub, "announced", lambda name, revision, how: said)
    monkeypatch.setattr(download, "hub", fetch)
    monkeypatch.setattr(house_rules, "downloads", lambda: True)
    monkeypatch.setattr(house_rules, "caps", lambda: house_rules.settings.Caps(upload_bytes=6_000_000))
    app = dialog()
    app.segmented_control(key="bring-model-way").set_value("name").run()
    app.segmented_control(key="bring-source").set_value("transformers").run()
    app.text_input(key="bring-hub").set_value("somebody/something").run()
    assert app.button(key="bring-fetch").label == "Look it up"
    app.button(key="bring-fetch").click().run()
    assert not app.error and "5 MB, commit `0123456789" in shown(app) and "apache" in shown(app) and not fetched
    assert app.button(key="bring-fetch").label == "Fetch this model"
    app.button(key="bring-fetch").click().run()
    assert fetched == [("somebody/something", commit, 6_000_000)] and app.error[0].value == "That is all"


def test_other_data_for_a_card_leave_its_model_whole(tmp_path):
    """The card's own data are one of the model's files: they stay while the model is being put together."""
    from tests.studio import brought, heavy

    heavy.card(tmp_path, 40)
    table = {**brought.CARD, "weights": "w.safetensors", "data": {**brought.CARD["data"], "file": "data.npz"}}
    text = toml.text(table).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        parts = {"subject.toml": text, "w.safetensors": MLP.read_bytes(), "data.npz": (tmp_path / "data.npz").read_bytes()}
        for name, data in parts.items():
            archive.writestr(f"mine/{name}", data)
    app = give(dialog(), "mine.zip", out.getvalue())
    assert not app.error and usable(app), shown(app)
    app.button(key="bring-data-anew").click().run()
    with_digits(app)
    assert not app.error and usable(app), shown(app)
    for name in ("One", "Another"):
        put(app, "name in menus", name)
        assert not app.error and usable(app), shown(app)
    assert used(app)["m"].startswith("own:") and not any(one.drafts for one in library._visitors.values())
