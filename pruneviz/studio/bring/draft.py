"""Draft: what a visitor has put together in the dialog so far. It becomes a card, and the card becomes the model.

A Draft is never changed: every step makes a new one, so a step that fails leaves the one before as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pruneviz.studio import folders, library
from pruneviz.studio.bring.model import Model
from pruneviz.studio.library import File

PREPARED = ("scale", "mean", "std", "resize", "crop", "interpolation")
"""The keys of [data] that say how images become inputs."""
READ = ("text_column", "second_column", "label_column", "header", "context", "layout", "split")
"""The keys of [data] that say how a file is read."""
TASKS = {
    "image_classification": "images, one class each",
    "text_classification": "texts, one class each",
    "language_modelling": "text, the next token",
}


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A model, data, and what was said by hand: `told` has the card's own keys, `how` those of its [data]."""

    model: Model | None = None
    heap: Mapping[str, File] = field(default_factory=dict)
    files: Mapping[str, File] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        return str(self.told.get("task") or (self.model.task if self.model else ""))

    @property
    def whole(self) -> bool:
        """Whether there is enough for a card."""
        return self.model is not None and self.model.fits and "architecture" in self.model.table and bool(self.data)


def with_model(draft: Draft, model: Model | None, heap: Mapping[str, File]) -> Draft:
    """Another model: what was said by hand about the old one is forgotten. A card that names its data brings them along."""
    fresh = replace(draft, model=model, heap=dict(heap), told={}, how={})
    if model is not None and not draft.data and ("file" in model.data or "set" in model.data):
        own = {at: one for at, one in model.files.items() if at.startswith("data/")}
        return replace(fresh, data=dict(model.data), files=own)
    return fresh


def with_data(draft: Draft, data: Mapping[str, Any], files: Mapping[str, File]) -> Draft:
    """Other data: what was said by hand about how to read the old ones is forgotten."""
    return replace(draft, data=dict(data), files=dict(files), how={})


def with_tokenizer(draft: Draft, files: Mapping[str, File], place: str) -> Draft:
    """The same model with the tokenizer that it was trained with: the file at `place`, and what lies beside it."""
    model = replace(draft.model, files={**draft.model.files, **files}, data={**draft.model.data, "tokenizer": place})
    return replace(draft, model=model)


def tokenizer(draft: Draft) -> dict[str, File]:
    """The files of a tokenizer that was given by itself, after the model."""
    with_model = {0, *(one.claim for one in draft.heap.values())}
    return {at: one for at, one in draft.model.files.items() if at.startswith("tokenizer/") and one.claim not in with_model}


def without_tokenizer(draft: Draft) -> Draft:
    """The same model without the tokenizer that was given by itself."""
    gone = tokenizer(draft)
    files = {at: one for at, one in draft.model.files.items() if at not in gone}
    data = {key: one for key, one in draft.model.data.items() if key != "tokenizer"}
    return replace(draft, model=replace(draft.model, files=files, data=data))


def told(draft: Draft, change: Mapping[str, Any]) -> Draft:
    """The Draft after something was said by hand: {"classes": […], "data": {"scale": 1.0}}. None takes a word back."""
    top = {key: one for key, one in change.items() if key != "data"}
    return replace(draft, told=_merged(draft.told, top), how=_merged(draft.how, change.get("data", {})))


def table(draft: Draft) -> dict[str, Any]:
    """The card that the Draft makes."""
    image = draft.task in ("", "image_classification")
    # How images are prepared comes with the weights; the small digits that ship are no such images.
    with_weights = draft.model.data if "set" not in draft.data or draft.data["set"] != "digits" else {}
    wanted = (*PREPARED, "layout") if image else ("tokenizer", "context")
    data = {key: one for key, one in with_weights.items() if key in wanted}
    return {**draft.model.table, **draft.told, "data": {**data, **draft.data, **draft.how}}


def reference(owner: str, draft: Draft) -> str:
    """Lays the Draft out in the library as the model that this visitor is trying, and says its reference."""
    written, files = table(draft), {**draft.model.files, **draft.files}
    return library.lay(owner, written, _named(written, files), lambda folder: identified(written, folder))


def identified(written: Mapping[str, Any], folder: Path) -> str:
    """Writes the card into its folder, and says what it is called."""
    from pruneviz.engine.sources import card

    card.named(written)  # whoever wrote it: it names nothing but what lies here
    card.write(written, folder)
    return card.identity(written, folder)


def _named(written: Mapping[str, Any], files: Mapping[str, File]) -> dict[str, File]:
    """The files that the card names: a model's folder may hold others, and a link would ask for them."""
    from pruneviz.engine.sources import card

    with folders.furnished({at: one.path for at, one in files.items()}) as folder:
        named = {path.relative_to(folder).as_posix() for path in card.files(written, folder).values()}
    return {at: one for at, one in files.items() if at in named}


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in {**old, **new}.items() if one is not None}
