"""A page with a scrubber and the anatomy of an invented network, for the browser tests.

`?kind=head|layer|neuron|wide` shows other units; what is committed stands in the log, and `undo` takes the last switch back.
"""

from __future__ import annotations

import numpy as np
import streamlit as st

from pruneviz.studio import anatomy as live
from pruneviz.studio import scrubber

NOUNS = {"filter": "filters", "head": "heads", "layer": "layers", "neuron": "neurons", "wide": "filters"}
SIZES = {"filter": (32, 64, 64), "head": (4, 4, 4, 4), "layer": (6,), "neuron": (300, 100), "wide": (64, 2048, 512, 512)}
KINDS = {"filter": "wall", "head": "matrix", "layer": "chips", "neuron": "strip", "wide": "strip"}
NAMES = {"filter": "conv", "head": "block ", "layer": "blocks", "neuron": "fc", "wide": "conv"}


@st.cache_data
def invented(kind: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Importance and amount of leaving of each unit, and kernels whose mean |w| is that importance."""
    random = np.random.default_rng(5)
    scores = [np.sort(random.gamma(6, 0.003, size))[random.permutation(size)] for size in SIZES[kind]]
    order = np.argsort(np.concatenate(scores), kind="stable")
    leaves = np.empty(order.size)
    leaves[order] = (np.arange(order.size) + 0.5) / order.size
    return scores, np.split(leaves, np.cumsum(SIZES[kind])[:-1])


def picture(at: int, size: int) -> live.Picture:
    inputs = (1, 32, 64)[at]
    across = int(np.ceil(np.sqrt(inputs)))
    cells = np.random.default_rng(at).normal(0, 0.4, (size, 3 * across, 3 * across)).astype(np.float32)
    note = "" if inputs == 1 else f"{inputs} input slices of 3×3 each"
    return live.Picture(cells, 3, 3, across, 0, inputs, inputs, note)


def units(kind: str) -> tuple[live.Units, ...]:
    scores, leaves = invented(kind)
    state = st.session_state
    groups = []
    for at, (score, leave) in enumerate(zip(scores, leaves, strict=True)):
        name = f"{NAMES[kind]}{at + 1}".replace(" ", "")
        forced = np.array([state.hand.get(f"{name}:{unit}", 0) for unit in range(len(score))], dtype=np.int8)
        kept = np.where(forced == 0, leave > state.amount / 100, forced < 0)
        reader = f"{NAMES[kind]}{at + 2}".replace(" ", "") if at + 1 < len(scores) else ""
        hangs = (live.Hang(f"bn{at + 1} row {{i}}", 4), live.Hang(f"{reader or 'fc'} input {{i}}", 576, reader))
        lost = np.random.default_rng(at).integers(0, 6, len(score)).astype(float)
        groups.append(
            live.Units(
                name, f"{NAMES[kind]}{at + 1}", KINDS[kind], kept, score, leave, forced,
                coupling=f"goes together with {NAMES[kind]}3.shortcut: the residual sum adds them" if at == 2 else "",
                hangs=hangs if kind != "layer" else (),
                names=tuple(f"block {unit + 1}" for unit in range(len(score))) if kind == "layer" else (),
                picture=picture(at, len(score)) if kind == "filter" else None,
                alone=live.Alone(-lost / 5, lost, np.zeros(len(score)), lost > 4) if at == 0 else None,
            )
        )  # fmt: skip
    ten, never = np.linspace(0.01, 0.02, 10), np.full(10, 2.0)
    output = live.Units(
        "fc",
        "fc",
        "strip",
        np.ones(10, bool),
        ten,
        never,
        np.zeros(10, np.int8),
        reason="it is the output: its ten units are the classes",
    )
    return (*groups, output) if kind in ("filter", "neuron") else tuple(groups)


def panel(kind: str) -> scrubber.Panel:
    count, nodes = sum(SIZES[kind]), np.arange(101)
    accuracy = 10 + 89 / (1 + np.exp((nodes - 60) / 4))
    return scrubber.Panel(
        id="", title="mean |w|", noun=NOUNS[kind], amount=st.session_state.amount, chance=10.0, n=500, weights=count,
        curve=scrubber.Line(nodes, accuracy),
        removed=np.round(nodes / 100 * count).astype(int), energy=nodes / 100, measure="pruning ratio",
    )  # fmt: skip


def committed(commit: scrubber.Commit) -> None:
    st.session_state.log.append(f"{commit.kind} {commit.percent}")
    st.session_state.amount = commit.percent


def toggled(toggle: live.Toggle) -> None:
    st.session_state.log.append(f"{toggle.unit} {toggle.gone}")
    st.session_state.past.append(dict(st.session_state.hand))
    st.session_state.hand[toggle.unit] = {True: 1, False: -1, None: 0}[toggle.gone]


def undo() -> None:
    st.session_state.hand = st.session_state.past.pop()


if __name__ == "__main__":
    st.set_page_config(page_title="anatomy", layout="wide")
    for name, value in {"amount": 30.0, "log": [], "hand": {}, "past": []}.items():
        st.session_state.setdefault(name, value)
    st.title("The anatomy")
    kind = st.query_params.get("kind", "filter")
    left, right = st.columns([2, 3], gap="large")
    with left:
        scrubber.scrubber([panel(kind)], key="scrub", on_commit=committed)
    with right:
        shown = live.Anatomy(st.session_state.amount, NOUNS[kind], NOUNS[kind][:-1], "mean |w|", units(kind))
        live.anatomy(shown, key="units", on_toggle=toggled)
    st.button("undo", on_click=undo)
    with st.container(key="log"):
        st.text("\n".join(["commits:", *st.session_state.log]))
