"""Explain: which pixels a network's answer rests on, before and after pruning, by captum (Kokhlikyan et al. 2020).

All runs on private networks that captum reaches through a plain function: no hook is set, nobody else's network is touched.
"""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.attribution import METHODS, Attribution, Completeness, spearman
from pruneviz.engine import evaluate, ways
from pruneviz.engine.rehearsal import differentiating
from pruneviz.engine.standing import Standing
from pruneviz.engine.structure import surgery
from pruneviz.engine.subject import Samples, Subject
from pruneviz.engine.working import private
from pruneviz.recipe import Recipe

INTEGRATED = "integrated-gradients"
STEPS = 50
"""Places on the line from the blank image to the sample, Gauss–Legendre: captum's usual number."""
AT_ONCE = 2**20
"""About so many numbers of input are run at a time, two images at least."""
SQUARES = 8
"""A hiding square is an eighth of the image's shorter side, and moves by half of its own."""

Told = Callable[[int, int], None]


def attributions(
    subject: Subject, recipe: Recipe, standing: Standing, index: int, method: str, told: Told | None = None
) -> Attribution:
    """Where the dense and the pruned network look in the held-out sample at `index`: both asked about the class that the
    dense one says. `told(done, all)` is called between runs, and may end it by raising.

    F is the class's score (logit), x the input, 0 a blank one. Saliency is |∂F/∂x|, Integrated Gradients |x ∫ ∂F/∂x dα|,
    both summed over colours; Occlusion is the fall of F, at each pixel the mean over the squares that hide it. Raises
    ValueError where there are no pixels, captum is missing, or a network gives no finite number.
    """
    started = time.perf_counter()
    _check(subject, index, method)
    other = _other(subject, index)
    with differentiating():
        inputs = subject.held_out.inputs(torch.tensor([index, other]))
        networks = private(subject.network)[0], pruned(subject, recipe, standing)
        said = [_said(network, inputs).detach() for network in networks]
        targets = said[0].argmax(1)
        run = _Run(method, told, 3 * work(method, inputs.shape))
        dense, thin = run.of(networks[0], inputs, targets), run.of(networks[1], inputs[:1], targets[:1])
        rises = [_rise(network, inputs[:1], targets[:1]) for network in networks]
    maps = [_map(raw, method) for raw in (dense[:1], thin, dense[1:])]
    return Attribution(
        method=method,
        index=index,
        dense=maps[0],
        pruned=maps[1],
        target=subject.classes[int(targets[0])],
        said=subject.classes[int(said[1][0].argmax())],
        label=subject.classes[int(subject.held_out.labels[index])],
        score=tuple(float(one[0, targets[0]]) for one in said),
        other=other,
        elsewhere=None if other == index else spearman(maps[0], maps[2]),
        promise=_promise((dense[:1], thin), rises) if method == INTEGRATED else None,
        window=window(inputs.shape) if method == "occlusion" else 0,
        seconds=time.perf_counter() - started,
    )


def present() -> bool:
    """Whether captum is installed."""
    return importlib.util.find_spec("captum") is not None


def refuse(subject: Subject) -> None:
    """Refuses, in one sentence, a model whose samples have no pixels."""
    if not isinstance(subject.held_out, Samples) or subject.held_out.stored.ndim != 4:
        raise ValueError(
            f"{subject.title} looks at no images, and pixels are what this is for, so nothing is drawn: choose a model that "
            "looks at images"
        )


def pruned(subject: Subject, recipe: Recipe, standing: Standing) -> nn.Module:
    """A private network without what the Recipe takes: weights at zero, units unread, layers passed by."""
    if standing.structure is not None:
        kept = evaluate.kept(recipe, standing)
        return private(surgery.masked(subject.skeleton().eval(), standing.structure, kept))[0]
    network, _ = private(subject.network)
    masks = evaluate.mask(recipe, standing).layers()
    for layer in subject.layers:
        weight = network.get_parameter(layer.name).detach()
        stays = torch.from_numpy(masks[layer.name].copy())
        ways.put(network, (layer.name, *layer.aliases), torch.where(stays, weight, weight.new_zeros(())))
    return network


def window(shape: torch.Size) -> int:
    """The side of the square that hides, in pixels, for inputs [n, C, H, W]: at least two where there is room."""
    shorter = min(shape[-2:])
    return min(shorter, max(2, round(shorter / SQUARES)))


def _check(subject: Subject, index: int, method: str) -> None:
    refuse(subject)
    if method not in METHODS:
        raise ValueError(f"unknown attribution {method!r}; there are {', '.join(METHODS)}")
    if not present():
        raise ValueError("captum is not installed here, and it is what weighs pixels: pip install captum==0.9.0")
    if not 0 <= index < len(subject.held_out):
        raise ValueError(f"{subject.title} has no held-out sample {index}; there are 0 to {len(subject.held_out) - 1}")


def _other(subject: Subject, index: int) -> int:
    """The next held-out sample of another class, counted in a circle; the same where there is no other class."""
    labels = subject.held_out.labels
    apart = (labels != labels[index]).nonzero().flatten()
    later = apart[apart > index]
    return int(later[0]) if len(later) else int(apart[0]) if len(apart) else index


def _said(network: nn.Module, inputs: Tensor) -> Tensor:
    # A copy: a network whose first step works in place may write into what it is given.
    return surgery.logits(network(inputs.clone()))


class _Run:
    """One method of captum's, asked of one network after another; says how many of all runs are done."""

    def __init__(self, method: str, told: Told | None, of: int) -> None:
        self._method, self._told, self._done, self._of = method, told, 0, of

    def of(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        """What the method finds in each input for its target, [n, C, H, W] like the inputs."""
        from captum.attr import IntegratedGradients, Occlusion, Saliency

        def score(some: Tensor) -> Tensor:
            if self._told:
                self._told(min(self._done, self._of), self._of)
            self._done += len(some)
            return _said(network, some)

        inputs, room = inputs.detach().clone().requires_grad_(), max(2, AT_ONCE // inputs[0].numel())
        if self._method == "saliency":
            return Saliency(score).attribute(inputs, target=targets).detach()
        if self._method == INTEGRATED:
            how = {"n_steps": STEPS, "method": "gausslegendre", "internal_batch_size": room}
            return IntegratedGradients(score).attribute(inputs, baselines=0.0, target=targets, **how).detach()
        side, colours = window(inputs.shape), inputs.shape[1]
        how = {"strides": (colours, _stride(side), _stride(side)), "perturbations_per_eval": room // 2}
        return Occlusion(score).attribute(
            inputs.detach(), (colours, side, side), baselines=0.0, target=targets, **how
        ).detach()  # fmt: skip


def work(method: str, shape: torch.Size) -> int:
    """How often a network of inputs [n, C, H, W] is run for one sample."""
    if method != "occlusion":
        return STEPS if method == INTEGRATED else 1
    side = window(shape)
    return 1 + math.prod(1 + math.ceil((size - side) / _stride(side)) for size in shape[-2:])


def _stride(side: int) -> int:
    return max(1, side // 2)


def _map(raw: Tensor, method: str) -> np.ndarray:
    """One sample's attributions [1, C, H, W] as a map [H, W], float32: sizes summed over colours; of Occlusion, whose
    squares hide all colours at once, the fall itself."""
    found = raw[0, 0] if METHODS[method].signed else raw[0].abs().sum(0)
    if not torch.isfinite(found).all():
        raise ValueError("the network gives no finite score here, so no pixel can be weighed: remove broken weights first")
    return found.to("cpu", torch.float32).numpy()


def _rise(network: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """By how much the score rises from the blank image to this one."""
    with torch.no_grad():
        return float((_said(network, inputs) - _said(network, torch.zeros_like(inputs)))[0, targets[0]])


def _promise(raw: Sequence[Tensor], rises: Sequence[float]) -> tuple[Completeness, Completeness]:
    dense, thin = (Completeness(float(one.sum()), rise) for one, rise in zip(raw, rises, strict=True))
    return dense, thin
