"""Grounds to walk on that no sample is: models whose numbers the worker process measures, made here from nothing."""

from __future__ import annotations

from pathlib import Path

from tests.soak.isolation import Ground

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


def small(folder: Path, *names: str) -> Ground:
    """Copies of samples as cards of one's own: with `PRUNEVIZ_HEAVY_SECONDS` small enough the worker measures them."""
    from pruneviz import shipped

    titles, offers = {}, {}
    for name in names:
        place = folder / name
        place.mkdir()
        (place / "weights.safetensors").write_bytes((SAMPLES / name / "weights.safetensors").read_bytes())
        table = (SAMPLES / name / "subject.toml").read_text("utf-8")
        title = f"A copy of {name}"
        lines = [f'name = "{title}"' if line.startswith("name = ") else line for line in table.splitlines()]
        (place / "subject.toml").write_text("\n".join(lines), "utf-8")
        path = str((place / "subject.toml").resolve())
        titles[path], offers[path] = title, shipped.made(name).offers
    return Ground(titles, offers, next(iter(titles)))


def slow(folder: Path, images: int = 600, side: int = 96) -> str:
    """A MobileNet with random weights and random pictures: its curve takes minutes. The path of its card."""
    import numpy as np
    import torch
    from safetensors.torch import save_file

    from pruneviz.engine.sources import architecture

    folder.mkdir(exist_ok=True)
    drawn = torch.Generator().manual_seed(7)
    network = architecture.build("torchvision:mobilenet_v2", {"num_classes": 10})
    # Values near what was trained, from an own generator: nothing depends on what else has drawn numbers.
    weights = {name: _filled(name, tensor, drawn) for name, tensor in network.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    dice = np.random.default_rng(7)
    pictures = dice.integers(0, 256, (images, 3, side, side), dtype=np.uint8)
    np.savez(folder / "data.npz", x_test=pictures, y_test=dice.integers(0, 10, images))
    (folder / "subject.toml").write_text(
        'name = "A slow one"\ntask = "image_classification"\nweights = "weights.safetensors"\n'
        '[architecture]\nbuild = "torchvision:mobilenet_v2"\narguments = {num_classes = 10}\n'
        '[data]\nfile = "data.npz"\nscale = 255\nmean = [0.5, 0.5, 0.5]\nstd = [0.25, 0.25, 0.25]\n',
        "utf-8",
    )
    return str((folder / "subject.toml").resolve())


def _filled(name: str, tensor, drawn):
    import torch

    if name.endswith("running_var"):
        return torch.ones_like(tensor)
    if tensor.dim() > 1:
        return torch.randn(tensor.shape, generator=drawn) * (2 / max(1, tensor[0].numel())) ** 0.5
    return tensor.clone()
