"""Requests as a stranger makes them: byte by byte, with any header, with or without a length."""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

BOUNDARY = "stranger"
HEAD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"; filename="w.safetensors"\r\n\r\n'.encode()
TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


@dataclass(frozen=True)
class Answer:
    status: int
    said: str
    headers: dict[str, str] = field(default_factory=dict)


def ask(address: str, path: str = "/", method: str = "GET", headers: dict | None = None, body=None) -> Answer:
    """One request; `body` may be bytes or pieces, which are sent in chunks without a length."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    with suppress(BrokenPipeError, ConnectionResetError):  # refused before all of it was sent: the answer is there
        connection.request(method, path, body, headers or {}, encode_chunked=not isinstance(body, bytes | None))
    found = connection.getresponse()
    answer = Answer(
        found.status, found.read().decode("utf-8", "replace"), {key.lower(): it for key, it in found.getheaders()}
    )
    connection.close()
    return answer


@dataclass
class Tab:
    """A visitor's open tab: its number, and the token that its page was given."""

    address: str
    socket: object
    number: str
    token: str

    def put(self, size: int, *, declared: bool = True, **changed) -> Answer:
        """Uploads so many bytes as the page does, but for what was `changed`: `number`, `token`, `headers`."""
        number, token = changed.get("number", self.number), changed.get("token", self.token)
        headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **changed.get("headers", {})}
        if token:
            headers |= {"X-Xsrftoken": token, "Cookie": f"_streamlit_xsrf={token}"}
        path = f"/_stcore/upload_file/{number}/{uuid.uuid4()}"
        body = HEAD + bytes(size) + TAIL if declared else _pieces(size)
        if not declared:
            headers["Transfer-Encoding"] = "chunked"
        return ask(self.address, path, "PUT", headers, body)

    def tell(self, message: BackMsg | bytes | str) -> None:
        self.socket.send(message.SerializeToString() if isinstance(message, BackMsg) else message)

    def hear_any(self, patience: float = 30) -> str:
        """The kind of the next message."""
        message = ForwardMsg()
        message.ParseFromString(self.socket.recv(timeout=patience))
        return message.WhichOneof("type")

    def hear(self, kind: str, patience: float = 30) -> ForwardMsg:
        """The next message of a kind."""
        while True:
            message = ForwardMsg()
            message.ParseFromString(self.socket.recv(timeout=patience))
            if message.WhichOneof("type") == kind:
                return message


def _pieces(size: int) -> Iterator[bytes]:
    yield HEAD
    for _ in range(size // 65_536):
        yield bytes(65_536)
    yield bytes(size % 65_536) or b"\0"
    yield TAIL


@contextmanager
def open_tab(address: str) -> Iterator[Tab]:
    """Opens the app as a browser does: the token first, then the conversation."""
    cookie = ask(address, "/_stcore/health").headers["set-cookie"]
    token = cookie.partition("=")[2].partition(";")[0]
    where = f"ws://{urlsplit(address).netloc}/_stcore/stream"
    with connect(where, subprotocols=["streamlit"], max_size=None, proxy=None) as socket:
        tab = Tab(address, socket, "", token)
        rerun = BackMsg()
        rerun.rerun_script.query_string = ""
        tab.tell(rerun)
        tab.number = tab.hear("new_session").new_session.initialize.session_id
        tab.hear("script_finished", 120)
        yield tab
