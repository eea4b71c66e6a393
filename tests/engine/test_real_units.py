"""Real weights on real images: what the preview shows is what the smaller network gets, to the image.

`python -m tests.engine.test_real_units` prints the whole table: all images, all amounts.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch

from pruneviz.engine import evaluate
from pruneviz.engine.measure import Workspace
from pruneviz.engine.structure import surgery
from pruneviz.engine.subject import Subject
from pruneviz.recipe import Recipe
from tests.engine.test_card import _photographs
from tests.engine.test_real_networks import RESNET20, loaded

MOBILENET = """
name = "MobileNetV2"
task = "image_classification"
weights = "{data}/imagenet_mobilenet_v2/mobilenet_v2.safetensors"
[architecture]
build = "torchvision:mobilenet_v2"
[data]
file = "photographs.npz"
split = "test"
scale = 127.5
mean = [1.0, 1.0, 1.0]
std = [1.0, 1.0, 1.0]
"""
CRITERIA = ("magnitude", "gradient", "random")
AMOUNTS = (0.1, 0.2, 0.3, 0.5)


def resnet20(data: Path, folder: Path) -> Subject:
    return loaded(RESNET20, data, folder)


def mobilenet(data: Path, folder: Path, every: int) -> Subject:
    images, labels = _photographs(data / "imagenet_samples" / "imagenet500_224.tar", every)
    np.savez(folder / "photographs.npz", x_test=images, y_test=labels)
    return loaded(MOBILENET, data, folder)


def both(subject: Subject, criterion: str, amounts=AMOUNTS):
    """(amount, report, whether all predictions are the same, how many of the smaller network are right, proof)."""
    base = Recipe(
        subject=subject.name, criterion=criterion, granularity="filter", scope="layer", pool="l1", calibration="held-out"
    )
    standing = evaluate.stand(subject, base)
    workspace, measured = Workspace(subject, standing.split.measured), standing.split.measured
    for amount in amounts:
        recipe = replace(base, amount=amount)
        report = evaluate.evaluate(subject, recipe, standing, workspace)
        shown = workspace.outputs(standing.ranking, amount, {}).argmax(1)
        kept, inputs = evaluate.kept(recipe, standing), subject.held_out.inputs(measured[:4])
        smaller, _, proof = surgery.remove(subject.skeleton().eval(), standing.structure, kept, inputs)
        with torch.inference_mode():
            parts = [smaller(subject.held_out.inputs(part)).argmax(1) for part in measured.split(50)]
        gets = torch.cat(parts)
        right = int((gets == subject.held_out.labels[measured]).sum())
        left = sum(parameter.numel() for parameter in smaller.parameters())
        assert left == report.cost.parameters_left
        yield amount, report, bool(torch.equal(shown, gets)), right, proof
    assert workspace.silences("filter")


@pytest.mark.parametrize("criterion", CRITERIA)
def test_resnet20_masked_is_removed_to_the_image(real_data, tmp_path, criterion):
    subject = resnet20(real_data, tmp_path)
    for amount, report, same, right, proof in both(subject, criterion, (0.1, 0.5)):
        assert same and report.score.correct == right and proof.holds, amount
        assert report.units_removed == round(amount * report.units)
        assert 0 < report.cost.macs_left < report.cost.macs


@pytest.mark.parametrize("criterion", CRITERIA)
def test_mobilenet_masked_is_removed_to_the_image(real_data, tmp_path, criterion):
    """25 of the 500 photographs here, all of them in the table; and 1 % of the filters, after which some are right."""
    subject = mobilenet(real_data, tmp_path, every=20)
    for amount, report, same, right, proof in both(subject, criterion, (0.01, 0.1, 0.3)):
        assert same and report.score.correct == right and proof.holds, amount


def table(data: Path) -> None:
    """All amounts and images of both networks, one line each."""
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        for subject in (resnet20(data, Path(one)), mobilenet(data, Path(other), every=1)):
            for criterion in CRITERIA:
                for row in both(subject, criterion):
                    sys.stdout.write(f"{subject.title:16} {criterion:10} {_line(*row)}\n")
                    sys.stdout.flush()


def _line(amount: float, report, same: bool, right: int, proof) -> str:
    score, cost, word = report.score, report.cost, "equal" if same else "DIFFER"
    return (
        f"{amount:4.0%}  masked {score.correct:4} of {score.n}  removed {right:4}  predictions {word}"
        f"  parameters {cost.parameters_left / cost.parameters:6.1%}  macs {cost.macs_left / cost.macs:6.1%}"
        f"  logits {proof.difference:.1e}"
    )


if __name__ == "__main__":
    table(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[3] / "shared" / "data")
