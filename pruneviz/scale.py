"""Scale: what papers report of pruning large models, beside the figures that are commonly taught. Numbers with sources only.

Scores stand here as they were printed; the shares are computed from them. A source that gives no score gets no share.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """One reported result: the fraction that is gone, and the score that is left, as printed.

    `score` is None where a source prints none; `said` then has its words, and `up_to` the share of the dense score that is
    kept at most, where it says only that.
    """

    sparsity: float
    score: float | None
    said: str = ""
    up_to: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number stands."""

    cite: str
    where: str
    url: str


@dataclass(frozen=True, slots=True)
class Study:
    """One published model: what is commonly taught of it, and what its paper reports.

    `gone` says what the sparsity is a share of, `dense` is the score before pruning in `metric`, None where none is printed;
    `how` says what was done to it. `taught` may have a place on the chart, `often` says it in words. `papers[pair]` is the
    result that it is joined to.
    `controls` are other ways under the same conditions: what the result has to be compared with.
    """

    name: str
    gone: str
    metric: str
    dense: float | None
    how: str
    often: str
    reports: str
    papers: tuple[Result, ...]
    source: Source
    taught: Result | None = None
    pair: int = 0
    controls: tuple[Result, ...] = ()

    def share(self, result: Result) -> float | None:
        """The share of the dense score that a result keeps, or keeps at most; it may be above 1. None where nobody says."""
        return result.up_to if result.score is None or self.dense is None else result.score / self.dense

    @property
    def beaten(self) -> bool:
        """Whether some result of the paper has at least the taught sparsity and keeps more than the taught share."""
        if self.taught is None or self.taught.score is None:
            return False
        return any(
            one.score is not None and one.sparsity >= self.taught.sparsity and one.score > self.taught.score
            for one in self.papers
        )


@dataclass(frozen=True, slots=True)
class Perplexity:
    """One language model of which half of the weights went in one shot: perplexities before and after, lower is better."""

    size: str
    dense: float
    magnitude: float
    sparsegpt: float


_NOTES = "https://github.com/huggingface/transformers/blob/a321baf423b1798cc90efd6e4237ba7bdea4febb/examples/"
MOVEMENT = Source(
    "Sanh, Wolf & Rush 2020",
    "results on SQuAD in the authors' notes on their code",
    f"{_NOTES}research_projects/movement-pruning/README.md",
)
HAN = Source("Han, Pool, Tran & Dally 2015", "Tables 1 and 5", "https://arxiv.org/abs/1506.02626")
GALE = Source("Gale, Elsen & Hooker 2019", "The State of Sparsity: ResNet-50 results", "https://arxiv.org/abs/1902.09574")
MICHEL = Source("Michel, Levy & Neubig 2019", "on pruning heads after training", "https://arxiv.org/abs/1905.10650")
SAJJAD = Source("Sajjad, Dalvi, Durrani & Nakov 2020", "abstract", "https://arxiv.org/abs/2004.03844")
SPARSEGPT = Source("Frantar & Alistarh 2023", "SparseGPT: the table of OPT at 50%", "https://arxiv.org/abs/2301.00774")

BERT = Study(
    name="BERT, movement",
    gone="weights of BERT-base's encoder",
    metric="F1 on SQuAD",
    dense=88.1,
    how="pruned while fine-tuning, taught by the dense model (distillation)",
    often="At 95% sparsity BERT keeps 93% of its F1.",
    reports="93% belongs to 97% sparsity; with 6% of the weights left it is 95%. Only the encoder's matrices are counted.",
    papers=(
        Result(0.90, 84.9, "soft movement"),
        Result(0.94, 83.8, "soft movement, the released model"),
        Result(0.97, 82.3, "soft movement"),
    ),
    source=MOVEMENT,
    taught=Result(0.95, 0.93 * 88.1),
    pair=2,
    controls=(Result(0.97, 59.6, "magnitude, likewise with distillation"),),
)
VGG = Study(
    name="VGG-16, magnitude",
    gone="weights",
    metric="top-5 accuracy on ImageNet",
    dense=100 - 11.32,
    how="pruned and retrained in turns",
    often="VGG-16 can lose 90% of its weights at about one point of top-5 accuracy.",
    reports="With 7.5% of the weights left the top-5 error falls, from 11.32% to 10.88%. The convolutions keep 22 to 58%.",
    papers=(Result(0.925, 100 - 10.88, "13 times fewer weights"),),
    source=HAN,
    taught=Result(0.90, 100 - 11.32 - 1, "one point of top-5 accuracy less"),
)
RESNET = Study(
    name="ResNet-50, magnitude",
    gone="weights",
    metric="top-1 accuracy on ImageNet",
    dense=76.69,
    how="pruned gradually while training",
    often="At 80% sparsity ResNet-50 keeps 97% of its accuracy.",
    reports="It keeps 98.6% with one sparsity for all layers and 99.8% with sparsities chosen by layer and longer training; "
    "random pruning, the control, keeps 91.6%.",
    papers=(
        Result(0.80, 75.58, "one sparsity for all layers"),
        Result(0.90, 73.91, "one sparsity for all layers"),
        Result(0.95, 70.59, "one sparsity for all layers"),
        Result(0.80, 76.52, "by layer, trained longer"),
        Result(0.90, 75.16, "by layer, trained longer"),
        Result(0.95, 72.71, "by layer, trained longer"),
    ),
    source=GALE,
    taught=Result(0.80, 0.97 * 76.69),
    controls=(Result(0.80, 70.21, "random pruning"),),
)
LAYERS = Study(
    name="BERT, layers",
    gone="parameters",
    metric="GLUE score",
    dense=None,
    how="layers dropped, then fine-tuned",
    often="Every other layer can go, for 30% less time.",
    reports="BERT and its kin, up to 40% smaller, keep up to 98% of their GLUE score; the lower layers matter most.",
    papers=(Result(0.40, None, "up to 40% smaller, up to 98% kept", up_to=0.98),),
    source=SAJJAD,
)
HEADS = Study(
    name="Heads, two models",
    gone="heads",
    metric="no score given",
    dense=None,
    how="pruned after training, no retraining",
    often="20 to 40% of BERT's attention heads can go at little loss.",
    reports="These are two models: up to 20% of the heads of a large translation Transformer and 40% of BERT's go without a "
    "noticeable loss.",
    papers=(
        Result(0.20, None, "translation Transformer (WMT): no noticeable loss"),
        Result(0.40, None, "BERT (MNLI): no noticeable loss"),
    ),
    source=MICHEL,
)
STUDIES = (BERT, VGG, RESNET, LAYERS, HEADS)
"""In the order of the chart's colours."""

OPT = (
    Perplexity("125M", 27.66, 193.0, 36.85),
    Perplexity("350M", 22.00, 97.8, 31.58),
    Perplexity("1.3B", 14.62, 1.7e4, 17.46),
    Perplexity("2.7B", 12.47, 265.0, 13.48),
    Perplexity("175B", 8.35, 4.3e4, 8.21),
)
"""OPT with half of its weights removed, one shot: a perplexity is no share, and lower is better."""


def placed() -> tuple[Study, ...]:
    """The studies of which something is commonly taught that can be placed beside the paper's result."""
    return tuple(study for study in STUDIES if study.taught is not None)


def farthest(share: float) -> tuple[Study, Result]:
    """The result with the most weights gone that keeps at least that share of its dense score."""
    found = [
        (study, result)
        for study in STUDIES
        for result in study.papers
        if "weights" in study.gone and (study.share(result) or 0) >= share
    ]
    return max(found, key=lambda pair: pair[1].sparsity)
