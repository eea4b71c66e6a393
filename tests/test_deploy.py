"""What deploys: the Dockerfile keeps its rules, the builder is sent nothing else, and the guide names every setting."""

from __future__ import annotations

import fnmatch
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from pruneviz.caps import Caps

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
GUIDE = (ROOT / "docs" / "deploy.md").read_text("utf-8")


def instructions(text: str) -> list[tuple[str, str]]:
    """Every instruction with its arguments, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name.upper(), rest.strip()) for name, _, rest in (line.strip().partition(" ") for line in joined.splitlines())]


def faults(text: str) -> set[str]:
    """The rules that a Dockerfile breaks."""
    found, steps = set(), instructions(text)
    said = {name: [rest for one, rest in steps if one == name] for name, _ in steps}
    if any(":" not in base or base.endswith(":latest") or not re.search(r":\d+\.\d+\.\d+", base) for base in said["FROM"]):
        found.add("the base is pinned to a patch")
    if not re.fullmatch(r"[1-9]\d*(:\d+)?", said.get("USER", [""])[-1]):
        found.add("the last user has a number and is not root")
    if any(name in ("USER", "RUN", "COPY") for name, _ in steps[_last(steps, "USER") + 1 :]):
        found.add("nothing is built after the user")
    if "ADD" in said:
        found.add("files are copied, not added")
    if "HEALTHCHECK" not in said or "/_stcore/health" not in said["HEALTHCHECK"][0]:
        found.add("it says whether it is healthy")
    if not said.get("CMD") or not said["CMD"][-1].startswith("["):
        found.add("the command is a list")
    if any(re.search(r"(pass(word)?|secret|token|key)\w*\s*=", rest, re.I) for rest in said.get("ENV", [])):
        found.add("no secret is baked in")
    return found | _built(said.get("RUN", []))


def _built(runs: list[str]) -> set[str]:
    found = set()
    if any(re.search(r"(curl|wget)[^|]*\|\s*(ba|z|da)?sh|\bsudo\b", run) for run in runs):
        found.add("nothing from the network is run")
    if any("apt-get install" in run and "rm -rf /var/lib/apt/lists" not in run for run in runs):
        found.add("lists of packages are removed")
    if any("pip install" in run and "--no-cache-dir" not in run for run in runs):
        found.add("no cache stays in the image")
    installed = [run.split("pip install", 1)[1].split("&&")[0] for run in runs if "pip install" in run]
    words = [word for line in installed for word in shlex.split(line)]
    options = {at + 1 for at, word in enumerate(words) if word in ("-r", "--extra-index-url")}
    named = [word for at, word in enumerate(words) if not word.startswith("-") and at not in options]
    if any("==" not in word for word in named):
        found.add("every package is pinned")
    return found


def _last(steps: list[tuple[str, str]], name: str) -> int:
    return max((at for at, (one, _) in enumerate(steps) if one == name), default=len(steps))


def test_the_dockerfile_keeps_its_rules():
    assert faults(DOCKERFILE) == set()


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (":3.11.13-slim-bookworm", "", "the base is pinned to a patch"),
        (":3.11.13-slim-bookworm", ":latest", "the base is pinned to a patch"),
        (":3.11.13-slim-bookworm", ":3.11", "the base is pinned to a patch"),
        ("USER 10001", "", "the last user has a number and is not root"),
        ("USER 10001", "USER root", "the last user has a number and is not root"),
        ("USER 10001", "USER 0", "the last user has a number and is not root"),
        ("EXPOSE 8501", "RUN true", "nothing is built after the user"),
        ("COPY pages", "ADD pages", "files are copied, not added"),
        ("HEALTHCHECK", "LABEL", "it says whether it is healthy"),
        ('CMD ["streamlit", "run", "app.py"]', "CMD streamlit run app.py", "the command is a list"),
        ("ENV HOME=/tmp", "ENV API_TOKEN=abc", "no secret is baked in"),
        ("RUN pip", "RUN curl -s https://example.org/x.sh | sh && pip", "nothing from the network is run"),
        ("RUN pip", "RUN apt-get update && apt-get install -y git && pip", "lists of packages are removed"),
        ("--no-cache-dir ", "", "no cache stays in the image"),
        ('"Authlib==1.9.9"', '"Authlib"', "every package is pinned"),
    ],
)  # fmt: skip
def test_each_rule_can_be_broken(old, new, rule):
    assert old in DOCKERFILE
    assert rule in faults(DOCKERFILE.replace(old, new, 1))


def test_everything_that_is_copied_is_here_and_is_sent_to_the_builder():
    copied = [word for name, rest in instructions(DOCKERFILE) if name == "COPY" for word in rest.split()[:-1]]
    assert {"app.py", "pruneviz", "pages", "sample_models", "requirements.txt", ".streamlit/config.toml"} == set(copied)
    assert all((ROOT / word).exists() and _sent(word) for word in copied)


NOT_SENT = (
    ".git/config",
    ".streamlit/secrets.toml",
    ".venv/bin/python",
    "tests/conftest.py",
    "pruneviz/__pycache__/caps.pyc",
)


@pytest.mark.parametrize("path", [*NOT_SENT, ".env", "pruneviz/engine/__pycache__/mask.pyc"])
def test_nothing_else_is_sent_to_the_builder(path):
    assert not _sent(path)


def _sent(path: str) -> bool:
    """Whether a path is sent, by the rules of .dockerignore: the last line that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        bare = rule.removeprefix("!").removeprefix("**/")
        parts = Path(path).parts
        whole = ["/".join(parts[: at + 1]) for at in range(len(parts))]
        named = [*whole, *parts] if "**/" in rule else whole
        if any(fnmatch.fnmatch(one, bare) for one in named):
            sent = rule.startswith("!")
    return sent


def test_the_guide_names_every_cap_with_its_default():
    for cap in fields(Caps):
        assert f"| `PRUNEVIZ_{cap.name.upper()}` | {getattr(Caps(), cap.name):,} |" in GUIDE, cap.name


def test_the_guide_names_every_setting_that_the_code_reads_and_no_other():
    code = "\n".join(path.read_text("utf-8") for path in [ROOT / "app.py", *(ROOT / "pruneviz").rglob("*.py")])
    caps = {f"PRUNEVIZ_{cap.name.upper()}" for cap in fields(Caps)}
    read = {name for name in re.findall(r"PRUNEVIZ_[A-Z]+(?:_[A-Z]+)*", code)} | caps
    told = set(re.findall(r"^\| `(PRUNEVIZ_[A-Z_]+)`", GUIDE, re.M))
    assert told == read


def test_the_names_of_streamlits_settings_in_the_guide_and_the_dockerfile_exist():
    from streamlit import config

    known = {f"STREAMLIT_{_snake(key)}" for key in config.get_config_options()}
    named = set(re.findall(r"STREAMLIT_[A-Z_]+", GUIDE + DOCKERFILE))
    assert named and named <= known, named - known


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).replace(".", "_").upper()


def test_the_proxy_lets_an_upload_of_the_cap_pass():
    caps = [int(found) * 1_000_000 for found in re.findall(r"(?:client_max_body_size|max_size) (\d+)(?:m|MB)", GUIDE)]
    assert len(caps) == 2 and all(Caps().upload_bytes < cap < 1.1 * Caps().upload_bytes for cap in caps)
    assert "proxy_set_header Upgrade $http_upgrade" in GUIDE and "proxy_set_header Host $host" in GUIDE


@pytest.mark.parametrize("verb", ["hostile", "fuzz", "soak", "audit"])
def test_the_long_checks_are_verbs_of_the_makefile(verb):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(rf"^{verb}: setup\n\t\$\(BIN\)/python -m tests\.{verb}$", makefile, re.M)
    assert re.search(rf"^\.PHONY:.* {verb}\b", makefile, re.M)


def test_an_audit_that_nobody_answers_says_so_in_one_sentence(monkeypatch, capsys):
    from tests import audit

    silent = subprocess.CompletedProcess([], 1, stdout="", stderr="WARNING: a\nConnectionError: no route\n")
    clean = subprocess.CompletedProcess([], 0, stdout="No known vulnerabilities found", stderr="")
    monkeypatch.setattr(audit, "_install", lambda folder: Path(sys.executable))
    for answer, why in ((silent, "ConnectionError: no route"), (clean, "it knows no advisory")):
        monkeypatch.setattr(audit, "_audit", lambda *_asked, answer=answer: answer)
        assert audit.main() == 3
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1 and why in said.err and "nothing was audited" in said.err


def test_an_audit_passes_on_what_was_found(monkeypatch, capsys):
    from tests import audit

    holed = subprocess.CompletedProcess([], 1, stdout="jinja2 2.4.1 CVE-2014-0012", stderr="")
    for returned in (0, 1):
        told = subprocess.CompletedProcess([], returned, stdout="what there is to say", stderr="")
        monkeypatch.setattr(audit, "_install", lambda folder: Path(sys.executable))
        monkeypatch.setattr(
            audit, "_audit", lambda _tool, asked, *_, told=told: holed if asked.name == "control.txt" else told
        )
        assert audit.main() == returned and "what there is to say" in capsys.readouterr().out
