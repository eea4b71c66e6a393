"""The words of the page «Reality check»: what was promised, what was measured, what others report."""

from __future__ import annotations

from pruneviz import findings, truths
from pruneviz.charts.reality import even_at, less_time
from pruneviz.charts.throughput import per_second, rounded
from pruneviz.recipe import Recipe
from pruneviz.report import Score
from pruneviz.studio import catalogue, kitchen
from pruneviz.truths import CSR, DENSE, SEMI, SMALLER, ZEROS, Machine, Stored, Timed, Truth
from pruneviz.verdict import BYTES

NAMES = {SEMI: "2:4", CSR: "CSR", SMALLER: "Really smaller", "layer": "Largest layer alone", "network": "Whole network"}
WRITING = {DENSE: "dense", ZEROS: "with zeros", SMALLER: "really smaller"}


def headline(recipe: Recipe, truth: Truth | None) -> str:
    """The finding of the page: what the zeros and the smaller network gain in time, at the chosen batch."""
    zeros = truth.time(ZEROS, truth.batch) if truth else None
    if zeros is None:
        kind = kitchen.kind(recipe)
        return f"What is removing {findings.percent(recipe.amount)} of the {kind.many} worth on this machine?"
    said, smaller = _zeros_said(truth, zeros), truth.time(SMALLER, truth.batch)
    if smaller is None:
        return f"{said}."
    if truth.unclear(smaller):
        if truth.unclear(zeros) and not _sparse_gain(truth):
            share = findings.percent(round(truth.sparsity, 3))
            return f"Too noisy to say: neither {share} zeros nor the really smaller network can be told from the dense one."
        return f"{said}; too noisy to say: the really smaller network cannot be told from the dense one."
    if smaller.same:
        return f"{said}; the really smaller network is not measurably faster either."
    if truth.unclear(zeros) and not _sparse_gain(truth):
        share = findings.percent(round(truth.sparsity, 3))
        faster = f"The really smaller network takes {less_time(smaller)}"
        return f"{faster}; what {share} zeros alone do is too noisy to say."
    alone = zeros.same and not truth.unclear(zeros) and not _sparse_gain(truth) and smaller.ratio.median < 1
    return f"{said}; {'only the really smaller network is faster:' if alone else 'really smaller,'} {less_time(smaller)}."


def _zeros_said(truth: Truth, zeros: Timed) -> str:
    """What zeros gain in time, stored dense and, where that is something, stored sparse."""
    said = f"{findings.percent(round(truth.sparsity, 3))} zeros"
    if truth.unclear(zeros):
        said = f"Too noisy to say: {said} cannot be told from the dense network"
    else:
        said += ", same milliseconds" if zeros.same else f", {less_time(zeros)}"
    return said + _sparse_gain(truth)


def _sparse_gain(truth: Truth) -> str:
    sparse = truth.time(CSR, truth.batch)
    gains = sparse and not sparse.same and sparse.ratio.median < 1
    return f"; stored sparse, {less_time(sparse)}" if gains else ""


def setting(truth: Truth) -> str:
    """Where and how it was measured: what a number of milliseconds is worth nothing without."""
    here = truth.machine
    rounds = sorted({one.milliseconds.n for one in truth.times})
    count = " to ".join(map(str, dict.fromkeys((rounds[0], rounds[-1])))) if rounds else ""
    often = f" Medians of {count} rounds, in turns, after a warm-up." if count else ""
    batches = " and ".join(map(str, dict.fromkeys((1, truth.batch))))
    length = f", {truth.length} tokens" if truth.length else ""
    return (
        f"Measured on {here.processor}: {here.threads} of {here.cores} threads, {here.system}; PyTorch {here.torch}, "
        f"eager, {here.dtype}; batch {batches}{length}.{often}{_busy(here)}"
    )


def _busy(here: Machine) -> str:
    """A warning where others were at work on the machine."""
    if not here.busy:
        return ""
    return f" **The machine was busy** ({here.load:g} processes before): these times are noisy, measure again later."


def budget(recipe: Recipe, truth: Truth) -> str:
    """Which smaller network stands beside the zeros, and the proof that it is the same network."""
    small, zeros = truth.on_disk(SMALLER), truth.on_disk(ZEROS)
    if small is None or zeros is None:
        return ""
    many, share = findings.noun(truth.smaller_granularity), findings.percent(round(truth.smaller_amount, 3))
    proof = ""
    if truth.difference is not None:
        apart = f"within {truth.difference:.1g} of the largest output" if truth.difference else "to the last bit"
        proof = f" It computes what the masked network computes, {apart}."
    if recipe.granularity == "layer":
        return (
            f"**Zeros** sets the weights of {share} of the layers to zero; their norms and biases still speak, so "
            f"its outputs differ from the preview. **Smaller** removes them.{proof}"
        )
    if recipe.granularity in catalogue.UNITS:
        return (
            f"**Zeros** silences {share} of the {many} and leaves the matrices as they are; **smaller** removes them.{proof}"
        )
    far = small.nonzero > 1.1 * zeros.nonzero
    until = "more cannot go this way" if far else "until as many parameters are left"
    return (
        f"Zeros make no matrix smaller, so **smaller** removes {many} instead, {share} of them, {until}: "
        f"{small.parameters:,} of {zeros.parameters:,} parameters, where zeros leave {zeros.nonzero:,}.{proof}"
    )


def accuracy(recipe: Recipe, truth: Truth) -> str:
    """What both cost: as many parameters less is not as much accuracy less."""
    if recipe.granularity in catalogue.UNITS or not truth.smaller_granularity:
        return ""
    try:
        zeros, smaller = kitchen.report(recipe).score, kitchen.report(_smaller(recipe, truth), SMALLER).score
    except ValueError as problem:  # of a heavy model it is asked of the worker, and can be cancelled
        return f"**Speed is not all**, but what it costs is not known: {str(problem).rstrip('.')}."
    if zeros.correct is None:
        ends = f"{zeros.metric} {zeros.value:.2f} with the zeros, {smaller.value:.2f} in the smaller network"
    else:
        ends = (
            f"{findings.percent(zeros.value)} right with the zeros, {findings.percent(smaller.value)} in the smaller network"
        )
    return f"**Speed is not all:** {ends}, one shot, without fine-tuning, on {_seen(zeros, smaller)}."


def _seen(zeros: Score, smaller: Score) -> str:
    """On how many samples both were measured, or how far they are."""
    if not (zeros.partial or smaller.partial):
        return f"{zeros.n:,} held-out samples"
    counts = " and ".join(f"{count:,}" for count in dict.fromkeys((zeros.n, smaller.n)))
    return f"{counts} of {max(zeros.of, smaller.of):,} held-out samples so far"


def _smaller(recipe: Recipe, truth: Truth) -> Recipe:
    from pruneviz.engine import ways

    return ways.at_units(recipe, truth.smaller_granularity, truth.smaller_amount)


def share(truth: Truth) -> str:
    """Of the speed that the multiplications promise, how much arrives, at each batch size."""
    lines = []
    for batch in truth.batches:
        gain = truths.gain(truth, batch)
        if gain is None or gain.share is None:
            continue
        gone = f"**Batch {batch}**: {findings.percent(round(gain.macs, 3))} of the multiplications gone"
        if gain.same:
            lines.append(f"- {gone}, no measurable difference in time.")
            continue
        time = f"{findings.percent(round(abs(gain.time), 3))} {'less' if gain.time >= 0 else 'more'} time"
        low, high = (f"{100 * end:.0f}".replace("-", "−") for end in (gain.low, gain.high))
        arrives = f"{100 * gain.share:.0f}".replace("-", "−")
        lines.append(f"- {gone}, {time}: {arrives}% of the promised speed arrives ({low} to {high}% by the quartiles).")
    return "\n".join(lines)


def missing(truth: Truth) -> str:
    """What was not measured, and why."""
    return "\n".join(f"- {NAMES.get(what, what)}{_but_drawn(truth, what)}: {why}." for what, why in truth.missing)


def _but_drawn(truth: Truth, what: str) -> str:
    """The batches at which a line is missing, where the plot has it at another; empty where it has none."""
    if what not in ("layer", "network"):
        return ""
    drawn = {one.batch for one in truth.crossings if bool(one.what) == (what == "layer")}
    absent = [str(batch) for batch in truth.batches if batch not in drawn]
    return f", batch {' and '.join(absent)}" if drawn and absent else ""


def sparse_pays(truth: Truth) -> str:
    """When a sparse kernel pays: often said, measured here, reported elsewhere."""
    lines = [f"{one.what or 'whole network'}, batch {one.batch}: {even_at(one)}" for one in truth.crossings]
    return (
        "**Often said:** multiplying sparse matrices only pays beyond 90% zeros. "
        f"**Measured here** (CSR, 32-bit indices): {'; '.join(lines)}. "
        "**Papers report** kernels that pay at half: 1.2 to 1.5 times faster at 50% on GPUs "
        '([MACKO](https://arxiv.org/abs/2511.13061 "Macko and Boža 2025, arXiv 2511.13061: sparse matrix times vector, '
        'half precision")), 1.2 to 2.1 times in whole networks '
        '([Sputnik](https://arxiv.org/abs/2006.10901 "Gale, Zaharia, Young and Elsen 2020, arXiv 2006.10901")). '
        "It depends on the kernel, the batch and the machine: measure."
    )


def zeros_on_disk(truth: Truth) -> str:
    """Whether zeros take room: often said, what holds, and the bytes here."""
    zeros, dense = truth.on_disk(ZEROS), truth.on_disk(DENSE)
    if zeros is None or dense is None:
        return ""
    same = "exactly as many as before" if zeros.dense == dense.dense else f"where {dense.dense:,} were before"
    return (
        "**Often said:** a weight at zero still takes its memory. **What holds:** where matrices are stored dense it does: "
        f"{zeros.dense:,} bytes here, {same}. A bitmask with the values that are left pays from 1/32 = 3.1% zeros on, CSR "
        f"with 32-bit indices from 50% (float32, arithmetic); here they take {zeros.bitmask:,} and {zeros.csr:,} bytes, and "
        f"zlib makes {zeros.compressed:,} of the dense file (of the dense network's: {dense.compressed:,}). "
        f"{_more_than(dense)}"
    )


def _more_than(dense: Stored) -> str:
    """Why a file is a little larger than its parameters, which is the size that a limit and the slides speak of."""
    alone = BYTES * dense.parameters
    return (
        f"The dense file is {dense.dense - alone:,} bytes more than its {dense.parameters:,} parameters at {BYTES} bytes "
        f"each, {alone:,}: a header, and what is no parameter, such as running means. *Present* speaks of parameters alone."
    )


def smaller_is_faster(truth: Truth) -> str:
    """Whether smaller matrices are faster: often said, measured here, reported elsewhere."""
    said = "; ".join(
        f"batch {one.batch}: {less_time(one)}" for batch in truth.batches if (one := truth.time(SMALLER, batch))
    )
    here = f"**Measured here:** {said}. " if said else ""
    return (
        "**Often said:** ordinary hardware is quick with smaller dense matrices. "
        f"{here}**Others report** that it is not in proportion: a ResNet-50 took *longer* at first (45.2 to 46.5 ms at a "
        "pruning ratio of 5%) and 20.7 ms at 50%, 2.2 times less time for 3.9 times fewer multiplications "
        '([Torch-Pruning](https://github.com/VainF/Torch-Pruning "README of Torch-Pruning, latency of ResNet-50")).'
    )


def tokens(truth: Truth) -> str:
    """What a rate is of, what that says about writing, and 2:4 where it was measured."""
    many = f"{truth.tokens:,} tokens" if truth.tokens > 1 else "1 token"
    batches = " and ".join(f"{batch} × {truth.tokens:,}" for batch in truth.batches)
    lines = [
        f"**What is counted:** tokens read by one forward pass of a batch of windows of {many} each ({batches}, padding "
        "included), divided by its time; the median, with quartiles. No token is kept for later (no cache)."
    ]
    alone = [(way, one) for way in WRITING if (one := truth.time(way, 1))]
    if alone:
        each = "; ".join(f"{rounded(1000 / one.milliseconds.median)} {WRITING[way]}" for way, one in alone)
        lines.append(
            f"**Writing**, one token after another and without a cache, takes such a pass for each token: after {many}, "
            f"tokens per second at batch 1: {each}."
        )
    lines.append(_semi(truth))
    return "\n\n".join(lines)


def _semi(truth: Truth) -> str:
    """What 2:4 gains on the GPU, or why that is not known."""
    timed = truth.time(SEMI, truth.batch, "cuda")
    if timed is None:
        why = dict(truth.missing).get(SEMI)
        return f"**2:4 on the GPU:** not measured here{f': {why}' if why else ''}."
    return f"**2:4 on the GPU,** half precision, batch {timed.batch}: {per_second(truth.rate(timed))}, {less_time(timed)}."


def elsewhere() -> str:
    """How to get the times of another machine."""
    return (
        "On the machine that the network is for (a laptop, a Raspberry Pi), with PruneViz and PyTorch installed, run this "
        "and give the file back here. It is read, checked, shown, and not kept."
    )


def another_setting(truth: Truth, other: Truth) -> str:
    """A warning where a file is about something else than the page; empty where it is not."""
    differs = [
        words
        for words, one, two in (
            ("other weights", truth.subject_sha256, other.subject_sha256),
            ("another granularity", truth.granularity, other.granularity),
            ("another criterion", truth.criterion, other.criterion),
            ("another amount", truth.amount, other.amount),
            ("another length", truth.length, other.length),
        )
        if one != two
    ]
    return f"The file was measured with {', '.join(differs)}: its rows are shown, but are no comparison." if differs else ""
