"""Tokens in a child process: Hugging Face's library runs there, never where visitors are served.

It is written in Rust, which ends its process where memory runs out; and a file of one kilobyte may ask for gigabytes, or for
an expression that takes seconds for each text. The child has bounds on memory and time, and writes plain numbers, a line for
each text.
"""

from __future__ import annotations

import json
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pruneviz import nursery
from pruneviz.engine.sources import files, throwaway
from pruneviz.engine.sources.refusal import SubjectError, brief
from pruneviz.engine.sources.throwaway import Errand

CHILD = "pruneviz.engine.sources.tokens:work_in_child"
LIBRARY = "tokenizers"
ADVICE = "give tokenizer.json, vocab.txt, or vocab.json with merges.txt as the model came with it"
_SPARE, _TIMES = 512 << 20, 64
"""Bytes of memory that a child may take: some, and so many for each byte of the tokenizer and of its texts."""
_SECONDS, _RATE, _TEXT_RATE = 1.5, 4 << 20, 128 << 10
"""Seconds that it may compute: some, and one for each so many bytes of the tokenizer, and of the texts."""
_NUMBER = 12
"""Characters that a token takes at most, written down with its type."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked of a tokenizer: texts, each alone or two together, and how long a row of tokens may become.

    `most` None asks for the tokens of each text without special ones, however many they are.
    """

    texts: Sequence[tuple[str, ...]]
    most: int | None


def vocabulary(plan: Mapping[str, Any], name: str) -> tuple[dict[str, int], tuple[int, ...]]:
    """The pieces of a tokenizer by name, and the token that it puts before a text; none where it puts none."""
    lines = _asked(plan, Order((), None), name)
    words, first = next(lines, None), next(lines, None)
    if not isinstance(words, dict) or not all(type(token) is int and token >= 0 for token in words.values()):
        raise SubjectError(f"{name} could not be read: {ADVICE}", "child")
    return words, tuple(_numbers(first, name))


def rows(plan: Mapping[str, Any], order: Order, name: str) -> list[tuple[list[int], list[int]]]:
    """The tokens and the types of each text of an order."""
    found = []
    for line in _asked(plan, order, name) if order.texts else ():
        parts = line if isinstance(line, list) and len(line) == 2 else (None, None)
        tokens, types = (_numbers(part, name) for part in parts)
        if len(tokens) != len(types) or (order.most is not None and len(tokens) > order.most):
            raise SubjectError(f"{name} could not be read: {ADVICE}", "child")
        found.append((tokens, types))
    if len(found) != len(order.texts):
        raise SubjectError(f"{name} could not be read: {ADVICE}", "child")
    return found


def _asked(plan: Mapping[str, Any], order: Order, name: str) -> Iterator[Any]:
    """What the child wrote, line by line, believed no more than the file was."""
    with tempfile.TemporaryDirectory(prefix="pruneviz-") as folder:
        source, target = Path(folder) / "tokenizer.json", Path(folder) / "tokens.json"
        source.write_text(json.dumps([plan, list(order.texts)]), encoding="ascii")
        bounds = _bounds(source.stat().st_size, order, target)
        most = {"most": order.most, "seconds": bounds.cpu_seconds - 1, "texts": bool(order.texts)}
        throwaway.run(Errand(CHILD, source, target, most, bounds, 30.0 + 4 * bounds.cpu_seconds), name, ADVICE)
        lines = files.content(target, bounds.file_bytes).splitlines()
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            raise SubjectError(f"{name} could not be read: {ADVICE}", "child") from None


def _bounds(size: int, order: Order, target: Path) -> nursery.Bounds:
    """What the child may take for a tokenizer and texts of so many bytes together."""
    letters = sum(len(one) for row in order.texts for one in row)
    tokens = 4 * letters + 64 * len(order.texts) if order.most is None else order.most * len(order.texts)
    return nursery.Bounds(
        address_bytes=_SPARE + _TIMES * size,
        cpu_seconds=2 + int(_SECONDS + size / _RATE + letters / _TEXT_RATE),
        file_bytes=(1 << 20) + 4 * size + _NUMBER * tokens,
        alone=True,
        imports=(LIBRARY,),
        writes=(str(target),),
    )


def _numbers(found: Any, name: str) -> list[int]:
    if not isinstance(found, list) or not all(type(one) is int and 0 <= one < 1 << 32 for one in found):
        raise SubjectError(f"{name} could not be read: {ADVICE}", "child")
    return found


def work_in_child(connection: Connection, source: str, target: str, asked: dict[str, Any]) -> None:
    """Makes the tokenizer that `source` describes, writes what is asked to `target`, and says in JSON how that went."""
    signal.setitimer(signal.ITIMER_PROF, asked["seconds"])
    connection.send_bytes(json.dumps(answered(source, target, asked)).encode())


def answered(source: str, target: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Nothing where the lines were written, or why they were not. For the child alone."""
    try:
        with open(source, encoding="ascii") as stream:
            plan, texts = json.load(stream)
        with open(target, "w", encoding="ascii") as lines:
            for line in _lines(made(plan), texts, asked):
                lines.write(json.dumps(line) + "\n")
    except MemoryError:
        return {"why": "asks for more memory than its size explains", "code": "memory"}
    except BaseException as error:  # the library's own panics are no Exceptions
        return {"why": f"cannot be used as a tokenizer ({brief(error)})", "code": "tokenizer"}
    return {}


def _lines(tokenizer: Any, texts: list[list[str]], asked: dict[str, Any]) -> Iterator[Any]:
    tokenizer.no_padding()
    if not asked["texts"]:
        yield tokenizer.get_vocab(with_added_tokens=True)
        yield _beginning(tokenizer)
        return
    if asked["most"] is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(asked["most"])
    for one in texts:
        found = tokenizer.encode(*one, add_special_tokens=asked["most"] is not None)
        yield found.ids, found.type_ids


def _beginning(tokenizer: Any) -> list[int]:
    try:
        with_, without = (tokenizer.encode("a", add_special_tokens=add).ids for add in (True, False))
    except Exception:  # one that knows no «a» may know other texts
        return []
    return with_[:1] if with_[:1] != without[:1] else []


def made(plan: Mapping[str, Any]) -> Any:
    """The library's tokenizer: a whole file's, a BERT's from its words, or a GPT-2's from words and pairs."""
    from tokenizers import BertWordPieceTokenizer, Tokenizer, decoders, models, pre_tokenizers, processors

    if plan["kind"] == "whole":
        return Tokenizer.from_str(plan["text"])
    words = plan["words"]
    if plan["kind"] == "bert":
        return BertWordPieceTokenizer(words, lowercase=plan["lower"], strip_accents=None)._tokenizer
    found = Tokenizer(models.BPE(vocab=words, merges=[tuple(pair) for pair in plan["pairs"]]))
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=plan["spaced"])
    found.decoder = decoders.ByteLevel()
    if {"<s>", "</s>"} <= set(words):
        ends = ("</s>", words["</s>"]), ("<s>", words["<s>"])
        found.post_processor = processors.RobertaProcessing(*ends, add_prefix_space=plan["spaced"])
    return found
