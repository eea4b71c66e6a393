"""Subjects that fit on a page: any small network with any few samples."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from pruneviz.engine.subject import Layer, Preparation, Samples, Subject

PRUNABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)


def layers_of(network: nn.Module) -> tuple[Layer, ...]:
    """Weights of matrices, kernels and attention, a shared storage once."""
    found: dict[int, list[tuple[str, str, nn.Parameter]]] = {}
    for place, module in network.named_modules(remove_duplicate=False):
        own = {"in_proj_weight"} if isinstance(module, nn.MultiheadAttention) else set()
        own |= {"weight"} if isinstance(module, PRUNABLE) else {"matrix"}
        for name in own:
            parameter = module._parameters.get(name)
            if parameter is not None:
                entry = (f"{place}.{name}".lstrip("."), type(module).__name__, parameter)
                found.setdefault(parameter.data_ptr(), []).append(entry)
    return tuple(
        Layer(
            uses[0][0], uses[0][0].rpartition(".")[0], uses[0][1], tuple(uses[0][2].shape), tuple(use[0] for use in uses[1:])
        )
        for uses in found.values()
    )


def tiny_subject(network: nn.Module, inputs: Tensor, labels: Tensor, layers: tuple[Layer, ...] | None = None) -> Subject:
    """A Subject around any network: `inputs` [N, …] are both its training and its held-out samples, as they are."""
    samples = Samples(inputs, labels, Preparation(scale=1.0))
    classes = tuple(str(label) for label in range(int(labels.max()) + 1))
    return Subject(
        name="tiny",
        title="Tiny",
        words="",
        licence="",
        task="image_classification",
        network=network,
        layers=layers_of(network) if layers is None else layers,
        skipped=(),
        held_out=samples,
        training=samples,
        classes=classes,
        calibration="training",
        sha256="",
        data_sha256="",
    )


@pytest.fixture(name="tiny_subject")
def tiny_subject_fixture():
    return tiny_subject
