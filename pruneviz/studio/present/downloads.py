"""Downloads: the setting as files to take away. The report, the same on paper, its charts as pictures, and the Recipe."""

from __future__ import annotations

import re
from collections.abc import Callable

import streamlit as st

from pruneviz import recipe_file
from pruneviz.case import Case
from pruneviz.handout import document, numbers, pictures, printing
from pruneviz.studio.library import is_own


def buttons(case: Case) -> None:
    """A button for each file. What is heavy is made when somebody asks for it; what cannot be made here says why."""
    with st.container(horizontal=True, gap="small", key="downloads"):
        _button("Report (HTML)", lambda: document.html(case).encode(), name(case, "html"), "text/html", "report-html")
        if printing.browser():
            _button(
                "Report (PDF)", lambda: printing.pdf(document.html(case).encode()), name(case, "pdf"), "application/pdf",
                "report-pdf",
            )  # fmt: skip
            _button(
                "Charts (SVG, PNG)", lambda: pictures.packed(case), name(case, "zip"), "application/zip", "report-charts"
            )
        _button(
            "Recipe (JSON)", lambda: recipe_file.write(numbers.recipe(case)).encode(), "recipe.json", "application/json",
            "report-recipe",
        )  # fmt: skip
    missing = "" if printing.browser() else f" {printing.MISSING}."
    again = "The recipe measures the same again: `python -m pruneviz evaluate --recipe recipe.json`."
    if case.recipe.subject.startswith("own:"):
        again = "The recipe says what was chosen; the link in the report opens it again, here, with the same files."
    st.markdown(f"The report is one file that opens offline, its charts alive. {again}{missing}")


def _button(label: str, made: Callable[[], bytes], file: str, kind: str, key: str) -> None:
    st.download_button(label, made, file_name=file, mime=kind, key=key, on_click="ignore")


def name(case: Case, ending: str) -> str:
    """What a file is called: by its model, what goes, and how much."""
    recipe = case.recipe
    called = case.model if is_own(recipe.subject) else recipe.subject.rpartition("/")[2].removesuffix(".toml")
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", called).strip("-.") or "model"
    return f"{plain}-{recipe.granularity.replace(':', '-of-')}-{100 * recipe.amount:g}.{ending}"
