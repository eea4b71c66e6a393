"""A page with nothing but scrubbers on invented weights, for the browser tests. `?several=1` shows two linked cards,
`?growing=halves` and `?growing=samples` a curve that is still being measured."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import streamlit as st

from pruneviz.studio import scrubber as live

N, LAYERS = 500, (("conv1", "32×1×3×3"), ("conv2", "64×32×3×3"), ("conv3", "64×64×3×3"), ("fc", "10×64"))
SIZES, SPREADS = (288, 18432, 36864, 640), (0.2, 0.05, 0.03, 0.11)


@st.cache_data
def invented() -> dict[str, np.ndarray]:
    """Laplacian weights of four layers, and what goes from them at each percent when |w| decides for all together."""
    random = np.random.default_rng(7)
    layers = [random.laplace(0, spread, size) * 0.7 for size, spread in zip(SIZES, SPREADS, strict=True)]
    weights = np.concatenate(layers)
    order = np.sort(np.abs(weights))
    removed = np.round(np.arange(101) / 100 * len(weights)).astype(int)
    thresholds = np.array([order[count - 1] if count else 0.0 for count in removed])
    edges = np.linspace(-0.25, 0.25, 101)
    inside = np.clip(weights, -0.2499, 0.2499)
    gone = np.stack([np.histogram(inside[np.abs(weights) <= t], edges)[0] for t in thresholds])
    gone[0] = 0
    kept = np.stack([[100 * np.mean(np.abs(layer) > t) for layer in layers] for t in thresholds])
    kept[0] = 100
    return {
        "removed": removed,
        "threshold": thresholds,
        "edges": edges,
        "total": np.histogram(inside, edges)[0],
        "gone": gone,
        "kept": kept,
        "energy": np.array([np.sum(order[:count] ** 2) for count in removed]) / np.sum(order**2),
        "scale": np.array([np.mean(np.abs(weights))]),
    }


def falling(edge: float, width: float = 2.5, top: float = 99.2, wobble: int = 1) -> np.ndarray:
    nodes = np.arange(101)
    noise = np.random.default_rng(wobble).normal(0, 0.35, 101)
    return np.clip(10 + (top - 10) / (1 + np.exp((nodes - edge) / width)) + noise, 9, 100).round(1)


def interval(accuracy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = 1.96 * np.sqrt(np.maximum(accuracy * (100 - accuracy), 60) / N)
    return np.clip(accuracy - half, 0, 100), np.clip(accuracy + half, 0, 100)


def panel(key: str, title: str, edge: int, amount: float, hero: bool) -> live.Panel:
    data, accuracy = invented(), falling(edge)
    low, high = interval(accuracy)
    tuned_at = np.array([0, 30, 50, 70, 80, 90, 95, 98])
    tuned = np.array([99.2, 99.2, 99.0, 98.6, 98.2, 96.0, 88.4, 52.0])
    own, spared = st.session_state.own, st.session_state.spared
    at, b = np.linspace(-0.25, 0.25, 201), float(data["scale"][0])
    fits = (
        live.FitLine("Laplace", np.exp(-np.abs(at) / b) / (2 * b), "solid", at),
        live.FitLine("Gauss", np.exp(-((at / b) ** 2) / 4) / (b * np.sqrt(4 * np.pi)), "dot", at),
    )
    layers = tuple(
        live.Layer(name, name, shape, SIZES[i], data["kept"][:, i], own=own.get(name), locked=name in spared)
        for i, (name, shape) in enumerate(LAYERS)
    )
    here = float(np.interp(amount, np.arange(101), accuracy))
    return live.Panel(
        id=key,
        title=title,
        noun="weights",
        amount=amount,
        curve=live.Line(np.arange(101), accuracy, low, high),
        chance=10.0,
        n=N,
        weights=sum(SIZES),
        removed=data["removed"],
        energy=data["energy"],
        halves=live.Halves(falling(edge, wobble=3), falling(edge, wobble=4), 250, 250),
        baseline=live.Line(np.arange(101), falling(14, 3.5, wobble=2)),
        tuned=live.Line(tuned_at, tuned, *interval(tuned)) if hero else None,
        cliff=live.Cliff(edge - 4, edge + 6, round(float(accuracy[edge - 4] - accuracy[edge + 6]), 1)),
        exact=live.Exact(amount, round(here, 1), *(float(x) for x in interval(np.array(here)))),
        trail=tuple(live.Ghost(value, float(accuracy[round(value)])) for value in st.session_state.trail),
        histogram=live.Histogram(data["edges"], data["total"], data["gone"], data["threshold"], fits) if hero else None,
        layers=layers if hero else (),
    )


def committed(commit: live.Commit) -> None:
    state = st.session_state
    state.log.append(f"{commit.kind} {commit.panel or '-'} {commit.layer or '-'} {commit.percent}")
    if commit.kind == "amount":
        state.trail = [*state.trail, commit.percent][-12:]
        for key in state.amounts if state.linked else [commit.panel]:
            state.amounts[key] = commit.percent
    elif commit.kind == "guess":
        state.guess = int(commit.percent)
    elif commit.kind == "linked":
        state.linked = bool(commit.percent)
    else:
        state.own.pop(commit.layer, None)
        state.spared.discard(commit.layer)
        if commit.kind == "lock" and commit.percent is not None:
            state.spared.add(commit.layer)
        elif commit.kind == "layer" and commit.percent is not None:
            state.own[commit.layer] = commit.percent


st.set_page_config(page_title="scrubber", layout="wide")
fresh = {"amounts": {"": 58.0, "magnitude": 58.0, "random": 58.0}, "own": {}, "spared": set(), "linked": True, "guess": -1}
for name, value in {**fresh, "log": [], "trail": [20.0, 62.5, 74.0]}.items():
    st.session_state.setdefault(name, value)
st.title("The slider")
amounts = st.session_state.amounts
if "several" in st.query_params:
    shown = [
        panel("magnitude", "Magnitude", 74, amounts["magnitude"], False),
        panel("random", "Random pruning", 30, amounts["random"], False),
    ]
else:
    shown = [panel("", "Remove 58 % of the weights, and 13 of 500 digits turn wrong", 74, amounts[""], True)]
if growing := st.query_params.get("growing"):
    shown = [replace(one, complete=False, cliff=None, halves=one.halves if growing == "halves" else None) for one in shown]
if st.checkbox("another scope"):
    shown = [replace(one, energy=one.energy**0.9) for one in shown]
time.sleep(float(st.query_params.get("slow", 0)))
live.scrubber(
    shown,
    key="scrub",
    linked=st.session_state.linked and len(shown) > 1,
    challenges=len(shown) == 1,
    guess=st.session_state.guess,
    on_commit=committed,
)
st.button("run again")
with st.container(key="log"):
    st.text("\n".join(["commits:", *st.session_state.log]))
