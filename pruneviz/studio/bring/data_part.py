"""The dialog's second part: which data the model is judged on. They are held out: the model was not trained on them."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pruneviz import plain
from pruneviz.studio import bench, library, visitor
from pruneviz.studio.bring import draft as drafts
from pruneviz.studio.bring import heap, named_part, state
from pruneviz.studio.library import File

WAYS = {"file": "a file", "name": "by name", "here": "what is here", "path": "a path on this machine"}
_FILES, _TOKENS = "bring-data-files", "bring-tokenizer"
ENDINGS = {
    "npz": ".npz", "zip": ".zip", "tar": ".tar", "gzip": ".tar.gz", "parquet": ".parquet", "safetensors": ".safetensors",
}  # fmt: skip
KINDS = {
    "image_classification": "Images: an archive of class folders (.zip, .tar.gz), or .npz with x_test and y_test",
    "text_classification": "Texts with labels: .csv, .tsv or .parquet",
    "language_modelling": "A text, .txt",
    "": "Images (.zip, .tar.gz, .npz), texts with labels (.csv, .tsv, .parquet), or a text (.txt)",
}


def ask() -> None:
    """Asks for the data, or says which were given."""
    st.header("2 · Data", anchor=False)
    state.work_off("data", "Reading …")
    draft = state.draft()
    if draft.data:
        _given(draft)
    else:
        _ask(draft)
    if draft.model is not None and drafts.TASKS.get(draft.task) and draft.task != "image_classification":
        _tokenizer(draft)
    state.say_trouble("data")


def _ask(draft: drafts.Draft) -> None:
    images = draft.task in ("", "image_classification")
    ways = ["file", *(["name", "here"] if images else []), *(["path"] if visitor.own_machine() else [])]
    way = st.segmented_control(
        "Where are they?", ways, format_func=WAYS.get, default="file", required=True, key=f"bring-data-way-{images}",
        label_visibility="collapsed", wrap=True,
    )  # fmt: skip
    if way == "name":
        named_part.ask_data()
    elif way == "here":
        st.markdown("1,797 hand-written digits of 8×8 pixels, 500 of them held out: for models that take such small images.")
        st.button("Use the digits", key="bring-digits", on_click=_take_digits)
    elif way == "path":
        st.text_input("File", key="bring-data-path", on_change=_take_path, placeholder="/home/me/photos.tar.gz")
    else:
        st.file_uploader(
            KINDS[draft.task],
            accept_multiple_files=True,  # one is wanted; several are said to be too many
            key=state.turn(_FILES),
            on_change=state.given,
            args=("data", _FILES, lambda uploads: _take(_one(state.taken(uploads)))),
        )


def _one(files: list[File]) -> File:
    if len(files) > 1:
        library.let_go(visitor.name(), {one.name: one for one in files})
        raise ValueError(
            f"{len(files)} files were given where one is wanted: pack them as one .zip or .tar.gz of class folders"
        )
    return files[0]


def _take_path() -> None:
    given = bench.entered("bring-data-path").strip()
    if given:
        state.later("data", lambda: _take(_at(Path(given).expanduser())))


def _at(path: Path) -> File:
    from pruneviz.engine.sources.gate import SubjectError

    if not visitor.own_machine():
        raise SubjectError("a path is read on one's own machine only: upload the file", "path")
    if not path.is_file():
        raise SubjectError(f"there is no file {plain.one_line(path)!r} on this machine: pack a folder as .tar.gz", "no-file")
    return library.refer(path)


def _take(file: File) -> None:
    """Data by what the file is: its name says nothing, but for tables of text, whose columns a name's ending parts."""
    from pruneviz.engine.sources import sniff

    family = sniff.family(file.path)
    if family not in (*ENDINGS, "text") or family == "safetensors":
        library.let_go(visitor.name(), {file.name: file})
        raise sniff.refusal(family, file.name)
    tail = Path(file.name).suffix.lower()
    ending = ENDINGS.get(family) or (tail if tail in (".csv", ".tsv", ".txt") else ".txt")
    place = f"data/data{ending}"
    state.keep(drafts.with_data(state.draft(), {"file": place}, {place: file}))
    bench.note("bring_data_said", file.name)


def _take_digits() -> None:
    state.keep(drafts.with_data(state.draft(), {"set": "digits"}, {}))
    bench.note("bring_data_said", "the digits that are here")
    state.attempt("data", lambda: None)


def _given(draft: drafts.Draft) -> None:
    files = [*draft.files.values()]
    about = f"{plain.size(files[0].bytes)}, sha256 `{files[0].sha256[:12]}…`" if files else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain.markdown(bench.noted('bring_data_said', 'Data'))}** {about}", width="stretch")
        st.button("Other data", key="bring-data-anew", on_click=_start_anew)


def _start_anew() -> None:
    draft = state.draft()
    with_model = {one.claim for one in draft.heap.values()}
    state.let_go({at: one for at, one in draft.files.items() if one.claim not in with_model})
    state.keep(drafts.with_data(draft, {}, {}))
    for part in ("data", "check"):
        state.attempt(part, lambda: None)


def _tokenizer(draft: drafts.Draft) -> None:
    """Text needs the tokenizer that the model was trained with; where it came along, nothing is asked."""
    if drafts.tokenizer(draft):
        st.button("Another tokenizer", key="bring-tokenizer-anew", on_click=_drop_tokenizer)
    if "tokenizer" in draft.model.data:
        return
    st.file_uploader(
        "The model's tokenizer: tokenizer.json, vocab.txt, or tok512.bin of llama2.c",
        accept_multiple_files=True,
        key=state.turn(_TOKENS),
        on_change=state.given,
        args=("data", _TOKENS, lambda uploads: _take_tokenizer(state.taken(uploads))),
    )


def _drop_tokenizer() -> None:
    draft = state.draft()
    state.let_go(drafts.tokenizer(draft))
    state.keep(drafts.without_tokenizer(draft))
    for part in ("data", "check"):
        state.attempt(part, lambda: None)


def _take_tokenizer(files: list[File]) -> None:
    draft, placed = state.draft(), {}
    for one in files:
        placed[heap.place("tokenizer", one.name, placed)] = one
    alone = next(iter(placed)) if len(placed) == 1 else "tokenizer"
    state.keep(drafts.with_tokenizer(draft, placed, alone))
