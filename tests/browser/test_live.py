"""A heavy model in a real browser: a first number soon, more of them by and by, and a Cancel that is one.

The model is torchvision's MobileNetV2 with random weights on random images: what is looked at is when numbers come, how
many samples they say they are of, and what happens on a new drag; not what they are.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import numpy as np
import pytest

from tests.browser.server import Server, drag, serving, slider
from tests.browser.visitors import visits

pytestmark = pytest.mark.browser

SAMPLES = 96


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> str:
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models", reason="torchvision is not installed")
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("live")
    network, chance = models.mobilenet_v2(num_classes=4), torch.Generator().manual_seed(0)
    weights = {
        name: tensor if tensor.ndim < 2 else 0.1 * torch.randn(tensor.shape, generator=chance)
        for name, tensor in network.state_dict().items()
    }
    save_file(weights, folder / "weights.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (SAMPLES, 3, 128, 128), dtype=np.uint8)
    np.savez(folder / "data.npz", x_test=images, y_test=np.arange(SAMPLES) % 4)
    (folder / "subject.toml").write_text(
        'name = "Live"\nweights = "weights.safetensors"\n[architecture]\nbuild = "torchvision:mobilenet_v2"\n'
        'arguments = { num_classes = 4 }\n[data]\nfile = "data.npz"\n',
        "utf-8",
    )
    return str(folder / "subject.toml")


@pytest.fixture(scope="module")
def live(browser, card) -> Iterator[Server]:
    with serving(settings={"PRUNEVIZ_CARDS": card, "PRUNEVIZ_HEAVY_SECONDS": "0.1"}) as server:
        yield server
        assert "Traceback" not in server.said(), server.said()[-4000:]


@pytest.fixture
def visit(browser, live) -> Iterator[Callable]:
    with visits(browser, live.address) as open_page:
        yield open_page


def seen(page) -> int:
    """Of how many samples the strip's accuracy is."""
    return int(re.search(r"accuracy, ([\d,]+)", page.locator(".st-key-accuracy").inner_text()).group(1).replace(",", ""))


def line(page) -> str:
    return page.locator(".st-key-status").inner_text()


def until(said: Callable[[], bool], seconds: float = 300) -> None:
    """Waits for what is said; long, since a worker gives way to everything else on a busy machine."""
    last = time.monotonic() + seconds
    while not said():
        assert time.monotonic() < last
        time.sleep(0.05)


def test_a_first_number_then_more_then_all_and_a_drag_begins_anew(visit, card):
    page = visit(f"/?m={quote(card)}&s=50")
    until(lambda: "Curve" in line(page))
    assert page.locator(".st-key-cancel-order button").count() == 1
    drag(page, slider(), 50, [60, 70, 80], lambda: None)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.st-key-strip-sparsity')?.innerText.includes('80%')")
    counts = []
    until(lambda: counts.append(seen(page)) or counts[-1] == SAMPLES)
    assert counts == sorted(counts) and min(counts) <= SAMPLES  # it only ever becomes more
    until(lambda: page.locator(".pv-how").first.inner_text() == "measured")
    drag(page, slider(), 80, [85, 90], lambda: None)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.st-key-strip-sparsity')?.innerText.includes('90%')")
    until(lambda: seen(page) == SAMPLES)


def test_cancel_ends_what_runs_says_at_which_step_and_keeps_the_curve(visit, card):
    page = visit(f"/?m={quote(card)}&s=50&p=lamp")
    until(
        lambda: (
            "Measuring" not in line(page) and re.search(r"Curve: ([1-9]\d* of|0 of 101 points, [1-9]\d* more)", line(page))
        )
    )
    page.locator(".st-key-cancel-order button").click()
    page.wait_for_selector(".st-key-ended")
    assert re.search(r"The curve was cancelled at step \d+; what was found until then stays\.", line(page))
    assert page.locator('[data-pv="live-accuracy"]').count() == 1
    settled = page.locator("svg.pv-chart title").first.text_content()
    page.wait_for_timeout(1500)
    assert page.locator("svg.pv-chart title").first.text_content() == settled  # nothing goes on behind it
    page.locator(".st-key-go-on button").click()
    until(lambda: "Curve" in line(page) and page.locator(".st-key-cancel-order button").count() == 1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_line_and_the_hollow_points_are_for_everybody(visit, card, axe, scheme):
    page = visit(f"/?m={quote(card)}&s=50&p=layer", scheme=scheme)
    until(lambda: page.locator(".st-key-status").inner_text().strip() != "")
    assert axe(page, ".st-key-frame") == [] and axe(page, ".pv-scrubber") == []
