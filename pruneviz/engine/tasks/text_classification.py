"""One label for each text, or pair of texts: a prediction is the class with the largest output."""

from __future__ import annotations

from pruneviz.engine.classification import (
    chance,
    check,
    classes,
    correct,
    counts,
    details,
    interval,
    losses,
    predictions,
    unnamed,
    value,
)  # fmt: skip
from pruneviz.engine.metrics.accuracy import method, metric, shares

__all__ = ["chance", "check", "classes", "correct", "counts", "details", "interval", "losses", "method", "metric",
           "predictions", "shares", "unnamed", "value"]  # fmt: skip

better = "higher"
noun = "texts"
remedy = "[data] tokenizer and context"
mismatch = "the network has {outputs} outputs but the card names {names} classes: correct one of them"
