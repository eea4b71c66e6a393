"""ONNX: the network for every other runtime, and whether ONNX Runtime computes with it what torch computes.

The exporter and the runtime are optional: where one is missing, the answer says so and nothing is written. What happens
here happens in this process, and the exporter turns switches of the whole process meanwhile: whoever shares it with others
uses `apart`, as every export of a folder does.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pruneviz.engine.sources.gate import brief
from pruneviz.engine.structure.surgery import logits

NAME = "model.onnx"
CLOSE = 1e-4
"""ONNX Runtime sums in another order than torch: up to here max|Δ| / max|logit| is that and nothing else."""

# torch's exporter keeps its place in the network in variables of the whole process.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of the conversion: the difference to torch's logits, or the reason why there is no file."""

    difference: float | None
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem


def convert(network: nn.Module, inputs: Tensor | dict[str, Tensor], path: Path) -> Converted:
    """Writes `network` as ONNX for batches of any size, and runs it beside torch on `inputs` (a batch of at least 2).

    For scripts, which have their process to themselves: while it runs, other threads compute other last digits.
    """
    lacking = missing()
    if lacking:
        return Converted(None, f"no ONNX file: the package {lacking} is not installed")
    network = network.eval()
    try:
        _export(network, inputs, path)
    except Exception as error:  # whatever an exporter says about somebody's forward
        path.unlink(missing_ok=True)
        return Converted(None, f"no ONNX file: torch.onnx cannot express this network ({_where(error)})")
    try:
        difference = _difference(network, inputs, path)
    except Exception as error:  # whatever a runtime says about an operator
        path.unlink(missing_ok=True)
        return Converted(None, f"no ONNX file: ONNX Runtime cannot run it ({_where(error)})")
    if not difference <= CLOSE:
        path.unlink(missing_ok=True)
        words = f"ONNX Runtime's logits differ from torch's by {difference:.2g} of the largest, more than {CLOSE}"
        return Converted(difference, f"no ONNX file: {words}")
    return Converted(difference)


def missing() -> str:
    """The first package that is needed and not installed; empty where all are."""
    import importlib.util

    return next((name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None), "")


def _export(network: nn.Module, inputs: Tensor | dict[str, Tensor], path: Path) -> None:
    args, kwargs = ((), inputs) if isinstance(inputs, dict) else ((inputs,), {})
    names = list(inputs) if isinstance(inputs, dict) else ["input"]
    # One name for the one size that varies: the exporter sees by itself that the other inputs share it.
    batch = {name: {0: torch.export.Dim.DYNAMIC if at else torch.export.Dim("batch")} for at, name in enumerate(names)}
    shapes = batch if kwargs else tuple(batch.values())
    with _ONE_AT_A_TIME, torch.inference_mode(False):
        program = torch.onnx.export(
            network, args, kwargs=kwargs, input_names=names, dynamic_shapes=shapes, dynamo=True, verbose=False
        )
    _forget(program.model)
    # One file: a second one beside it is what its readers were deceived with three times.
    program.save(path, external_data=False)


def _forget(model: Any) -> None:
    """Leaves out the exporter's notes: whose Python files an operator comes from, and what else happened in the process."""
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()


def _difference(network: nn.Module, inputs: Tensor | dict[str, Tensor], path: Path) -> float:
    """max|Δ| / max|logit| between ONNX Runtime and torch, on all the inputs and on the first alone."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for size in (len(next(iter(inputs.values())) if isinstance(inputs, dict) else inputs), 1):
        some = {name: one[:size] for name, one in inputs.items()} if isinstance(inputs, dict) else inputs[:size]
        with torch.inference_mode():
            wanted = logits(network(**some) if isinstance(some, dict) else network(some)).numpy()
        feeds = {name: one.numpy() for name, one in some.items()} if isinstance(some, dict) else {"input": some.numpy()}
        known = {one.name for one in session.get_inputs()}
        got = session.run(None, {name: one for name, one in feeds.items() if name in known})[0]
        worst = max(worst, _relative(wanted, got))
    return worst


def _relative(wanted: np.ndarray, got: np.ndarray) -> float:
    if wanted.shape != got.shape:
        return float("inf")
    return float(np.abs(wanted - got).max() / max(float(np.abs(wanted).max()), 1e-30))


def _where(error: BaseException) -> str:
    """The exporter wraps what went wrong several times; the innermost error names the operator or the module."""
    while error.__cause__ is not None:
        error = error.__cause__
    return brief(error)
