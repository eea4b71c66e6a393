"""The dialog's first part: which model. A file, a folder or a name; recognised at once, in place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from pruneviz import plain
from pruneviz.studio import bench, house_rules, show, visitor
from pruneviz.studio.bring import draft as drafts
from pruneviz.studio.bring import heap, model, named_part, state
from pruneviz.studio.library import File

ROWS = 12
"""Tensors that do not fit, as many as a table shows."""
_FILES = "bring-model-files"
WAYS = {"file": "a file", "name": "by name", "path": "a path on this machine"}


def ask() -> None:
    """Asks for the model, or says which one was given."""
    st.header("1 · Model", anchor=False)
    state.work_off("model", "Reading …")
    draft = state.draft()
    if draft.model is None:
        _ask()
    else:
        _given(draft)
    state.say_trouble("model")


def _ask() -> None:
    ways = [way for way in WAYS if way != "path" or visitor.own_machine()]
    way = st.segmented_control(
        "Where is it?", ways, format_func=WAYS.get, default="file", required=True, key="bring-model-way",
        label_visibility="collapsed", wrap=True,
    )  # fmt: skip
    if way == "name":
        named_part.ask_model()
    elif way == "path":
        st.text_input(
            "File or folder", key="bring-model-path", on_change=_take_path, placeholder="/home/me/resnet20.pth",
            help="Weights, a folder of transformers, or a subject.toml.",
        )  # fmt: skip
    else:
        st.file_uploader(
            "Weights as .safetensors, .pt or .pth; a folder of transformers as .zip, or all its files at once",
            accept_multiple_files=True,
            key=state.turn(_FILES),
            on_change=state.given,
            args=("model", _FILES, _take_uploads),
        )


def _take_uploads(uploads: Sequence[Any]) -> None:
    given = state.taken(uploads)
    files: dict[str, File] = {}
    try:
        files = heap.gathered(visitor.name(), given, house_rules.caps())
        _take(files)
    except Exception:  # the page shows no model now that could be let go of with a button
        state.let_go({**files, **dict(enumerate(given))})
        raise


def _take_path() -> None:
    given = bench.entered("bring-model-path").strip()
    if given:
        state.later("model", lambda: _take(_at(Path(given).expanduser())))


def _at(path: Path) -> dict[str, File]:
    from pruneviz.engine.sources.gate import SubjectError

    if not visitor.own_machine():
        raise SubjectError("a path is read on one's own machine only: upload the file", "path")
    if path.is_dir():
        return heap.folder(path)
    if path.is_file():
        return heap.from_path(visitor.name(), path, house_rules.caps())
    raise SubjectError(f"there is no file or folder {plain.one_line(path)!r} on this machine: correct the path", "no-file")


def _take(files: dict[str, File], build: str = "") -> None:
    found = model.recognised(files, build, house_rules.caps())
    state.keep(drafts.with_model(state.draft(), found, files))


def _given(draft: drafts.Draft) -> None:
    given = draft.model
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain.markdown(given.title)}** {_names(draft)}", width="stretch")
        st.button("Another model", key="bring-model-anew", on_click=_start_anew)
    for said in given.said:
        st.caption(plain.markdown(said))
    if given.candidates:
        _architecture(draft)
    if not given.task:
        st.segmented_control(
            "What is it for? Its configuration does not say.", [*drafts.TASKS], format_func=drafts.TASKS.get,
            default=draft.told.get("task"), key="bring-task", on_change=_take_task, wrap=True,
        )  # fmt: skip


def _take_task() -> None:
    state.keep(drafts.told(state.draft(), {"task": bench.entered("bring-task") or None}))


def _names(draft: drafts.Draft) -> str:
    files = [*draft.heap.values()]
    if not files:
        return ""
    total = plain.size(sum(one.bytes for one in files))
    first = max(files, key=lambda one: one.bytes)
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"from {plain.markdown(first.name)}{more}, {total}, sha256 `{first.sha256[:12]}…`"


def _start_anew() -> None:
    draft = state.draft()
    state.let_go({**draft.heap, **draft.model.files} if draft.model is not None else draft.heap)
    state.keep(drafts.with_model(state.draft(), None, {}))
    state.attempt("model", lambda: None)
    state.attempt("check", lambda: None)


def _architecture(draft: drafts.Draft) -> None:
    """Which network the tensors belong to: what they fit, and what they do not."""
    first = draft.model.candidates[0]
    if first.match.ok:
        st.markdown(f"Recognised: **{plain.markdown(first.title)}**. {plain.markdown(first.match.words)}")
    else:
        st.warning(f"No architecture fits. Nearest is {plain.markdown(first.title)}: {plain.markdown(first.match.words)}")
        bad = [row for row in first.match.rows if row.verdict != "fits"]
        shown = [(plain.markdown(r.name), _shape(r.stored), _shape(r.wanted), r.verdict) for r in bad[:ROWS]]
        said = f"{min(len(bad), ROWS)} of the {len(bad):,} tensors that do not fit."
        show.table([("tensor", "in the file", "in the network", ""), *shown], said)
    if st.toggle("Choose the architecture by hand", value=not first.match.ok, key=f"bring-by-hand-{first.build}"):
        named_part.architecture(first.build, lambda name: state.later("model", _take, dict(draft.heap), name))


def _shape(shape: tuple[int, ...] | None) -> str:
    return "–" if shape is None else " × ".join(map(str, shape)) or "one number"
