"""Sign-in on a real server: before it nobody sees a number, after it members do, and a forged cookie is nobody's."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from pruneviz.studio import sign_in
from tests.browser.server import ROOT, serving
from tests.soak.visitor import enter

SECRET = "a secret of this test alone"
SECRETS = f"""
[auth]
redirect_uri = "http://127.0.0.1:8501/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "pruneviz"
client_secret = "another secret"
server_metadata_url = "https://login.invalid/.well-known/openid-configuration"
"""


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    path = tmp_path_factory.mktemp("secrets") / "secrets.toml"
    path.write_text(SECRETS, "utf-8")
    return path


@pytest.fixture(scope="module")
def team(secrets):
    """A server that asks people to sign in. The package that talks to providers is there in name: no provider is asked."""
    package = secrets.parent / "authlib"
    package.mkdir()
    (package / "__init__.py").write_text('__version__ = "1.9.9"\n', "utf-8")
    settings = {
        "PRUNEVIZ_SHARED": "1",
        "PRUNEVIZ_MEMBERS": "@example.org, guest@elsewhere.net",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{secrets.parent}",
    }
    with serving(options=["--secrets.files", str(secrets)], settings=settings) as server:
        yield server
        assert "Traceback" not in server.said(), server.said()[-3000:]


def come(address: str, secret: str = SECRET, **said):
    """What a visitor with this cookie sees: the figures of the page, and its words."""
    person = {"origin": address, "is_logged_in": True, **said}
    cookie = create_signed_value(secret, "_streamlit_user", json.dumps(person)).decode()
    visitor, _ = enter(address, cookies={"_streamlit_user": cookie} if said else {})
    try:
        return len(visitor.figures()), visitor.text()
    finally:
        visitor.leave()


def test_before_signing_in_there_is_nothing_to_see(team):
    figures, said = come(team.address)
    assert figures == 0 and "for people who signed in" in said


@pytest.mark.parametrize("email", ["ada@example.org", "Guest@Elsewhere.net"])
def test_members_see_the_page(team, email):
    figures, said = come(team.address, email=email)
    assert figures >= 4 and "signed in" not in said


@pytest.mark.parametrize("email", ["eve@elsewhere.net", "eve@example.org.evil.net", "", "@example.org.evil.net"])
def test_who_signed_in_and_is_no_member_sees_nothing(team, email):
    figures, said = come(team.address, email=email)
    assert figures == 0 and "this server is for others" in said


def test_an_address_that_the_provider_has_not_checked_is_nobodys(team):
    assert come(team.address, email="ada@example.org", email_verified=False)[0] == 0
    assert come(team.address, email="ada@example.org", email_verified=True)[0] >= 4


def test_a_forged_cookie_is_nobodys(team):
    figures, said = come(team.address, secret="guessed", email="ada@example.org")
    assert figures == 0 and "for people who signed in" in said


def test_without_the_package_that_talks_to_providers_the_server_does_not_start(secrets):
    if sign_in.is_authlib_installed():
        pytest.skip("Authlib is installed")
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true", "--server.port", "0"]
    command += ["--secrets.files", str(secrets)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert ended.stderr.strip().splitlines()[-1].startswith("pruneviz: sign-in is set up in the secrets, and Authlib is not")


@pytest.mark.parametrize(
    ("members", "address", "welcome"),
    [
        ("", "anybody@anywhere.net", True), ("", "", True), ("@example.org", "", False),
        ("@example.org", "ada@EXAMPLE.org ", True), ("@example.org", "ada@sub.example.org", False),
        ("ada@example.org", "bob@example.org", False), ("a@b.c ,@d.e", "x@d.e", True), (" , ", "x@d.e", True),
    ],
)  # fmt: skip
def test_members_are_addresses_or_domains(monkeypatch, members, address, welcome):
    monkeypatch.setenv(sign_in.MEMBERS, members)
    assert sign_in.welcome(address) is welcome


def test_members_without_sign_in_is_a_mistake(monkeypatch):
    monkeypatch.setattr(sign_in, "set_up", lambda: False)
    assert sign_in.trouble() is None
    monkeypatch.setenv(sign_in.MEMBERS, "@example.org")
    assert "nobody is asked who they are" in sign_in.trouble()
