"""Gram: what a matrix's inputs say about it, H = (2/N) Σ x xᵀ, gathered batch by batch; matrices that share inputs share it.

H is the Hessian of the squared output error ‖Wx − Ŵx‖², the same for each row of W (Frantar & Alistarh 2023, §3; the scale
is their code's, N counting samples). It is [I, I], so of the widest matrix it is what costs memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from pruneviz.engine.reconstruct.triangular import add_square, upper_factor

DAMPING = 0.01
"""λ as a share of the mean of H's diagonal, as in the published code."""
BAND = 256
"""Rows of H that are looked at or mirrored at once: all of them would take as much memory again."""

BROKEN = "the inputs of a matrix are not all finite numbers, so nothing can be fitted to them: repair the weights before it"


class Gram:
    """H of one input, [I, I] float32 or float64. `add` takes inputs; what is derived is computed once, when it is asked."""

    def __init__(self, width: int, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        self._sum: Tensor | None = torch.zeros(width, width, device=device, dtype=dtype)
        self.width, self.samples = width, 0

    def add(self, inputs: Tensor, samples: int) -> None:
        """Counts inputs [..., I] that came of so many samples."""
        rows = inputs.detach().reshape(-1, inputs.shape[-1]).to(self._sum.dtype)
        add_square(self._sum, rows.T)  # what is below the diagonal is the same, mirrored
        self.samples += samples

    @cached_property
    def seen(self) -> Tensor:
        """H as it was seen, without damping, [I, I]. Nothing can be added after it was read."""
        if not self.samples:
            raise ValueError("no calibration data came by this matrix: it is not called, so nothing is known of its inputs")
        found = self._sum.mul_(2 / self.samples)
        for start, stop in self._bands():
            found[start:stop, :start] = found[:start, start:stop].T
            # Some processors sum x_i x_j and x_j x_i in unlike orders: what is below the diagonal is what is above.
            block = found[start:stop, start:stop]
            block.copy_(block.triu() + block.triu(1).T)
        if not all(bool(torch.isfinite(found[start:stop]).all()) for start, stop in self._bands()):
            raise ValueError(BROKEN)
        return found

    @cached_property
    def norms(self) -> Tensor:
        """‖X_j‖₂ of each input over all that was seen, [I]."""
        return (self.seen.diagonal() * (self.samples / 2)).clamp_min(0).sqrt()

    @cached_property
    def dead(self) -> Tensor:
        """Inputs that were always zero, bool [I]: their weights can go for nothing."""
        return self.seen.diagonal() == 0

    @cached_property
    def damping(self) -> float:
        """λ. Inputs that were always zero count 1 in the mean, as in the published code."""
        return DAMPING * float(torch.where(self.dead, 1.0, self.seen.diagonal()).mean())

    def damped(self, dtype: torch.dtype | None = None) -> Tensor:
        """H + λI, a copy [I, I]: the objective's. Positive definite."""
        found = self.seen.to(dtype or self.seen.dtype, copy=True)
        found.diagonal().add_(self.damping)
        return found

    @property
    def inverse_diagonal(self) -> Tensor:
        """The diagonal of (H + λI)⁻¹, [I]. The factor stands on 1 + λ for inputs that were always zero; here it is λ."""
        return torch.where(self.dead, 1 / self.damping, self.factor.square().sum(0))

    @cached_property
    def factor(self) -> Tensor:
        """The upper U with (H + λI)⁻¹ = UᵀU, [I, I]: row j is what removing column j asks of those after it.

        H + λI = RRᵀ with an upper R, and U = R⁻¹: both at once, in place of two Choleskys and a full inverse.
        """
        try:
            return upper_factor(self._filled(self.seen.dtype))
        except torch.linalg.LinAlgError:  # rounding ate the smallest eigenvalues: once more with twice the digits
            return upper_factor(self._filled(torch.float64)).to(self.seen.dtype)

    def ordered(self, columns: Tensor) -> Gram:
        """What the same inputs say when they stand in another order, columns int64 [I]: sums of its own."""
        found = Gram(0)
        found.width, found.samples, found._sum = self.width, self.samples, self.seen[columns][:, columns]
        found.__dict__["seen"] = found._sum
        return found

    @property
    def settled(self) -> bool:
        """Whether H was let go, so that memory counts."""
        return self._sum is None

    def settle(self) -> None:
        """Keeps `factor`, `dead` and `norms` and lets H go, which is as large: for whoever asks for nothing else."""
        if self._sum is not None:
            _ = self.factor, self.norms
            self._sum = None
            del self.seen

    def _filled(self, dtype: torch.dtype) -> Tensor:
        damped = self.damped(dtype)
        damped.diagonal()[self.dead] += 1.0
        return damped

    def _bands(self) -> Iterator[tuple[int, int]]:
        size = max(BAND, self.width // 8)
        return ((start, min(start + size, self.width)) for start in range(0, self.width, size))


class Norms:
    """Only the diagonal, for whoever asks for no more: ‖X_j‖₂ of each input, [I], summed in float64."""

    def __init__(self, width: int, *, device: torch.device | str = "cpu") -> None:
        self._sum = torch.zeros(width, device=device, dtype=torch.float64)
        self.samples = 0

    def add(self, inputs: Tensor, samples: int) -> None:
        """Counts inputs [..., I] that came of so many samples."""
        rows = inputs.detach().reshape(-1, inputs.shape[-1]).float()
        self._sum += torch.einsum("ni,ni->i", rows, rows)
        self.samples += samples

    @property
    def norms(self) -> Tensor:
        if not torch.isfinite(self._sum).all():
            raise ValueError(BROKEN)
        return self._sum.sqrt().float()
