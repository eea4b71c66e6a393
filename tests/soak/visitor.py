"""A visitor without a browser: speaks over the websocket just as the page does, and keeps what the server draws.

A browser costs a second of processor and a hundred megabytes; sixty of them would measure themselves. What such a visitor
sees is what a browser would: the same messages, put together by the same rule (a full run replaces the page, a fragment its
part).
"""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

PATIENCE = 120.0
"""Seconds that one answer may take before it is said that it does not come."""
TICK = 0.25


@dataclass(frozen=True)
class Figure:
    """One figure of the strip: «accuracy, 500 held-out images», «97.4%», «interval 95.6 to 98.5»."""

    label: str
    value: str
    below: str


@dataclass
class Visitor:
    """One open tab. `page` holds what stands on it, by place; `state` what its widgets were set to; `charted` says after how
    many seconds its first chart stood."""

    tab: object
    socket: object
    query: str = ""
    path: str = ""
    page: dict[tuple[int, ...], object] = field(default_factory=dict)
    state: dict[str, WidgetState] = field(default_factory=dict)
    said: int = 0
    asked: float = 0.0
    charted: float = 0.0
    stands: bool = False
    touched: set[tuple[int, ...]] = field(default_factory=set)

    def look(self) -> float:
        """Asks for the page as it stands now; the seconds until all of it was there."""
        return self._ask()

    def drag(self, percent: float, panel: str = "hero") -> float:
        """Lets the thumb go at a percent, as the live slider tells it."""
        self.said = max(self.said + 1, int(time.time() * 1000))
        event = {"nonce": self.said, "kind": "amount", "panel": "", "layer": "", "percent": percent}
        ident = self._ident(panel)
        self.state[ident] = WidgetState(id=ident, json_value=json.dumps({"events": [event]}))
        return self._ask()

    def choose(self, key: str, label: str) -> float:
        """Takes the option with this label in the row or menu of this key."""
        ident, element = self._ident(key), self._element(key)
        if element.WhichOneof("type") == "selectbox":
            self.state[ident] = WidgetState(id=ident, string_value=_known(label, element.selectbox.options))
        else:
            options = [option.content for option in element.button_group.options]
            self.state[ident] = _several(ident, [_known(label, options)])
        return self._ask()

    def press(self, key: str) -> float:
        """Presses a button, once."""
        return self._ask(WidgetState(id=self._ident(key), trigger_value=True))

    def settle(self, patience: float = PATIENCE) -> float:
        """Looks again until no figure is of the first samples only."""
        began = time.perf_counter()
        while any(" so far" in figure.label for figure in self.figures()):
            assert time.perf_counter() - began < patience, f"still {self.figures()}"
            time.sleep(TICK)
            self.look()
        return time.perf_counter() - began

    def figures(self) -> list[Figure]:
        """The figures of the strip, in their order."""
        metrics = [one.metric for _, one in sorted(self.page.items()) if one.WhichOneof("type") == "metric"]
        return [Figure(one.label, one.body, one.delta) for one in metrics]

    def figure(self, label: str) -> Figure:
        """The figure whose label starts so."""
        found = [one for one in self.figures() if one.label.startswith(label)]
        assert found, f"no figure {label!r}; there are {[one.label for one in self.figures()]}: {self.text()[:500]}"
        return found[0]

    def text(self) -> str:
        """All words on the page that are not inside a widget."""
        said = []
        for _, one in sorted(self.page.items()):
            kind = one.WhichOneof("type")
            if kind in ("markdown", "alert", "heading"):
                said.append(getattr(one, kind).body)
            if kind == "exception":
                said.append(f"exception: {one.exception.type} {one.exception.message}")
        return "\n".join(said)

    def title(self) -> str:
        """The page's headline."""
        found = [one.heading.body for _, one in sorted(self.page.items()) if one.WhichOneof("type") == "heading"]
        assert found, f"no headline on the page: {self.text()[:500]}"
        return found[0]

    def has(self, key: str) -> bool:
        """Whether something with this key stands on the page."""
        return any(_ident_of(one).endswith(f"-{key}") for one in self.page.values())

    def send(self, *once: WidgetState) -> None:
        """Asks for the page, and does not wait for it."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = self.path
        message.rerun_script.widget_states.widgets.extend([*self.state.values(), *once])
        self.asked, self.stands = self.asked or time.perf_counter(), False
        self.socket.send(message.SerializeToString())

    def button(self, key: str) -> WidgetState:
        """A press of a button that stands on the page, to be sent."""
        return WidgetState(id=self._ident(key), trigger_value=True)

    def listen(self, enough: Callable[[], bool] = lambda: False, patience: float = PATIENCE) -> bool:
        """Takes in what the server says until the page stands, or until it is enough; whether the page stands."""
        until = time.perf_counter() + patience
        while not enough():
            message = ForwardMsg()
            message.ParseFromString(self.socket.recv(timeout=max(0.01, until - time.perf_counter())))
            self.stands = self._take(message)
            if self.stands:
                return True
        return False

    def pump(self, seconds: float) -> None:
        """Takes in what the server says for a while."""
        until = time.perf_counter() + seconds
        with suppress(TimeoutError):
            while not self.stands and time.perf_counter() < until:
                self.listen(lambda: time.perf_counter() >= until, max(0.0, until - time.perf_counter()))
        time.sleep(max(0.0, until - time.perf_counter()))

    def leave(self) -> None:
        self.tab.__exit__(None, None, None)

    def _ask(self, *once: WidgetState) -> float:
        began = time.perf_counter()
        self.send(*once)
        self.listen()
        return time.perf_counter() - began

    def _take(self, message: ForwardMsg) -> bool:
        """Takes one message in; whether with it the run has ended. A run that was ended for another has not."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.touched = set()
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta":
            place = tuple(message.metadata.delta_path)
            self.touched.add(place)
            self._draw(place, message.delta)
        elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:  # not a fragment, which draws its part
                self.page = {place: one for place, one in self.page.items() if place in self.touched}
            return True
        return False

    def _draw(self, place: tuple[int, ...], delta) -> None:
        if delta.WhichOneof("type") == "new_element":
            self.page[place] = delta.new_element
            self._obey(delta.new_element)
            if not self.charted and _is_chart(delta.new_element):
                self.charted = time.perf_counter() - self.asked
        elif delta.WhichOneof("type") == "add_block":
            self.page = {one: drawn for one, drawn in self.page.items() if one[: len(place)] != place}

    def _obey(self, element) -> None:
        """A widget that the server has set: the browser takes its value over, and so do we."""
        kind = element.WhichOneof("type")
        if kind == "selectbox" and element.selectbox.set_value:
            ident = element.selectbox.id
            self.state[ident] = WidgetState(id=ident, string_value=element.selectbox.raw_value)
        elif kind == "button_group" and element.button_group.set_value:
            ident = element.button_group.id
            self.state[ident] = _several(ident, element.button_group.raw_values)

    def _element(self, key: str):
        found = [one for one in self.page.values() if _ident_of(one).endswith(f"-{key}")]
        assert found, f"nothing on the page has the key {key!r}: {self.text()[:600]}"
        return found[0]

    def _ident(self, key: str) -> str:
        return _ident_of(self._element(key))


def _is_chart(element) -> bool:
    kind = element.WhichOneof("type")
    return kind == "plotly_chart" or (kind == "bidi_component" and "scrubber" in element.bidi_component.component_name)


def _ident_of(element) -> str:
    kind = element.WhichOneof("type")
    return getattr(getattr(element, kind), "id", "") if kind else ""


def _several(ident: str, values: list[str]) -> WidgetState:
    found = WidgetState(id=ident)
    found.string_array_value.data.extend(values)
    return found


def _known(label: str, options: list[str]) -> str:
    assert label in options, f"no option {label!r}; there are {[*options]}"
    return label


def open_tab(address: str, path: str = "/", query: str = "", cookies: dict[str, str] | None = None) -> Visitor:
    """Opens a tab at a link. As a browser does, it first takes the token against forged requests, by which the server knows
    one browser from another."""
    with urllib.request.urlopen(f"{address}/_stcore/health", timeout=PATIENCE) as answer:
        token = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
    jar = "; ".join(f"{name}={value}" for name, value in {"_streamlit_xsrf": token, **(cookies or {})}.items())
    where = f"ws://{urlsplit(address).netloc}/_stcore/stream"
    tab = connect(
        where, subprotocols=["streamlit", token], additional_headers={"Cookie": jar}, origin=address,
        max_size=None, max_queue=None, ping_interval=None, proxy=None, open_timeout=PATIENCE,
    )  # fmt: skip
    return Visitor(tab, tab.__enter__(), query=query, path=path.strip("/"))


def enter(address: str, path: str = "/", query: str = "", cookies: dict[str, str] | None = None) -> tuple[Visitor, float]:
    """Opens a tab at a link and waits for its page; the visitor, and the seconds until the whole page stood."""
    began = time.perf_counter()
    visitor = open_tab(address, path, query, cookies)
    visitor.look()
    return visitor, time.perf_counter() - began
