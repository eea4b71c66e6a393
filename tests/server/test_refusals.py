"""What a real server refuses, each beside what it lets in: uploads too large, of nobody, without a token; wrong names."""

from __future__ import annotations

import re
import socket

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.server.requests import ask, open_tab
from tests.soak.visitor import enter

CAP = 100_000_000


@pytest.fixture(scope="module")
def tab(shared):
    with open_tab(shared.address) as tab:
        yield tab


def test_an_upload_as_the_page_makes_it_is_let_in(tab):
    assert tab.put(1_000).status == 204
    assert tab.put(1_000, declared=False).status == 204


def test_an_upload_over_the_cap_is_refused_before_it_is_read(tab):
    """101 MB are announced; the first bytes were never asked for."""
    refused = tab.put(10, headers={"Content-Length": str(CAP + 1_000_000)})
    assert (refused.status, refused.said) == (413, "This file is too large: 100 MB can be uploaded.\n")


def test_an_upload_without_a_length_is_refused_where_it_passes_the_cap(tab):
    refused = tab.put(CAP + 1_000_000, declared=False)
    assert refused.status == 413 and "too large" in refused.said


def test_a_false_length_is_refused(tab):
    for length in ("-1", "9" * 30, "1e3", "many"):
        assert tab.put(10, headers={"Content-Length": length}).status in (400, 413)


def test_an_upload_of_nobody_is_refused(tab):
    refused = tab.put(1_000, number="00000000-0000-0000-0000-000000000000")
    assert refused.status == 400 and "Invalid session" in refused.said


@pytest.mark.parametrize("token", ["", "made-up", "2|0|0"])
def test_an_upload_without_the_token_is_refused(tab, token):
    refused = tab.put(1_000, token=token)
    assert refused.status == 403 and "XSRF" in refused.said


def test_a_token_needs_its_cookie(tab):
    assert tab.put(1_000, token="", headers={"X-Xsrftoken": tab.token}).status == 403
    assert tab.put(1_000, token="", headers={"Cookie": f"_streamlit_xsrf={tab.token}"}).status == 403


@pytest.mark.parametrize("path", ["/", "/weights", "/_stcore/health", "/_stcore/host-config", "/static/index.html"])
def test_a_wrong_host_gets_no_page(shared, path):
    """A web page can give a name of its own to this machine's address; under that name nothing answers."""
    refused = ask(shared.address, path, headers={"Host": "rebound.example"})
    assert refused.status == 403 and "does not answer to 'rebound.example'" in refused.said
    assert ask(shared.address, path).status in (200, 404)


@pytest.mark.parametrize(
    "host", ["rebound.example", "127.0.0.1.rebound.example", "localhost@rebound.example", "", "[::1", "a b"]
)
def test_no_form_of_a_wrong_host_gets_in(shared, host):
    assert ask(shared.address, headers={"Host": host}).status in (400, 403)


def test_a_wrong_host_gets_no_conversation_and_no_upload(shared, tab):
    rebound = socket.create_connection(("127.0.0.1", int(shared.address.rpartition(":")[2])))
    with pytest.raises(InvalidStatus) as refused, connect("ws://rebound.example/_stcore/stream", sock=rebound):
        pass
    assert refused.value.response.status_code == 403
    assert tab.put(1_000, headers={"Host": "rebound.example"}).status == 403


def test_another_website_gets_no_conversation(shared):
    where = shared.address.replace("http", "ws") + "/_stcore/stream"
    with pytest.raises(InvalidStatus) as refused, connect(where, proxy=None, origin="https://elsewhere.example"):
        pass
    assert refused.value.response.status_code == 403
    assert "access-control-allow-origin" not in ask(shared.address, headers={"Origin": "https://elsewhere.example"}).headers


def test_the_servers_own_names_are_answered_to(own):
    port = own.address.rpartition(":")[2]
    for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "LOCALHOST", "localhost."):
        assert ask(own.address, headers={"Host": host}).status == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host"])
def test_a_server_of_ones_own_does_not_answer_to_a_proxys_visitors(own, shared, header):
    """It would take them for its owner, who may name any path. One that is said to be shared knows better."""
    refused = ask(own.address, headers={header: "203.0.113.9"})
    assert refused.status == 403 and "PRUNEVIZ_SHARED=1" in refused.said
    assert ask(shared.address, headers={header: "203.0.113.9"}).status == 200


def test_programs_do_not_drive_the_app(shared):
    asked = ask(shared.address, "/_stcore/agent/interact", "POST", {"Content-Type": "application/json"}, b"{}")
    assert asked.status == 403 and "not_available" in asked.said


def test_a_visitor_cannot_list_the_files_beside_the_app(shared):
    """Streamlit tells any page which files git does not know. Here it is not heard, and the conversation goes on."""
    with open_tab(shared.address) as tab:
        tab.tell(BackMsg(load_git_info=True))
        tab.tell(BackMsg(app_heartbeat=True))
        heard = []
        while "heartbeat_ack" not in heard:
            heard.append(tab.hear_any())
        assert "git_info_changed" not in heard


def test_a_visitor_cannot_empty_everybodys_caches(shared):
    """Streamlit lets any page do it, and the page's own memory goes with the caches: what was chosen could not be undone."""
    visitor, _ = enter(shared.address)
    visitor.drag(80)
    visitor.socket.send(BackMsg(clear_cache=True).SerializeToString())
    visitor.press("undo")
    assert visitor.query == "" and visitor.figures()[0].value == "50%"
    visitor.leave()


@pytest.mark.parametrize("nonsense", [b"\xff" * 40, b"", "words"])
def test_nonsense_ends_the_conversation_and_nothing_else(shared, nonsense):
    with open_tab(shared.address) as tab:
        tab.tell(nonsense)
        with pytest.raises(ConnectionClosed):
            tab.hear("heartbeat_ack")
    assert ask(shared.address, "/_stcore/health").status == 200


def test_one_visitor_cannot_fill_the_servers_memory(small):
    """Three uploads of 100,000 bytes for each visitor, five for all; what a tab brought is forgotten with the tab."""
    with open_tab(small.address) as first, open_tab(small.address) as second:
        assert [first.put(99_000).status for _ in range(4)] == [204, 204, 204, 413]
        said = [second.put(99_000) for _ in range(3)]
        assert [one.status for one in said] == [204, 204, 413] and "All visitors together" in said[2].said
        assert "in this tab" in first.put(99_000).said
        assert first.put(100_000 + 70_000).status == 413


def test_every_answer_is_what_it_says_it_is(shared):
    headers = ask(shared.address).headers
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "same-origin"


def test_the_page_names_no_other_host(shared):
    page = ask(shared.address).said
    assert "<script" in page and not re.search(r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//""", page)


@pytest.mark.parametrize(
    "path", ["/../app.py", "/%2e%2e/app.py", "/static/%2e%2e/%2e%2e/version.py", "/app/static/app.py", "/app.py"]
)
def test_files_beside_the_app_are_not_handed_out(shared, path):
    assert "open_page" not in ask(shared.address, path).said
