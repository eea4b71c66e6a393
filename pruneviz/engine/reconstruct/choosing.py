"""Choosing: what stays of one matrix by its scores, an exact number, where rows or the whole matrix compete."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine.evenly import evenly
from pruneviz.engine.pattern import highest


def stays(scores: Tensor, amount: float, pattern: tuple[int, int] | None, *, rows: bool) -> Tensor:
    """Where of scores [O, I] the weights stay (bool): round(amount · O · I) go, the lowest first, of equals the first.

    With `rows` every row gives the same number, to within one; with a pattern N of each aligned M along I stay.
    """
    if pattern is not None:
        return torch.from_numpy(highest(scores.cpu().numpy(), 1, *pattern)).to(scores.device)
    gone = round(amount * scores.numel())
    if not rows:
        return ~lowest(scores.reshape(1, -1), torch.tensor([gone])).view(scores.shape)
    each, more = divmod(gone, len(scores))
    counts = torch.full((len(scores),), each)
    # Which rows give one more: spread evenly, and for a larger amount none of them gives less.
    counts[torch.from_numpy(evenly(len(scores))[:more])] += 1
    return ~lowest(scores, counts)


def lowest(scores: Tensor, counts: Tensor) -> Tensor:
    """The `counts` [R] lowest of each row of scores [R, I], bool: exactly so many, of equals the first."""
    out = torch.zeros_like(scores, dtype=torch.bool)
    for many in counts.unique().tolist():
        rows = (counts == many).nonzero().flatten().to(scores.device)
        whole = len(rows) == len(scores)
        some = scores if whole else scores[rows]
        found = _lowest(some, many)
        if whole:
            return found
        out[rows] = found
    return out


def _lowest(scores: Tensor, many: int) -> Tensor:
    if many <= 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    if many >= scores.shape[1]:
        return torch.ones_like(scores, dtype=torch.bool)
    found = scores <= at_place(scores, many)
    # Only where several lie on the line are there too many; there the order decides.
    tied = (found.count_nonzero(1) != many).nonzero().flatten()
    if len(tied):
        order = torch.sort(scores[tied], dim=1, stable=True).indices[:, :many]
        found[tied] = torch.zeros_like(found[tied]).scatter_(1, order, True)
    return found


def at_place(scores: Tensor, many: int) -> Tensor:
    """Of each row of scores [R, I] the value of which `many` are no larger, [R, 1]: as sorting would have it, unsorted."""
    if scores.device.type != "cpu":
        return torch.kthvalue(scores, many, dim=1, keepdim=True).values
    # numpy's partition compares sixteen numbers at once; torch's kthvalue takes ten times as long.
    return torch.from_numpy(np.partition(scores.numpy(), many - 1, axis=1)[:, many - 1 : many])
