"""A tokenizer of a few words, in the files that Hugging Face's come in."""

from __future__ import annotations

import json
from pathlib import Path

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "bad", "film", "##s", "!", "."]


def bert(folder: Path) -> Path:
    """A folder with a BERT's tokenizer.json over WORDS."""
    from tokenizers import BertWordPieceTokenizer

    folder.mkdir(exist_ok=True)
    made = BertWordPieceTokenizer({word: at for at, word in enumerate(WORDS)}, lowercase=True)
    made.save(str(folder / "tokenizer.json"))
    return folder


def old_bert(folder: Path, **notes) -> Path:
    """The same as vocab.txt."""
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(notes))
    return folder


def byte_level(folder: Path, *more: str) -> Path:
    """GPT-2's files: letters as bytes, and two joined pairs."""
    folder.mkdir(exist_ok=True)
    pieces = [*"abcĠĊ", "ab", "Ġab", *more]
    (folder / "vocab.json").write_text(json.dumps({piece: at for at, piece in enumerate(pieces)}), "utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\na b\nĠ ab\n", "utf-8")
    return folder
