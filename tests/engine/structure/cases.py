"""Networks on which removal is proven: every torchvision family at its smallest member, and real weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pruneviz.engine.sources import card
from pruneviz.engine.structure.units import Structure
from pruneviz.engine.subject import Subject

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"

# The smallest member of each family, and the smallest square image that it takes.
FAMILIES = {
    "alexnet": 64,
    "convnext_tiny": 32,
    "densenet121": 32,
    "efficientnet_b0": 32,
    "googlenet": 32,
    "inception_v3": 75,
    "maxvit_t": 224,
    "mnasnet0_5": 32,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "regnet_y_400mf": 32,
    "resnet18": 32,
    "resnext50_32x4d": 32,
    "shufflenet_v2_x0_5": 32,
    "squeezenet1_1": 32,
    "swin_t": 32,
    "vgg11": 32,
    "vgg11_bn": 32,
    "vit_b_16": 32,
}
_ALONE = {"aux_logits": False, "init_weights": False}  # without the second head, which only runs in training
ARGUMENTS = {"vit_b_16": {"image_size": 32}, "googlenet": _ALONE, "inception_v3": _ALONE}

SAMPLES = ("digits_mlp", "digits_cnn", "digits_resnet", "digits_vit")

_CIFAR = """
name = "{name}"
task = "image_classification"
weights = "{data}/{weights}"
[architecture]
build = "{build}"
[data]
file = "{data}/cifar10/cifar10_lossless_5k.npz"
split = "test"
"""
_IMAGENET = """
name = "{name}"
task = "image_classification"
weights = "{data}/{weights}"
[architecture]
build = "{build}"
[data]
file = "few.npz"
split = "test"
resize = 227
"""
_STANDARD = "mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]\n"
REAL = {
    "cifar_resnet20": (_CIFAR + _STANDARD, "cifar_resnet", "cifar10_resnet20/resnet20.safetensors"),
    "cifar10_resnet8_mlperf": (_CIFAR + "scale = 1.0\n", "cifar_resnet8", "cifar10_resnet8_mlperf/resnet8.safetensors"),
    "mobilenet_v2": (
        _IMAGENET + "scale = 127.5\nmean = [1.0, 1.0, 1.0]\n",
        "torchvision:mobilenet_v2",
        "imagenet_mobilenet_v2/mobilenet_v2.safetensors",
    ),
    "squeezenet1_0": (
        _IMAGENET + "scale = 1.0\nmean = [123.0, 117.0, 104.0]\n",
        "torchvision:squeezenet1_0",
        "imagenet_squeezenet_deepcomp/squeezenet1_0.safetensors",
    ),
}


class _Zeros(TorchFunctionMode):
    """New parameters are zeros, at once: the networks are filled afterwards."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(function, "__name__", "") in ("normal_", "uniform_", "kaiming_normal_", "kaiming_uniform_", "erfinv_"):
            return (args[0] if args else kwargs["tensor"]).detach().zero_()
        return function(*args, **kwargs)


def family(name: str) -> tuple[nn.Module, Tensor]:
    """A torchvision network in float64, all its numbers random, and one image for it."""
    import torchvision.models

    with _Zeros():
        network = torchvision.models.get_model(name, **ARGUMENTS.get(name, {}))
    network = randomised(network.double())
    size = FAMILIES[name]
    return network, torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and statistic random and none of them neutral, in sizes that let signals through many layers."""
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*network.named_parameters(), *network.named_buffers()):
            if not tensor.is_floating_point():
                continue
            per_output = tensor.numel() // max(1, tensor.shape[0]) if tensor.ndim else 1
            if name.endswith("running_var") or ((tensor.ndim == 1 or per_output == 1) and "bias" not in name.split(".")[-1]):
                tensor.uniform_(0.5, 1.5, generator=source)
            elif tensor.ndim == 1 or "token" in name or "pos_embedding" in name or "bias" in name:
                tensor.uniform_(-0.5, 0.5, generator=source)
            else:
                edge = (6 / per_output) ** 0.5
                tensor.uniform_(-edge, edge, generator=source)
            if name.endswith("running_mean"):
                tensor.sub_(1.0)
    return network.eval()


def real(name: str, folder: Path) -> Subject:
    """A subject with real weights; for ImageNet's networks the pictures are noise: only numbers are compared."""
    text, build, weights = REAL[name]
    pictures = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3), dtype=np.uint8)
    np.savez(folder / "few.npz", x_test=pictures, y_test=np.arange(2))
    (folder / "subject.toml").write_text(text.format(name=name, data=DATA, build=build, weights=weights), "utf-8")
    return card.load(folder / "subject.toml")


def some(structure: Structure, share: float = 0.3, seed: int = 0) -> dict[str, np.ndarray]:
    """Which units stay when `share` of every group goes, drawn at random; at least one stays, and one goes if it can."""
    source = np.random.default_rng(seed)
    kept = {}
    for group in structure.removable:
        stay = np.ones(group.units, dtype=bool)
        gone = min(max(1, round(share * group.units)), group.units - 1)
        stay[source.choice(group.units, gone, replace=False)] = False
        kept[group.name] = stay
    return kept


def parameters(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


def gone(kept: Mapping[str, np.ndarray]) -> int:
    return sum(int((~mine).sum()) for mine in kept.values())
