"""Download: published weights and models by name, where the server allows it. What was fetched once is read from disk.

Nothing is fetched from an address that somebody wrote: names are looked up in what torchvision, timm or the hub publish.
Without a network the answer is one sentence, and it comes soon.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pruneviz.engine.sources import fetching, shelf
from pruneviz.engine.sources import hub as hub_of
from pruneviz.engine.sources.fetching import NEVER, Fetch, refuse_over, refuse_unless, soon, unreachable
from pruneviz.engine.sources.gate import SubjectError, brief
from pruneviz.engine.sources.offer import Offer

__all__ = ["NEVER", "Fetch", "cache", "hub", "offer", "weights"]

_PIECE = 1 << 18
_SLACK = 1 << 20


def offer(reference: str) -> Offer:
    """What is published under a reference, «torchvision:MobileNet_V2_Weights.IMAGENET1K_V1». Nothing is fetched."""
    source, _, name = reference.partition(":")
    module = shelf.find(source) if source in shelf.offered() else None
    if module is None or not hasattr(module, "named"):
        raise SubjectError(
            f"nobody publishes weights {reference[:64]!r}; say torchvision:<name> or timm:<name>", "unknown-weights"
        )
    if module.missing():
        raise SubjectError(f"{reference[:64]} needs a package that is not here: {module.missing()}", "missing")
    return module.named(name)[1]


def weights(reference: str, fetch: Fetch = NEVER) -> Path:
    """The file of published weights: where it was fetched to before, else fetched now, its hash checked."""
    found = offer(reference)
    if not found.sha256:
        return hub_of.weights(urlsplit(found.url).path.strip("/"), fetch)
    name = Path(urlsplit(found.url).path).name
    for folder in (_torch_hub(), cache()):
        if _verified(folder / name, found.sha256):
            return folder / name
    refuse_unless(fetch, name, found.bytes)
    refuse_over(fetch, name, found.bytes or 0)
    return _fetched(found, cache() / name, fetch)


def hub(name: str, revision: str | None = None, fetch: Fetch = NEVER) -> Path:
    """The folder of a model of the hub: its configuration, its safetensors, its tokenizer, of one commit and no other."""
    found = hub_of.here(name, revision)
    # A branch moves: where the network may be asked, it is asked which commit it is now.
    if found is not None and (hub_of.pinned(revision) or not fetch.allowed):
        return found
    refuse_unless(fetch, name)
    return hub_of.fetched(name, revision, fetch)


def cache() -> Path:
    """Where fetched weights lie: `PRUNEVIZ_CACHE`, or the usual folder of this account."""
    said = os.environ.get("PRUNEVIZ_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(said) / "pruneviz" if said else Path("~/.cache/pruneviz").expanduser()


def _torch_hub() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def _verified(path: Path, prefix: str) -> bool:
    """Is the file there, and the one that was published?"""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest().startswith(prefix)
    except OSError:
        return False


def _fetched(found: Offer, path: Path, fetch: Fetch) -> Path:
    """Fetches to a file of another name, checks it, and gives it its own: nobody ever sees half a file."""
    most = (found.bytes or 0) * 11 // 10 + _SLACK
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number, place = tempfile.mkstemp(dir=path.parent, prefix=".fetch-")
    except OSError as error:
        raise SubjectError(
            f"{path.parent} cannot be written ({brief(error)}): set PRUNEVIZ_CACHE to a folder", "cache"
        ) from None
    try:
        with os.fdopen(number, "wb") as stream:
            digest = _copied(found, stream, most, fetch)
        if not digest.startswith(found.sha256):
            raise SubjectError(
                f"{path.name} came with SHA-256 {digest[:12]}…, not {found.sha256}…: try again, or bring the file yourself",
                "changed",
            )
        os.replace(place, path)
    finally:
        Path(place).unlink(missing_ok=True)
    return path


def _copied(found: Offer, stream: Any, most: int, fetch: Fetch) -> str:
    """Copies what the publisher sends, piece by piece; answers with its SHA-256."""
    digest, done = hashlib.sha256(), 0
    with soon(lambda: urllib.request.urlopen(found.url, timeout=fetching.PATIENCE), found.host) as answer:
        said = answer.headers.get("Content-Length", "")
        every = int(said) if said.isdigit() else found.bytes or 0
        while piece := _piece(answer, found.host):
            done += len(piece)
            if done > most:
                raise SubjectError(f"{found.host} sends more than the {most:,} bytes that were announced", "too-large")
            digest.update(piece)
            try:
                stream.write(piece)
            except OSError as error:
                raise SubjectError(f"{found.title} cannot be stored ({brief(error)}): make room", "disk") from None
            fetch.told(done, every)
        if said.isdigit() and done < every:
            raise unreachable(found.host, f"it stopped after {done:,} of {every:,} bytes")
    return digest.hexdigest()


def _piece(answer: Any, host: str) -> bytes:
    try:
        return answer.read(_PIECE)
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(host, error) from None
