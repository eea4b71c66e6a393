"""The sanity card: samples with label and prediction, and the cause that was planted is the cause that is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pruneviz.engine.sources import card, data, pieces, sanity
from pruneviz.engine.sources.found import KEYWORDS, Wants
from pruneviz.engine.subject import Origin, Samples, Subject
from tests.engine.conftest import tiny_subject
from tests.engine.sources.stories import folder
from tests.engine.sources.wordpieces import WORDS, bert

ORDER = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]


@pytest.fixture(scope="module")
def digits() -> Subject:
    return card.load("digits_cnn")


def held(subject: Subject, **change) -> Subject:
    return replace(subject, held_out=replace(subject.held_out, **change))


def codes(found: sanity.Sanity) -> list[str]:
    return [cause.code for cause in found.causes]


def test_a_good_network_shows_what_it_sees(digits):
    found = sanity.look(digits)
    assert len(found.examples) == 12 and found.n <= 256 and found.of == 500 and found.noun == "images"
    assert found.value > 0.95 and found.interval[0] < found.value < found.interval[1] and not found.at_chance
    assert found.causes == () and found.chance == 0.1 and found.method == "Wilson score interval"
    for one in found.examples:
        assert one.image.shape == (8, 8, 1) and one.image.dtype == np.uint8 and one.text == ""
        assert one.right == (one.label == one.predicted)
    assert found.preparation == "8 × 8 pixels, grey; divided by 16, minus 0.305, over 0.376."
    again = sanity.look(digits, examples=5)
    assert [one.label for one in again.examples] == [one.label for one in found.examples[:5]]


def test_the_examples_are_the_samples_as_they_are_stored(digits):
    found, stored = sanity.look(digits), digits.held_out.stored
    pictures = {one.tobytes() for one in (stored[:, 0].numpy() * 255.0 / 16).astype(np.uint8)}
    brightest = [one for one in found.examples if one.image.max() == 255]
    assert brightest and all(one.image[..., 0].tobytes() in pictures for one in brightest)


def test_the_wrong_numbers_for_the_pixels(digits):
    wrong = held(digits, preparation=replace(digits.held_out.preparation, scale=255.0, mean=(0.0,), std=(1.0,)))
    found = sanity.look(wrong)
    assert found.at_chance and codes(found)[0] == "preparation"
    repaired = dict(found.causes[0].change["data"])
    how = replace(
        wrong.held_out.preparation, scale=repaired["scale"], mean=tuple(repaired["mean"]), std=tuple(repaired["std"])
    )
    assert sanity.look(held(wrong, preparation=how)).value > 0.9


@pytest.mark.parametrize(
    ("turn", "word"),
    [
        (lambda x: x.transpose(2, 3).contiguous(), "height and width exchanged"),
        (lambda x: 16 - x, "black and white exchanged"),
    ],
)
def test_pictures_that_are_turned_or_inverted(digits, turn, word):
    found = sanity.look(held(digits, stored=turn(digits.held_out.stored)))
    assert codes(found)[0] == "preparation" and word in found.causes[0].words and found.causes[0].change == {}


def test_colours_in_another_order():
    """A network that reads red alone: the class is how bright red is, and blue lies where red should."""
    stored = torch.randint(0, 255, (200, 3, 4, 4), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    labels = (stored[:, 0].float().mean((1, 2)) > 127).long()
    stored[:, 0] = torch.where(labels[:, None, None].bool(), 240, 10).to(torch.uint8)
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2))
    with torch.no_grad():
        network[2].weight.copy_(torch.tensor([[-1.0, 0, 0], [1.0, 0, 0]]))
        network[2].bias.copy_(torch.tensor([0.5, -0.5]))
    subject = tiny_subject(network, stored, labels)
    good = replace(
        subject, held_out=replace(subject.held_out, preparation=replace(subject.held_out.preparation, scale=255.0))
    )
    assert sanity.look(good).value == 1.0
    found = sanity.look(held(good, stored=stored.flip(1)))
    assert codes(found)[0] == "preparation" and "blue, green, red" in found.causes[0].words


def test_labels_that_are_off_by_one(digits):
    found = sanity.look(held(digits, labels=(digits.held_out.labels + 1) % 10))
    assert codes(found)[0] == "off-by-one" and found.causes[0].change == {"data": {"first_label": 1}}
    found = sanity.look(held(digits, labels=(digits.held_out.labels - 1) % 10))
    assert codes(found)[0] == "off-by-one" and found.causes[0].change == {}


def test_classes_in_another_order(digits):
    """Folders were named in an order that is not the outputs'; the card that the cause asks for names them rightly."""
    names = tuple("abcdefghij")  # the true class at each output
    told = torch.tensor(ORDER)[digits.held_out.labels]
    folders = [names[ORDER.index(place)] for place in range(10)]
    table = {"data": {"file": "a.zip", "folders": folders}, "classes": list(names)}
    wrong = replace(held(digits, labels=told), classes=names, origin=Origin(table, "."))
    found = sanity.look(wrong)
    assert codes(found)[0] == "class-order" and found.causes[0].change == {"data": {"folders": list(names)}}
    assert "in another order of the classes" in found.causes[0].words
    assert sanity.look(replace(wrong, origin=None)).causes[0].change == {}


def test_noise_is_called_unexplained_and_few_samples_few(digits):
    noise = torch.randint(0, 10, (500,), generator=torch.Generator().manual_seed(1))
    assert codes(sanity.look(held(digits, labels=noise))) == ["unknown"]
    some = digits.held_out
    few = Samples(some.stored[:6], (some.labels[:6] + 5) % 10, some.preparation)
    assert "few" in codes(sanity.look(replace(digits, held_out=few)))


def test_a_network_that_says_one_thing(digits):
    network = digits.skeleton()
    last = [one for one in network.modules() if isinstance(one, torch.nn.Linear)][-1]
    last.bias = torch.nn.Parameter(last.bias + torch.nn.functional.one_hot(torch.tensor(4), 10) * 1e4)
    found = sanity.look(replace(digits, network=network))
    assert found.at_chance and "one-answer" in codes(found) and "«4»" in found.causes[-1].words


def test_another_metric_is_shown_with_its_own_chance(digits):
    found = sanity.look(replace(digits, metric="matthews"))
    assert (found.metric, found.chance) == ("Matthews correlation", 0.0) and found.value > 0.9 and not found.at_chance


def test_a_slow_network_is_looked_at_for_as_long_as_allowed(digits):
    found = sanity.look(digits, seconds=0.0)
    assert found.n == 16 and len(found.examples) == 12


def test_texts(tmp_path):
    bert(tmp_path / "words")
    (tmp_path / "dev.tsv").write_text("good film\t1\nbad film\t0\n" * 20)
    wants = Wants(task="text_classification", keywords=KEYWORDS[:1], vocabulary=len(WORDS))
    found = data.read({"file": "dev.tsv", "tokenizer": "words"}, tmp_path, asked=wants)

    class Reader(torch.nn.Module):
        """Good is class 1."""

        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(len(WORDS), 2, bias=False)
            torch.nn.init.zeros_(self.linear.weight)
            with torch.no_grad():
                self.linear.weight[1, WORDS.index("good")] = 1
                self.linear.weight[0, WORDS.index("bad")] = 1

        def forward(self, input_ids):
            return self.linear(torch.nn.functional.one_hot(input_ids, len(WORDS)).float().sum(1))

    subject = replace(
        tiny_subject(Reader(), found.held_out.stored, found.held_out.labels),
        held_out=found.held_out, task="text_classification", classes=("no", "yes"),
    )  # fmt: skip
    seen = sanity.look(subject)
    assert seen.value == 1.0 and seen.noun == "texts" and seen.examples[0].image is None
    assert {(one.text, one.predicted) for one in seen.examples} == {("good film", "yes"), ("bad film", "no")}
    assert seen.preparation.startswith("The tokens of texts, 4 at most")
    wrong = replace(subject, held_out=replace(found.held_out, labels=1 - found.held_out.labels))
    assert codes(sanity.look(wrong))[0] in ("class-order", "off-by-one")


def test_a_language_model_that_guesses(tmp_path):
    found = sanity.look(card.load(folder(tmp_path)))
    assert found.metric == "perplexity" and found.at_chance and codes(found) == ["tokenizer"]
    assert "cabbage\né" in found.examples[0].text and "<" not in found.examples[0].text and found.noun == "windows"
    assert "each token is predicted from those before it" in found.preparation


def test_pieces_as_text():
    assert pieces.text(["Ġthe", "Ġcaf", "Ã©", "Ċ"]) == " the café\n"
    assert pieces.text(["token", "##isation", "now"]) == "tokenisation now"
    assert pieces.text(["▁one", "▁two", "s"]) == "one twos"
    assert pieces.text([" a", "b"]) == " ab" and pieces.text(["<s>"]) == "<s>"
    assert pieces.text(["\n<s>\n", " caf", "<0xC3>", "<0xA9>", "s"]) == " cafés"


def test_each_of_the_pieces_of_a_row():
    """«é» is two bytes; at byte level it stands at its last piece, and all together are what the row says."""
    row = ["Ġthe", "Ġcaf", "Ã", "©", "Ċ", "<|x|>"]
    assert pieces.each(row, ["Ġ", *row]) == (" the", " caf", "", "é", "\n", "<|x|>")
    assert pieces.each(["▁one", "▁two", "s", "<0x0A>"], ["▁one"]) == (" one", " two", "s", "\n")
