"""All equality figures as one table: `python -m tests.engine.structure.table [name …]`.

30 % of the filters or neurons of every removable group go, drawn at random; masked and smaller are compared in float64.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from pruneviz.engine.sources import card
from pruneviz.engine.structure import surgery, trace
from tests.engine.structure import cases


def rows(name: str) -> list[str]:
    """The table's lines for one network, one per granularity that offers anything."""
    network, inputs = loaded(name)
    made = []
    for granularity in ("filter", "neuron"):
        begun = time.perf_counter()
        structure = trace.structure(network, inputs, granularity)
        traced = time.perf_counter() - begun
        if not structure.groups:
            continue
        if not structure.removable:
            most = max(structure.groups, key=lambda group: group.units)
            made.append(
                f"| {name} | {granularity} | 0 of {len(structure.groups)} | 0 | | | {traced:.2f} | | {most.reason} |"
            )
            continue
        kept = cases.some(structure)
        smaller, _, proof = surgery.remove_exactly(network, structure, kept, inputs)
        left = 100 * cases.parameters(smaller) / cases.parameters(network)
        made.append(
            f"| {name} | {granularity} | {len(structure.removable)} of {len(structure.groups)} | "
            f"{cases.gone(kept):,} of {structure.units:,} | {left:.1f} % | {proof.difference:.1e} | {traced:.2f} | "
            f"{time.perf_counter() - begun - traced:.2f} | |"
        )
    return made


def loaded(name: str) -> tuple[nn.Module, torch.Tensor]:
    if name in cases.FAMILIES and not name.startswith("real:"):
        return cases.family(name)
    if name in cases.SAMPLES:
        subject = card.load(name)
    else:
        with tempfile.TemporaryDirectory() as folder:
            subject = cases.real(name.removeprefix("real:"), Path(folder))
    return subject.skeleton().eval(), subject.held_out.inputs(slice(0, 2))


def main(names: list[str]) -> None:
    print("| network | unit | groups that can go | units gone | parameters left | max Δ | trace s | cut s | why not |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in names or [*cases.SAMPLES, *(f"real:{one}" for one in cases.REAL), *cases.FAMILIES]:
        try:
            print("\n".join(rows(name)), flush=True)
        except surgery.SurgeryError as problem:
            print(f"| {name} | | | | | | | | {problem.module}: {problem} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
