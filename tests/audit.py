"""Audit: asks the public advisories about everything the app pins: `python -m tests.audit`, or `make audit`.

pip-audit runs in an environment of its own, so that it changes nothing here. A service that does not answer would look like
a clean bill: a package with known holes is asked about first, and where none is told, nothing was audited.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOL = "pip-audit==2.10.1"
HOLED = "jinja2==2.4.1"
"""Old, small, and known to be unsafe: whoever knows nothing about it knows nothing."""
SILENT = 3


def main() -> int:
    """0: no advisory; 1: what was found is printed; 3: nobody answered, and nothing was audited."""
    with tempfile.TemporaryDirectory() as folder:
        tool = _install(Path(folder))
        if tool is None:
            return _say(f"{TOOL} cannot be installed: nothing was audited")
        control = Path(folder) / "control.txt"
        control.write_text(f"{HOLED}\n", "utf-8")
        asked = _audit(tool, control, "--no-deps", "--disable-pip")
        if asked.returncode != 1 or "jinja2" not in asked.stdout.lower():
            return _say(f"the advisory service does not answer ({_last(asked.stderr)}): nothing was audited")
        found = _audit(tool, ROOT / "requirements.txt")
        print(found.stdout or found.stderr)
        return found.returncode


def _install(folder: Path) -> Path | None:
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", TOOL]
    return python if subprocess.run(command, capture_output=True, timeout=300).returncode == 0 else None


def _audit(tool: Path, requirements: Path, *options: str) -> subprocess.CompletedProcess:
    command = [str(tool), "-m", "pip_audit", "--strict", "--progress-spinner", "off", *options, "-r", str(requirements)]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800)


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:160] if lines else "it knows no advisory for a package that has some"


def _say(sentence: str) -> int:
    print(f"audit: {sentence}", file=sys.stderr)
    return SILENT


if __name__ == "__main__":
    sys.exit(main())
