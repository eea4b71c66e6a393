"""The rules of what computes number by number, or sums along other axes than the channels'."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from pruneviz.engine.structure.labels import Call, Label, Origin, tensors
from pruneviz.engine.structure.rules.meeting import meet

POINTWISE = """
abs absolute add addcdiv addcmul alpha_dropout bfloat16 bitwise_and bitwise_not bitwise_or celu clamp clamp_max
clamp_min clip clone contiguous copysign cos cpu cuda data detach div divide double dropout dropout1d dropout2d
dropout3d elu eq erf exp expm1 feature_alpha_dropout feature_dropout float floor full_like ge gelu gt half hardshrink
hardsigmoid hardswish hardtanh iadd imul isfinite isinf isnan isub itruediv le leaky_relu lerp log log1p logical_and
logical_not logical_or logsigmoid lt masked_fill maximum minimum mish mul multiply nan_to_num ne neg negative
ones_like positive pow radd rdiv reciprocal relu relu6 remainder requires_grad rmul round rpow rsqrt rsub rtruediv
selu sigmoid sign silu sin softplus softshrink softsign sqrt square sub subtract tan tanh tanhshrink threshold to
true_divide truediv trunc type type_as where xlogy zeros_like
"""
REDUCING = "all amax amin any argmax argmin logsumexp max mean median min nanmean nansum norm prod std sum var"
ALONG = "cumprod cumsum flip log_softmax normalize roll softmax softmin"
SAME_NUMBERS = frozenset(("contiguous", "detach", "to", "float", "double", "data", "clone", "type_as", "requires_grad"))

_WORDS = {
    **dict.fromkeys(("add", "sub", "iadd", "isub", "radd", "rsub", "lerp", "addcmul", "addcdiv"), "added together"),
    **dict.fromkeys(("mul", "div", "imul", "rmul", "truediv", "itruediv", "multiply"), "multiplied with each other"),
    **dict.fromkeys(("maximum", "minimum", "max", "min", "where"), "chosen from"),
}


def pointwise(call: Call) -> None:
    """Number by number: channels that meet are united, parameters that meet them have one number per channel."""
    operands = list(tensors([call.args, {key: value for key, value in call.kwargs.items() if key != "out"}]))
    if call.name in ("type_as", "to"):
        operands = operands[:1]
    label = meet(call, operands, _WORDS.get(call.name, f"combined ({call.name})"))
    origins = [one for one in operands if call.origin(one)]
    others = sum(one.numel() > 1 for one in operands) - sum(one.numel() > 1 for one in origins)
    if label is None and len(origins) == 1 and not others and getattr(call.output, "shape", None) == origins[0].shape:
        call.labels.put(call.output, _rescaled(call, origins[0]))
        return
    for output in tensors(call.output):
        call.labels.put(output, label)


def _rescaled(call: Call, tensor: Tensor) -> Origin:
    """A parameter that was computed with is still one number per channel, but no kernel that could be read as stored."""
    origin = call.origin(tensor)
    same = call.output is tensor or call.name in SAME_NUMBERS
    return origin if same else Origin(origin.name, origin.shape, origin.elements())


def reduction(call: Call) -> None:
    """Sums and means: along other axes the channels pass, along their own they end."""
    inputs, dim = call.bound("input", "dim")
    if isinstance(dim, Tensor) or isinstance(call.kwargs.get("other"), Tensor):
        pointwise(call)
        return
    if call.name == "norm":
        dim = call.kwargs.get("dim", call.args[2] if len(call.args) > 2 else None)
    label, gone = call.label(inputs), _axes(dim, inputs)
    if label is None or label.axis in gone:
        call.freeze([inputs], "sums over all of them: without one, the sum is another")
        return
    for one in tensors(call.output):
        kept = one.ndim == inputs.ndim
        call.labels.put(one, Label(label.axis - (0 if kept else sum(at < label.axis for at in gone)), label.ids))


def along(call: Call) -> None:
    """Softmax, running sums, shifts: along another axis the channels pass, along their own they must all stay."""
    inputs, dim = call.bound("input", "dim")
    if call.name == "roll":
        dim = call.kwargs.get("dims", call.args[2] if len(call.args) > 2 else None)
    elif call.name == "flip":
        dim = call.kwargs.get("dims", call.args[1:] if len(call.args) != 2 else call.args[1])
    elif call.name == "normalize":
        dim = call.kwargs.get("dim", call.args[2] if len(call.args) > 2 else 1)
    label = call.label(inputs)
    if label is None or label.axis in _axes(dim, inputs):
        call.freeze([inputs], "works across all channels: without one, all others change")
    call.labels.put(call.output, label)


def neighbours(call: Call) -> None:
    """Local response norm: a channel is divided by its neighbours."""
    call.freeze(tensors([call.args, call.kwargs]), "divides a channel by its neighbours: without one, others change")
    call.labels.put(call.output, call.label(call.bound("input")[0]))


def halves(call: Call) -> None:
    """GLU: the first half of the channels times the gates of the second; a channel goes with its gate."""
    inputs, dim = call.bound("input", "dim")
    label = call.label(inputs)
    if label is None or label.axis != (-1 if dim is None else dim) % inputs.ndim:
        call.freeze([inputs], "multiplies channels with others")
        return
    first, second = np.split(label.ids, 2)
    call.channels.unite(first, second, "multiplied with each other", call.where)
    call.labels.put(call.output, Label(label.axis, first))


def _axes(dim: object, tensor: Tensor) -> set[int]:
    """The axes that a `dim` argument names; all of them where it names none."""
    if dim is None or (isinstance(dim, list | tuple | torch.Size) and not dim):
        return set(range(tensor.ndim))
    return {one % tensor.ndim for one in (dim if isinstance(dim, list | tuple) else (dim,))}


RULES = {
    **dict.fromkeys(POINTWISE.split(), pointwise),
    **dict.fromkeys(REDUCING.split(" "), reduction),
    **dict.fromkeys(ALONG.split(" "), along),
    "local_response_norm": neighbours,
    "glu": halves,
}
