"""The rules of what has weights: convolutions, matrices, embeddings, and the norms that treat each channel alone."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from pruneviz.engine.structure.channels import RIGID
from pruneviz.engine.structure.labels import Call, Label, Origin, tensors

CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
TRANSPOSED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")


def convolution(call: Call) -> None:
    """Reads channels along the kernels' input axis, makes new ones along their output axis."""
    transposed = "transpose" in call.name
    names = TRANSPOSED if transposed else CONVOLUTION
    found = dict(zip(names, call.bound(*names), strict=True))
    inputs, weight, bias, groups = found["input"], found["weight"], found["bias"], found["groups"] or 1
    axis = inputs.ndim - weight.ndim + 1
    kernel = call.parameter(weight)
    if kernel is None:
        call.freeze([inputs, weight, bias], "has a kernel that is computed from other parameters")
        return
    ids = call.ids(inputs, axis, "mixes them as if they were pixels")
    made = call.channels.fresh(call.output.shape[axis], call.where)
    if groups > 1:
        _grouped(call, kernel, ids, made, groups)
    else:
        reads, makes = (0, 1) if transposed else (1, 0)
        call.channels.use(kernel.name, reads, ids, "reads", "convolution")
        call.channels.use(kernel.name, makes, made, "makes", "convolution")
    _bias(call, bias, made)
    call.labels.put(call.output, Label(axis, made))


def _grouped(call: Call, kernel: Origin, ids: np.ndarray, made: np.ndarray, groups: int) -> None:
    """Each group of inputs has outputs of its own: both go together, and the group with them."""
    ours, theirs = made.reshape(groups, -1), ids.reshape(groups, -1)
    # A depthwise convolution with one output per input ties nothing that a visitor would call coupled.
    words = f"worked on in {groups} groups" if len(made) > groups or len(ids) > groups else ""
    lead = np.repeat(ours[:, :1], ours.shape[1], axis=1)
    call.channels.unite(lead.ravel(), made, words, call.where)
    call.channels.unite(np.repeat(ours[:, :1], theirs.shape[1], axis=1).ravel(), ids, words, call.where)
    along = ids if "transpose" in call.name else made
    depthwise = theirs.shape[1] == 1 and (ids != RIGID).all()
    call.channels.use(kernel.name, 0, along, "follows" if depthwise else "makes", "convolution")
    call.channels.use(kernel.name, 1, np.full(kernel.shape[1], RIGID))
    if getattr(call.owner, "groups", None) == groups:
        call.channels.repair(call.where, "groups", ours[:, 0])
    else:
        call.channels.freeze(made, f"{call.at} has its {groups} groups written into the code")


def _bias(call: Call, bias: Tensor | None, made: np.ndarray) -> None:
    if bias is None:
        return
    origin = call.parameter(bias)
    if origin and len(origin.shape) == 1:
        call.channels.use(origin.name, 0, made, "follows")
    else:
        call.freeze([bias], "")
        call.channels.freeze(made, f"{call.at} adds a bias that is computed from other parameters")


def linear(call: Call) -> None:
    """A matrix [O, I] on the last axis: reads I channels, makes O."""
    inputs, weight, bias = call.bound("input", "weight", "bias")
    _matrix(call, inputs, (weight, 1, 0), bias)


def product(call: Call) -> None:
    """x @ W with a whole parameter W [I, O], as transformers' Conv1D keeps it, is a matrix; any other product ends them."""
    bias = call.bound("input", "mat1", "mat2")[0] if call.name == "addmm" else None
    inputs, weight = call.bound("input", "mat1", "mat2")[1:] if call.name == "addmm" else call.bound("input", "other")
    if weight is None:
        weight = call.kwargs.get("mat2")
    if call.parameter(weight) and weight.ndim == 2 and not call.origin(inputs) and not {"alpha", "beta"} & set(call.kwargs):
        _matrix(call, inputs, (weight, 0, 1), bias)
    else:
        call.freeze(tensors([call.args, call.kwargs]), "multiplies them with each other")


def _matrix(call: Call, inputs: Tensor, matrix: tuple[Tensor, int, int], bias: Tensor | None) -> None:
    weight, reads, makes = matrix
    kernel = call.parameter(weight)
    if kernel is None or weight.ndim != 2:
        call.freeze([inputs, weight, bias], "has a matrix that is computed from other parameters")
        return
    ids = call.ids(inputs, -1, "mixes positions, not channels")
    made = call.channels.fresh(weight.shape[makes], call.where)
    call.channels.use(kernel.name, reads, ids, "reads", "matrix")
    call.channels.use(kernel.name, makes, made, "makes", "matrix")
    _bias(call, bias, made)
    call.labels.put(call.output, Label(call.output.ndim - 1, made))


def embedding(call: Call) -> None:
    """Rows of a table [V, C] looked up: C channels."""
    _, weight = call.bound("input", "weight")
    table = call.parameter(weight)
    if table is None:
        call.freeze([weight], "")
        return
    made = call.channels.fresh(weight.shape[1], call.where)
    call.channels.use(table.name, 0, np.full(weight.shape[0], RIGID)).why = f"{table.name}'s rows are looked up by number"
    call.channels.use(table.name, 1, made, "makes", "embedding")
    call.labels.put(call.output, Label(call.output.ndim - 1, made))


def each_channel(call: Call) -> None:
    """BatchNorm, InstanceNorm and PReLU: every channel by itself, with one number of each parameter per channel."""
    inputs = call.bound("input")[0]
    others = [one for one in tensors([call.args[1:], call.kwargs]) if one is not inputs]
    label = call.label(inputs)
    if label is None:
        call.freeze(others, "")
        return
    if label.axis != min(1, inputs.ndim - 1):
        call.freeze([inputs, *others], "treats another axis as channels")
        return
    for one in others:
        origin = call.parameter(one)
        if origin and origin.shape == (len(label.ids),):
            call.channels.use(origin.name, 0, label.ids, "follows")
        elif one.numel() > 1:
            call.freeze([inputs, one], "uses numbers per channel that are no parameter")
    if not others and hasattr(call.owner, "num_features"):
        call.channels.repair(call.where, "num_features", label.ids)  # no tensor is left to read it off
    call.labels.put(call.output, label)


def group_norm(call: Call) -> None:
    """Channels that are normalised together go together; if that is all of them, none can go."""
    inputs, groups, weight, bias = call.bound("input", "num_groups", "weight", "bias")
    label = call.label(inputs)
    if label is None or label.axis != 1:
        call.freeze([inputs, weight, bias], "treats another axis as channels")
        return
    for one in (weight, bias):
        if one is not None:
            _bias(call, one, label.ids)
    if groups == 1 or getattr(call.owner, "num_groups", None) != groups:
        call.freeze([inputs], "normalises over all channels: without one, all others change")
    else:
        sets = label.ids.reshape(groups, -1)
        lead = np.repeat(sets[:, :1], sets.shape[1], axis=1).ravel()
        call.channels.unite(lead, label.ids, f"normalised in {groups} groups", call.where)
        call.channels.repair(call.where, "num_groups", sets[:, 0])
        if weight is None:
            call.channels.repair(call.where, "num_channels", label.ids)
    call.labels.put(call.output, label)


def over_channels(call: Call) -> None:
    """Norms over the last axes: over the channels, nobody can go; beside them, they pass."""
    inputs, shape, weight, bias = call.bound("input", "normalized_shape", "weight", "bias")
    label = call.label(inputs)
    if label is None:
        call.freeze([inputs, weight, bias], "")
        return
    if label.axis >= inputs.ndim - len(shape):
        call.freeze([inputs], "normalises over all channels: without one, all others change")
    for one in (weight, bias) if len(shape) == 1 else ():
        if isinstance(one, Tensor) and label.axis == inputs.ndim - 1:
            _bias(call, one, label.ids)
    call.labels.put(call.output, label)


RULES = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), convolution),
    **dict.fromkeys(("addmm", "matmul", "mm"), product),
    **dict.fromkeys(("batch_norm", "instance_norm", "prelu"), each_channel),
    **dict.fromkeys(("layer_norm", "rms_norm"), over_channels),
    "linear": linear,
    "embedding": embedding,
    "group_norm": group_norm,
}
