"""The menu shows every page under the heading of its folder, but for those that a teacher's link leaves out."""

from __future__ import annotations

from pathlib import Path

from pruneviz.studio import frame, menu

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_there_is_stands_in_the_menu_once():
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "pages").glob("*/*.py")}
    assert files == {file for file, _, _ in frame.PAGES} and len(files) == len(frame.PAGES)
    assert len({address for _, _, address in frame.PAGES}) == len(frame.PAGES)


def test_pages_stand_under_the_heading_of_their_folder_in_the_order_of_the_house():
    found = menu.sections(frame.PAGES)
    assert [*found] == [title for title in menu.SECTIONS.values() if title in found]
    assert [entry for inside in found.values() for entry in inside] == list(frame.PAGES)


def test_a_teacher_leaves_pages_out_but_never_the_first():
    shown = menu.offered(frame.PAGES, ("page:weights", "page:slider", "criterion", "page:nowhere"))
    assert [one[2] for one in shown] == [one[2] for one in frame.PAGES if one[2] != "weights"]
