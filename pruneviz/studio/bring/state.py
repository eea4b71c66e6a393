"""State: what the dialog keeps for this tab, and how a step that fails leaves it: as it was, with one sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from pruneviz import plain
from pruneviz.studio import bench, library, visitor
from pruneviz.studio.bring.draft import Draft
from pruneviz.studio.library import File

_log = logging.getLogger(__name__)


def draft() -> Draft:
    """What this visitor has put together so far."""
    return bench.noted("bring_draft") or Draft()


def keep(made: Draft) -> None:
    """Takes the next step's Draft."""
    bench.note("bring_draft", made)


def later(part: str, work: Callable[..., Any], *arguments: Any) -> None:
    """Notes what is to be done when the dialog is drawn next: there a wheel can turn meanwhile. For callbacks."""
    bench.note(f"bring_later_{part}", partial(work, *arguments))


def work_off(part: str, words: str) -> None:
    """Does what was noted for a part, before the part is drawn."""
    work = bench.noted(f"bring_later_{part}")
    if work is not None:
        bench.note(f"bring_later_{part}", None)
        with st.spinner(words):
            attempt(part, work)


def given(part: str, key: str, work: Callable[[Sequence[Any]], Any]) -> None:
    """What an uploader's callback does: the files are read when the dialog is drawn next, the uploader begins anew."""
    uploads = bench.entered(turn(key))
    anew(key)
    if uploads:
        later(part, work, uploads)


def trouble(part: str) -> str:
    """What went wrong in a part of the dialog, last time something was done there."""
    return bench.noted(f"bring_trouble_{part}", "")


def attempt(part: str, work: Callable[[], Any]) -> Any:
    """Does `work`; where it fails, the part says why in one sentence, nothing else changes, and the answer is None."""
    bench.note(f"bring_choices_{part}", ())
    try:
        found = work()
    except (ValueError, KeyError) as problem:  # what was brought is at fault: a SubjectError, or no room for it
        bench.note(f"bring_trouble_{part}", " ".join(str(problem).split()))
        bench.note(f"bring_choices_{part}", tuple(getattr(problem, "choices", ())))
        return None
    except FileNotFoundError:  # the visitor's other tab gave it back, or it is gone from this machine
        bench.note(f"bring_trouble_{part}", "A file that was given is no longer here: give it again.")
        return None
    except MemoryError:
        bench.note(f"bring_trouble_{part}", "This needs more memory than there is: bring something smaller.")
        return None
    except Exception:  # the app is at fault: the reason is for its owner, not for the screen
        _log.exception("bring: %s", part)
        bench.note(
            f"bring_trouble_{part}", "This could not be read; the reason stands in the server's log: try another file."
        )
        return None
    bench.note(f"bring_trouble_{part}", "")
    return found


def choices(part: str) -> tuple[str, ...]:
    """What there was to choose from where something went wrong because nobody chose: class folders in no known order."""
    return bench.noted(f"bring_choices_{part}", ())


def say_trouble(part: str) -> None:
    """The sentence of a part, if something went wrong there."""
    said = trouble(part)
    if said:
        st.error(plain.markdown(said[:1].upper() + said[1:], 1024))


def let_go(files: Mapping[str, File]) -> None:
    """Gives back files that were given and are wanted no longer; those that a model needs stay with it."""
    library.let_go(visitor.name(), files)


def turn(name: str) -> str:
    """A widget's key that changes whenever the widget is to begin anew."""
    return f"{name}-{bench.noted(f'bring_turn_{name}', 0)}"


def anew(name: str) -> None:
    """The widget begins anew on the next run: what was given to it has been taken."""
    bench.note(f"bring_turn_{name}", bench.noted(f"bring_turn_{name}", 0) + 1)


def taken(uploads: Sequence[Any]) -> list[File]:
    """Takes uploaded files into the library, and out of the server's memory."""
    from pruneviz.studio import house_rules

    owner, found = visitor.name(), []
    try:
        for one in uploads:
            found.append(library.keep(owner, one.name, one, house_rules.caps(), visitor.tab()))
        return found
    except Exception:
        library.let_go(owner, dict(enumerate(found)))
        raise
    finally:
        for one in uploads:
            visitor.drop_upload(one)
