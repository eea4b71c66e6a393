"""Who orders weights rightly: rank correlation of each criterion with the true change of the loss, one deletion at a time.

Not a speed: the peer is magnitude, and a row's ratio is its correlation over magnitude's.
"""

from __future__ import annotations

from pruneviz.engine import criterion as criteria
from pruneviz.engine.evidence import scores
from pruneviz.engine.sources import card
from pruneviz.engine.splits import split
from pruneviz.engine.truth import deletions

DELETED = 500


def rows() -> list[dict]:
    """A row for each shipped sample and criterion."""
    return [row for name in card.samples() for row in _rows(name)]


def _rows(name: str) -> list[dict]:
    subject = card.load(name)
    parts = split(subject, criteria.find("gradient"), calibration="training", seed=0)
    inputs, labels = subject.training.inputs(parts.calibration), subject.training.labels[parts.calibration]
    found = {key: scores(subject, one, inputs, labels)[0] for key, one in criteria.shelf().items() if not one.units}
    *_, last = deletions(subject, inputs, labels, found, count=DELETED, seed=0)
    peer = last.spearman["magnitude"]
    return [
        {
            "name": f"{name}: {key} against the true |change of the loss|",
            "ours_ms": None,
            "peer": "magnitude",
            "peer_ms": None,
            "ratio": rho / peer,
            "unit": "× magnitude's Spearman",
            "note": f"Spearman {rho:+.3f} over {len(last.true)} weights, magnitude {peer:+.3f}",
        }
        for key, rho in last.spearman.items()
        if key != "magnitude"
    ]
