"""The README's pictures: `python -m tests.browser.gallery` takes them anew, as WebP, into docs/gallery."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from tests.browser.server import ROOT, chromium, serving, settle

FOLDER = ROOT / "docs" / "gallery"
SIZE = {"width": 1440, "height": 900}
PIN = "pin=m%3Ddigits_cnn%26s%3D60~m%3Ddigits_cnn%26g%3Dfilter%26s%3D10"


@dataclass(frozen=True)
class Picture:
    """One picture: its file's name, the address, light or dark, and what the README says of it."""

    name: str
    path: str
    scheme: str
    words: str


PICTURES = (
    Picture("slider", "/?s=70", "light", "The slider: what goes, and what it costs, as you drag"),
    Picture("weights", "/weights?s=60", "light", "Weights: is it a Laplacian? Three laws, one threshold"),
    Picture(
        "anatomy",
        "/anatomy?m=digits_cnn&g=filter&s=30",
        "dark",
        "Anatomy: the filters themselves",
    ),
    Picture("damage", "/damage?s=80", "light", "What breaks: which classes pay"),
    Picture("sensitivity", "/sensitivity?m=digits_mlp", "light", "Sensitivity: each layer pruned alone"),
    Picture("compare", f"/compare?s=70&{PIN}", "dark", "Compare: pinned settings, and which of them none beats"),
    Picture("present", "/present?s=70&slide=2&lim=points%3A1", "light", "Present: five slides with computed headlines"),
    Picture("lesson", "/?m=digits_mlp&s=50&lesson=magnitude", "light", "A lesson, on the page it is about"),
)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with serving() as server, chromium() as browser:
        for one in PICTURES:
            context = browser.new_context(viewport=SIZE, color_scheme=one.scheme, reduced_motion="reduce")
            context.add_init_script("try { localStorage.setItem('pruneviz-welcome', 'no') } catch {}")
            page = context.new_page()
            print(take(page, server.address + one.path, one), flush=True)
            context.close()


def take(page, address: str, one: Picture) -> Path:
    """What a window of usual size shows of a page, once everything on it stands."""
    page.goto(address)
    settle(page)
    page.get_by_text("Measuring in the background").wait_for(state="detached", timeout=120_000)
    page.wait_for_timeout(1500)  # charts draw themselves in their own time
    settle(page)
    target = FOLDER / f"{one.name}.webp"
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(target, "WEBP", quality=82, method=6)
    return target


def table() -> str:
    """The pictures as the README shows them: two beside each other, each with its words."""
    cell = "[![{0.words}](docs/gallery/{0.name}.webp)](docs/gallery/{0.name}.webp)<br>{0.words}"
    pairs = zip(PICTURES[::2], PICTURES[1::2], strict=True)
    return "\n".join(["| | |", "| --- | --- |", *(f"| {cell.format(one)} | {cell.format(other)} |" for one, other in pairs)])


if __name__ == "__main__":
    main()
