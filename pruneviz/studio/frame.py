"""The frame around every page: navigation, the shared strip, and what there is to say about the link."""

from __future__ import annotations

import streamlit as st

from pruneviz import plain
from pruneviz.recipe import Recipe
from pruneviz.studio import (
    admission,
    bench,
    came_from,
    catalogue,
    guide,
    kitchen,
    link,
    made_with,
    menu,
    orders,
    show,
    status,
    strips,
)
from pruneviz.studio.bring import dialog
from pruneviz.studio.lessons import box
from pruneviz.studio.present import chrome

PAGES = (
    ("pages/start/slider.py", "Slider", "slider"),
    ("pages/see/weights.py", "Weights", "weights"),
    ("pages/see/anatomy.py", "Anatomy", "anatomy"),
    ("pages/analyse/damage.py", "What breaks", "damage"),
    ("pages/analyse/sensitivity.py", "Sensitivity", "sensitivity"),
    ("pages/analyse/criteria.py", "Criteria", "criteria"),
    ("pages/labs/regularise.py", "Regularise", "regularise"),
    ("pages/labs/schedule.py", "Schedule", "schedule"),
    ("pages/labs/movement.py", "Movement", "movement"),
    ("pages/labs/lottery.py", "Lottery tickets", "lottery"),
    ("pages/labs/size.py", "Was the size needed?", "size"),
    ("pages/labs/oneshot.py", "One shot", "oneshot"),
    ("pages/decide/compare.py", "Compare", "compare"),
    ("pages/decide/reality.py", "Reality check", "reality"),
    ("pages/decide/present.py", "Present", "present"),
    ("pages/learn/lessons.py", "Lessons", "lessons"),
    ("pages/learn/scale.py", "Results at scale", "scale"),
)


def open_page() -> None:
    """Everything but the page itself, then the page."""
    st.set_page_config(page_title="PruneViz", page_icon="✂️", layout="wide", initial_sidebar_state="collapsed")
    pages = [st.Page(path, title=title, url_path=url, default=at == 0) for at, (path, title, url) in enumerate(PAGES)]
    page = st.navigation(pages, position="hidden")
    bench.check_with(kitchen.trouble)
    bench.fit_with(catalogue.fitting)
    bench.open_bench(_trouble_of_link, made_with.absent, catalogue.usual)
    made_with.note_tab()
    recipe = _here()
    _style()
    presenting = chrome.presenting(page.url_path, recipe)
    with st.container(key="frame"):
        if not presenting:
            _menu(pages, page)
        for said in bench.words():
            st.warning(plain.markdown(said, 1024))
        made_with.ask_for_files()
        strip, line = None if presenting else strips.strip(recipe), status.place(recipe)
    with status.telling(line):
        status.wait(recipe, line)
        if strip is not None:
            with strip:
                strips.figures(recipe, kitchen.first_report(recipe))
            came_from.told(recipe)
            came_from.lab(recipe, page.url_path, PAGES)
        # Before the page: whoever copies the link while a slow page still draws gets all of it.
        bench.keep_link(made_with.seal)
        dialog.show_it()
        if not presenting:
            box.beside(recipe, page.url_path or PAGES[0][2], PAGES)
        page.run()
    orders.tidy()
    status.line(line, recipe)


def _here() -> Recipe:
    """What the visitor chose, while its model is here. One that went meanwhile (another took its place, or its files were
    touched) may come back by Undo, or in a second tab: then a word about it, and the setting before."""
    gone = admission.trouble(bench.recipe_now())
    if gone:
        bench.retreat(gone, lambda one: admission.trouble(one) is None)
    return bench.recipe_now()


def _trouble_of_link(recipe: Recipe) -> str | None:
    """Why the Recipe of a link cannot be used: it is not possible here, or it was made with other files."""
    return kitchen.trouble(recipe) or made_with.difference(recipe)


def _menu(pages: list, current) -> None:
    """The name, what can be done everywhere, and the way to every page."""
    recipe = bench.recipe_now()
    offered, here = menu.offered(PAGES, recipe.hidden), current.url_path or PAGES[0][2]
    places = {url: page for (_, _, url), page in zip(PAGES, pages, strict=True)}
    with st.container(key="bar", horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**PruneViz**", width="content")
        menu.narrow(offered, places, here)
        if recipe.lesson:
            st.space("stretch")
        else:
            guide.greet(PAGES)
        st.button("Undo", key="undo", on_click=bench.undo, disabled=not bench.can_undo(), shortcut="Ctrl+Z")
        st.button("Redo", key="redo", on_click=bench.redo, disabled=not bench.can_redo(), shortcut="Ctrl+Shift+Z")
        link.copy_link(made_with.seal(recipe))
        guide.popover(PAGES)
    menu.wide(offered, places, here)


def _style() -> None:
    """The few rules that Streamlit has no setting for: less air above, figures that fit a strip."""
    st.html(
        "<style>"
        f"{menu.STYLE}"
        ".st-key-strip [data-testid='stMetricValue']{font-size:1.5rem;font-weight:600}"
        ".st-key-strip [data-testid='stMetricDelta']{background:none;padding:0;font-size:.8rem}"
        ".st-key-strip{border-block:1px solid rgba(128,128,128,.25);padding-block:.5rem;column-gap:1.75rem}"
        ".st-key-figures{column-gap:1.75rem}"
        ".st-key-figures [data-testid='stCaptionContainer'] p{max-width:10.5rem;font-size:.8rem;line-height:1.3}"
        ".st-key-pinning kbd{display:none}"
        "@media(max-width:640px){.st-key-numbers table :is(td,th){padding:.3rem .35rem;font-size:.8rem}}"
        ".st-key-subject input{text-overflow:ellipsis}"
        # The box of a lesson stays in sight while its step is done further down.
        f"{box.STYLE}"
        # A chart's toolbar comes when the pointer does, above the marks and below the title.
        f"{show.STYLE}"
        ".st-key-status{min-height:2.5rem}"
        ".st-key-frame{gap:.5rem}"
        ".katex-display{overflow:visible!important}"
        "[data-testid='stCaptionContainer']{opacity:.75!important}"
        "[data-pv-guessing] :is(h1,.st-key-accuracy,.st-key-strip-against,.st-key-told),"
        "[data-pv-guessing] :is(.st-key-accuracy,.st-key-strip-against,.st-key-told) *{visibility:hidden}"
        "@media(max-width:640px){.st-key-strip{column-gap:1.25rem}}"
        "[data-testid='stHeader']{background:none;height:2.5rem;min-height:2.5rem}"
        "</style>"
    )
