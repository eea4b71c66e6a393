"""Sign-in: where the owner set it up (`[auth]` in the secrets), nobody sees anything before. Elsewhere everybody is welcome.

A provider says who somebody is, not whether they belong here: many give an account to anyone. `PRUNEVIZ_MEMBERS` says that.
"""

from __future__ import annotations

import os

import streamlit as st
from streamlit.auth_util import get_secrets_auth_section, is_authlib_installed

MEMBERS = "PRUNEVIZ_MEMBERS"


def passed() -> bool:
    """Whether the visitor may go on to the page; else what stands there is a way to sign in, or the reason why not."""
    if not set_up():
        return True
    if st.user.get("is_logged_in"):
        return welcome(_address()) or _refused()
    _page("This server is for people who signed in.")
    st.button("Sign in", key="sign_in", on_click=st.login, type="primary")
    return False


def set_up() -> bool:
    """Whether the owner asks visitors to sign in."""
    return bool(get_secrets_auth_section())


def welcome(address: str) -> bool:
    """Whether this address belongs here: everybody's where no members are named, else theirs (`@example.org`: all of it)."""
    named = [one.strip().lower() for one in os.environ.get(MEMBERS, "").replace(",", " ").split()]
    address = address.strip().lower()
    return not named or any(address == one or (one.startswith("@") and address.endswith(one)) for one in named)


def trouble() -> str | None:
    """Why nobody could sign in, in one sentence; None where they can, or need not."""
    if set_up() and not is_authlib_installed():
        return "sign-in is set up in the secrets, and Authlib is not installed: pip install 'Authlib>=1.3.2'"
    if os.environ.get(MEMBERS, "").strip() and not set_up():
        return f"{MEMBERS} names who may come, and nobody is asked who they are: add [auth] to .streamlit/secrets.toml"
    return None


def _address() -> str:
    """The address that the provider vouches for; empty where it says that it has not checked it."""
    return "" if st.user.get("email_verified") is False else str(st.user.get("email") or "")


def _refused() -> bool:
    _page("You signed in, and this server is for others: ask its owner to add your address, or sign in with another.")
    st.button("Sign out", key="sign_out", on_click=st.logout)
    return False


def _page(said: str) -> None:
    st.set_page_config(page_title="PruneViz", page_icon="✂️", layout="centered")
    st.title("PruneViz", anchor=False)
    st.markdown(said)
