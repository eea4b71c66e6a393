"""Bring your own, in a real browser: from a file to a live slider, and nobody else sees any of it."""

from __future__ import annotations

import io
import re
import tarfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pruneviz.engine.sources import architecture
from tests.browser.server import PATIENCE, settle, slider

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=alert(1)>"
CLASSES = ("circle", "cross", "line", HOSTILE)


@cache
def weights(prefix: str = "module.") -> dict[str, torch.Tensor]:
    """A ResNet-20 for four classes that nobody trained, as DataParallel names it."""
    chance = torch.Generator().manual_seed(0)
    network = architecture.build("cifar_resnet", {"depth": 20, "classes": len(CLASSES)})
    drawn = {name: 0.1 * torch.randn(one.shape, generator=chance) for name, one in network.state_dict().items()}
    positive = {name: one.abs() + 0.5 for name, one in drawn.items() if name.endswith("running_var")}
    return {f"{prefix}{name}": one for name, one in (drawn | positive).items() if "num_batches" not in name}


def model(folder: Path, name: str = "resnet20.pth") -> Path:
    torch.save(weights(), folder / name)
    return folder / name


def pictures(folder: Path, name: str = "pictures.tar.gz") -> Path:
    """A tarball of class folders as torchvision's ImageFolder reads it: a few dozen pictures of 32×32 pixels."""
    chance = np.random.default_rng(0)
    with tarfile.open(folder / name, "w:gz") as archive:
        for kind in CLASSES:
            for at in range(9):
                out = io.BytesIO()
                Image.fromarray(chance.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(out, "png")
                member = tarfile.TarInfo(f"pictures/{kind}/{at}.png")
                member.size = len(out.getvalue())
                archive.addfile(member, io.BytesIO(out.getvalue()))
    return folder / name


def quiet(page) -> None:
    """Waits until the script has begun and run to its end."""
    page.wait_for_timeout(300)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE)


def give(page, part: str, path: Path) -> None:
    """Gives a file to a part of the dialog, once the uploader that took the one before has gone."""
    quiet(page)
    taker = f"[class*=st-key-bring-{part}] input[type=file]"
    page.wait_for_function("taker => document.querySelectorAll(taker).length === 1", arg=taker)
    page.locator(taker).set_input_files(path)


def bring(page, folder: Path) -> None:
    """Gives the weights, then the pictures, then says which class is which; the dialog is left open."""
    page.locator(".st-key-bring button").click()
    page.get_by_role("dialog").wait_for()
    give(page, "model-files", model(folder))
    page.get_by_text("Recognised:").wait_for()
    give(page, "data-files", pictures(folder))
    page.locator(".st-key-bring-classes-use button").click()
    page.locator(".st-key-bring-examples").wait_for()
    quiet(page)


def use(page) -> None:
    page.locator(".st-key-bring-use button").click()
    page.get_by_role("dialog").wait_for(state="detached")
    page.wait_for_url(re.compile("m=own"))
    settle(page)


def model_shown(page) -> str:
    return page.locator(".st-key-subject input").input_value()


def test_a_state_dict_and_an_image_folder_end_with_a_live_slider_that_nobody_else_sees(visit, axe, tmp_path):
    page = visit("/?m=digits_mlp")
    bring(page, tmp_path)
    assert axe(page) == []
    dialog = page.get_by_role("dialog")
    assert HOSTILE in dialog.inner_text() and page.locator("img[src=x]").count() == 0
    assert dialog.locator("img").count() == 12 and "20 layers" in dialog.inner_text()
    use(page)
    assert model_shown(page) == "resnet20" and page.locator("[data-testid=stAlert]").count() == 0
    assert "36 held-out images" in page.locator(".st-key-accuracy").inner_text()
    live = page.locator('[data-pv="live-accuracy"]')
    page.locator(slider()).press("Home")
    page.wait_for_function("selector => document.querySelector(selector).value === '0'", arg=slider())
    assert "%" in live.inner_text()
    page.wait_for_url(re.compile("s=0"))

    settle(page)
    address = page.url
    page.reload()
    settle(page)
    assert model_shown(page) == "resnet20", "a reload finds everything again"
    second = page.context.new_page()
    second.goto(address)
    settle(second)
    assert model_shown(second) == "resnet20", "another tab of the same browser, too"

    other = visit(address.partition("/?")[2].join(["/?", ""]))
    wanted = other.locator(".st-key-wanted")
    assert "resnet20.pth" in wanted.inner_text() and "pictures.tar.gz" in wanted.inner_text()
    assert "resnet20" not in model_shown(other) and other.url == address
    other.locator(".st-key-subject input").click()
    assert "resnet20" not in other.get_by_role("listbox").inner_text()
    other.keyboard.press("Escape")

    other.locator(".st-key-wanted-give button").click()
    wrong = save_file(weights(), tmp_path / "wrong.safetensors") or tmp_path / "wrong.safetensors"
    give(other, "wanted", wrong)
    other.get_by_text("Not what the link was made with").wait_for()
    give(other, "wanted", tmp_path / "resnet20.pth")
    other.wait_for_function("() => !document.body.innerText.includes('Not what the link')")
    give(other, "wanted", tmp_path / "pictures.tar.gz")
    other.get_by_role("dialog").wait_for(state="detached")
    settle(other)
    assert model_shown(other) == "resnet20" and other.url == address
    assert other.locator(".st-key-accuracy").inner_text() == second.locator(".st-key-accuracy").inner_text()


def test_the_dialog_stays_open_over_a_page_that_is_drawn_anew_and_keeps_what_was_entered(visit, axe, tmp_path):
    page = visit("/?m=digits_mlp", width=400, scheme="dark")
    page.locator(".st-key-bring button").click()
    dialog = page.get_by_role("dialog")
    give(page, "model-files", model(tmp_path))
    page.get_by_text("Recognised:").wait_for()
    quiet(page)
    assert axe(page) == []
    box = dialog.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 400
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    page.locator(".st-key-undo button").wait_for()
    page.locator(".st-key-bring button").click()
    page.get_by_text("Recognised:").wait_for()
    (tmp_path / "nothing.zip").write_bytes(b"nothing")
    give(page, "data-files", tmp_path / "nothing.zip")
    page.locator("[data-testid=stAlert]").wait_for()
    quiet(page)
    assert page.locator("[data-testid=stAlert]").count() == 1 and page.get_by_text("Recognised:").count() == 1
    assert "Traceback" not in dialog.inner_text()
