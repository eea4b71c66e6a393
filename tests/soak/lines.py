"""The lines of the soak: each does its worst to a real server for a while, and says what it found beside what was asked."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.server import Server, serving
from tests.soak import crowd, ground, heavy, isolation
from tests.soak.line import Line
from tests.soak.visitor import enter


@dataclass(frozen=True)
class Size:
    """How much of it: visitors, steps and runs of the walks, cycles of coming and going, cancellations, the crowd."""

    visitors: int = 8
    steps: int = 200
    runs: int = 5
    worker_steps: int = 40
    cycles: int = 100
    cancels: int = 20
    crowd: int = 60
    within: float = 60.0


@contextmanager
def watched(**settings: str) -> Iterator[tuple[Server, dict[str, Any]]]:
    """A server that says at its end what its models' tensors are then; there is no address for it. The dictionary is filled
    once the server has gone."""
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "models.json"
        with serving("tests/soak/watched_app.py", settings={"SOAK_MODELS": str(said), **settings}) as server:
            yield server, told
        told |= json.loads(said.read_text("utf-8"))


def walks(size: Size) -> Iterator[Line]:
    """Nobody ever sees another's numbers, and the models that all share are what they were."""
    found: list[isolation.Seen] = []
    place = isolation.samples()
    with watched() as (server, models):
        for seed in range(size.runs):
            found += isolation.together(server.address, place, size.visitors, size.steps, seed)
        family = crowd.family(server.process)
    wrong = isolation.bleeds(found)
    for said in wrong[:5]:
        print(f"  {said}", flush=True)
    pace = [seen.seconds for seen in found]
    yield Line(
        f"{size.visitors} visitors × {size.steps} steps × {size.runs} runs", "0 bleeds",
        f"{len(wrong)} bleeds in {len(found):,} pages (step median {crowd.quantile(pace, 0.5):.2f} s, "
        f"p95 {crowd.quantile(pace, 0.95):.2f} s)", not wrong,
    )  # fmt: skip
    yield _same_models(models, place)
    yield _nobody_left(family, "after the walks")


def _same_models(told: dict[str, str], place: isolation.Ground) -> Line:
    fresh = {name: heavy.fingerprint(isolation.model(name)) for name in place.subjects}
    changed = [name for name in fresh if told.get(name) != fresh[name]]
    return Line(
        "the shared models' tensors", "constant", f"{len(fresh) - len(changed)} of {len(fresh)} as loaded", not changed
    )


def worker_walks(size: Size) -> Iterator[Line]:
    """The same where the worker process measures, of first samples first."""
    with tempfile.TemporaryDirectory() as folder:
        place = ground.small(Path(folder), "digits_mlp", "digits_cnn", "digits_vit")
        settings = {"PRUNEVIZ_CARDS": os.pathsep.join(place.subjects), "PRUNEVIZ_HEAVY_SECONDS": "0.001"}
        with watched(**settings) as (server, models):
            found = isolation.together(server.address, place, size.visitors, size.worker_steps, 11)
        wrong = isolation.bleeds(found)
        for said in wrong[:5]:
            print(f"  {said}", flush=True)
        yield Line(
            f"{size.visitors} visitors × {size.worker_steps} steps through the worker", "0 bleeds",
            f"{len(wrong)} bleeds in {len(found):,} pages", not wrong,
        )  # fmt: skip
        yield _same_models(models, place)


def comings_and_goings(size: Size) -> Iterator[Line]:
    """What visitors leave behind when they have gone."""
    options = ("--server.disconnectedSessionTTL", "3")
    names = ("digits_cnn", "digits_mlp", "digits_resnet", "digits_vit")

    def act(tab, cycle):
        tab.drag(30 + cycle % 60)
        tab.choose("subject", isolation.samples().subjects[names[cycle % 4]])
        tab.drag(25 + cycle % 60)

    with serving(options=options, settings={"PRUNEVIZ_FORGOTTEN_SECONDS": "3"}) as server:
        crowd.come_and_go(server.address, 16, act)
        time.sleep(8)
        before = crowd.memory(server.process)
        crowd.come_and_go(server.address, size.cycles, act)
        time.sleep(8)
        grown = crowd.memory(server.process) - before
    yield Line(
        f"{size.cycles} times opened and closed", "growth < 50 MB", f"{grown:+.1f} MB above {before:.0f} MB", grown < 50
    )


def arrivals(size: Size) -> Iterator[Line]:
    """Many open one link at about the same time."""
    with serving() as server:
        enter(server.address)[0].leave()
        waits = crowd.arrive(server.address, size.crowd, size.within)
    chart, commit = crowd.quantile(waits.chart, 0.95), crowd.quantile(waits.commit, 0.95)
    who = f"{size.crowd} visitors open one link within {size.within:.0f} s"
    yield Line(f"{who}: first chart", "p95 ≤ 5 s", _spread(waits.chart), chart <= 5)
    yield Line(f"{who}: commit", "p95 ≤ 2 s", _spread(waits.commit), commit <= 2)


def _spread(seconds: tuple[float, ...]) -> str:
    return (
        f"median {crowd.quantile(seconds, 0.5):.2f} s, p95 {crowd.quantile(seconds, 0.95):.2f} s, max {max(seconds):.2f} s"
    )


def beside_a_heavy_job(size: Size) -> Iterator[Line]:
    """Many ask for one heavy job; ten visitors go on while the worker is busy for minutes."""
    with tempfile.TemporaryDirectory() as folder:
        card = ground.slow(Path(folder) / "slow")
        with watched(PRUNEVIZ_CARDS=card) as (server, told):
            seconds = heavy.once_for_all(server, card)
            yield _reruns(server, card)
        times = told["begun"].get(heavy.TOGETHER, 0)
        yield Line(
            "20 visitors ask for one Recipe at once", "one computation", f"{times} computation of it; {seconds}", times == 1
        )


def cancellations(size: Size) -> Iterator[Line]:
    """A heavy job is cancelled by the only one who watches it, again and again. The server is a fresh one: whoever has only
    just closed a tab counts as watching for a while."""
    with tempfile.TemporaryDirectory() as folder:
        card = ground.slow(Path(folder) / "slow")
        with serving(settings={"PRUNEVIZ_CARDS": card}) as server:
            found, family = heavy.cancels(server, card, size.cancels)
            family += crowd.family(server.process)
        in_time = sum(one <= 2 for one in found)
        yield Line(
            f"a heavy job cancelled {size.cancels} times", "≤ 2 s each",
            f"{in_time} of {len(found)}, slowest {max(found):.2f} s", in_time == len(found),
        )  # fmt: skip
        yield _nobody_left(family, "after the cancellations")


def _reruns(server: Server, card: str) -> Line:
    with heavy.running(server.address, card), ThreadPoolExecutor(10) as visitors:
        found = [seconds for waits in visitors.map(lambda at: _drags(server.address, at), range(10)) for seconds in waits]
    p95 = crowd.quantile(found, 0.95)
    return Line("10 visitors beside a heavy job: rerun", "p95 < 0.5 s", _spread(tuple(found)), p95 < 0.5)


def _drags(address: str, visitor: int) -> list[float]:
    """A visitor who looks and thinks: a drag every three seconds or so, on what ships."""
    tab, _ = enter(address)
    waits = []
    for step in range(12):
        time.sleep(2.5 + 0.1 * ((7 * visitor + 3 * step) % 10))
        waits.append(tab.drag(20 + (7 * step + visitor) % 70))
    tab.leave()
    return waits[2:]  # the first two wait for what nobody had asked for


def _nobody_left(processes: list[int], when: str) -> Line:
    until = time.monotonic() + 5
    while (left := [one for one in set(processes) if Path(f"/proc/{one}").exists()]) and time.monotonic() < until:
        time.sleep(0.1)
    return Line(f"processes left {when}", "0", str(len(left)), not left)


LINES: dict[str, Callable[[Size], Iterator[Line]]] = {
    "isolation": walks,
    "worker": worker_walks,
    "memory": comings_and_goings,
    "arrivals": arrivals,
    "heavy": beside_a_heavy_job,
    "cancel": cancellations,
}
