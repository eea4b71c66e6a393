"""The Hugging Face hub: a model's folder by name, of one commit. Only tables, tokenizers and safetensors are fetched, and
no code: a configuration that names some is refused before any weight is."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pruneviz.engine.sources import checkpoint, fetching, model_folder
from pruneviz.engine.sources.fetching import NEVER, Fetch, refuse_over, refuse_unless, soon, unreachable
from pruneviz.engine.sources.gate import SubjectError, brief

HOST = "huggingface.co"
CONFIG = "config.json"
SMALL = ("*config.json", "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt")
SMALL += ("merges.txt", "*.safetensors.index.json")
LARGE = ("*.safetensors",)
_MODEL = ("model.safetensors", "model.safetensors.index.json")
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SMALLEST = 16 << 20  # bytes that a table or a tokenizer has at most


def pinned(revision: str | None) -> bool:
    """Is the revision a commit, which never moves?"""
    return bool(revision and _COMMIT.fullmatch(revision))


def here(name: str, revision: str | None = None) -> Path | None:
    """The folder of a model that was fetched before, by this app or by another; None where it is not whole."""
    _check(name, revision)
    library = _library()
    found = library.try_to_load_from_cache(name, CONFIG, revision=revision or "main")
    folder = Path(found).parent if isinstance(found, str) else None
    return folder if folder is not None and _whole(folder) else None


@dataclass(frozen=True, slots=True)
class Announced:
    """What the hub says of a model: which commit it is, its licence, and the bytes of the files that would be fetched."""

    commit: str
    licence: str
    sizes: dict[str, int]

    @property
    def bytes(self) -> int:
        return sum(self.sizes.values())


def announced(name: str, revision: str | None, fetch: Fetch) -> Announced:
    """What the hub says of a model, asked before any of it is fetched. One that is too large for here is refused."""
    _check(name, revision)
    refuse_unless(fetch, name)
    library = _library()
    info = _asked(
        lambda: library.HfApi().model_info(
            name, revision=revision, timeout=fetching.PATIENCE, files_metadata=True, token=False
        ),
        name,
    )
    licence = next(
        (tag.removeprefix("license:") for tag in getattr(info, "tags", None) or () if tag.startswith("license:")), ""
    )
    found = Announced(info.sha, licence, _wanted({one.rfilename: one.size or 0 for one in info.siblings}, name))
    refuse_over(fetch, name, found.bytes)
    return found


def fetched(name: str, revision: str | None, fetch: Fetch) -> Path:
    """Fetches a model's folder: first its configuration, which is checked, then the rest, `fetch` hearing how far it is."""
    info, library = announced(name, revision, fetch), _library()
    sizes, done, every, config = info.sizes, 0, info.bytes, Path()
    for file in sorted(sizes, key=lambda one: (one != CONFIG, sizes[one])):
        bar = _bar(fetch, done, every)
        config = Path(
            _asked(
                lambda file=file, bar=bar: library.hf_hub_download(
                    name, file, revision=info.commit, etag_timeout=fetching.PATIENCE, token=False, tqdm_class=bar
                ),
                name,
                patient=True,
            )
        )
        done += sizes[file]
        fetch.told(done, every)
        if file == CONFIG:
            model_folder.build_of(config.parent)
    return config.parent


def weights(name: str, fetch: Fetch = NEVER) -> Path:
    """The safetensors of a model of the hub, where its configuration is another library's."""
    folder = here(name)
    if folder is None:
        refuse_unless(fetch, name)
        folder = fetched(name, None, fetch)
    return next(folder / one for one in _MODEL if (folder / one).is_file())


def _wanted(sizes: dict[str, int], name: str) -> dict[str, int]:
    """Which of a model's files are fetched: those that say how, and one set of safetensors."""
    known = {file: size for file, size in sizes.items() if "/" not in file}
    chosen = {file: size for file, size in known.items() if _like(file, SMALL) and size <= _SMALLEST}
    if "model.safetensors" in known:
        chosen = {file: size for file, size in chosen.items() if not file.endswith(checkpoint.INDEX)}
        chosen["model.safetensors"] = known["model.safetensors"]
    else:
        chosen |= {file: size for file, size in known.items() if re.fullmatch(r"model-\d+-of-\d+\.safetensors", file)}
    if CONFIG not in chosen or not any(_like(file, LARGE) for file in chosen):
        raise SubjectError(
            f"{name} has no {CONFIG} with model.safetensors on the hub: choose a model that has, or convert it", "no-file"
        )
    return chosen


def _whole(folder: Path) -> bool:
    try:
        if (folder / _MODEL[0]).is_file():
            return True
        return all((folder / one).is_file() for one in set(checkpoint.shard_names(folder / _MODEL[1]).values()))
    except SubjectError:
        return False


def _check(name: str, revision: str | None) -> None:
    if not _NAME.fullmatch(name) or ".." in name or "--" in name:
        raise SubjectError(f"{name[:96]!r} is no name of a model on the hub; write it as owner/model", "hub-name")
    if revision is not None and (not re.fullmatch(r"[\w./-]{1,96}", revision, re.ASCII) or ".." in revision):
        raise SubjectError(f"{revision[:96]!r} is no revision; write a branch, a tag or a commit", "hub-name")


def _library() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise SubjectError("models of the hub need a package that is not here: install huggingface_hub", "missing") from None
    return huggingface_hub


def _asked(call: Any, name: str, *, patient: bool = False) -> Any:
    """What the hub answers; its many kinds of errors as one sentence."""
    try:
        return call() if patient else soon(call, HOST)
    except SubjectError:
        raise
    except Exception as error:
        kind = type(error).__name__
        if kind in ("RepositoryNotFoundError", "GatedRepoError", "RevisionNotFoundError", "EntryNotFoundError"):
            why = "asks for a sign-in" if kind == "GatedRepoError" else "is not on the hub, or only for those who sign in"
            raise SubjectError(f"{name} {why}: fetch it yourself, and give the folder", "not-found") from None
        raise unreachable(HOST, brief(error)) from None


def _like(file: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(file, pattern) for pattern in patterns)


def _bar(fetch: Fetch, before: int, every: int) -> type:
    """What the library takes for a progress bar: it draws nothing and tells `fetch`."""
    from tqdm import tqdm

    class Bar(tqdm):
        def __init__(self, *given: Any, **named: Any) -> None:
            named.pop("name", None)
            super().__init__(*given, **{**named, "disable": True})
            self.done = 0

        def update(self, n: float | None = 1) -> None:
            self.done += int(n or 0)
            fetch.told(before + self.done, every)

    return Bar
