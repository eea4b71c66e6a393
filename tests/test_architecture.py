"""The floors of the house hold: who may import whom, read from the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    ("pruneviz.studio", 3),
    ("pruneviz.runs", 2),
    ("pruneviz.engine", 1),
    ("pruneviz.charts", 1),
    ("pruneviz.handout", 2),
    ("pruneviz.oneshot_command", 4),
    ("pruneviz.oneshot_stream", 3),
    ("pruneviz.oneshot_said", 2),
    ("pruneviz.report_command", 3),
    ("pruneviz.python_command", 3),
    ("pruneviz.solve_command", 3),
    ("pruneviz.train_command", 3),
    ("pruneviz.runs_command", 3),
    ("pruneviz.__main__", 5),
    ("pruneviz", 0),
    ("pages", 4),
    ("app", 4),
)
FORBIDDEN = {
    "pruneviz.studio": {"torch"},
    "pruneviz.runs": {"streamlit", "plotly"},
    "pruneviz.engine": {"streamlit", "plotly", "sqlalchemy"},
    "pruneviz.charts": {"streamlit", "torch"},
    "pruneviz.handout": {"streamlit"},
    "pruneviz.report_command": {"streamlit", "plotly", "torch"},
    "pruneviz.python_command": {"streamlit", "plotly", "torch"},
    "pruneviz.solve_command": {"streamlit", "plotly", "torch"},
    "pruneviz.oneshot_command": {"streamlit", "plotly", "torch"},
    "pruneviz.oneshot_stream": {"streamlit", "plotly", "torch"},
    "pruneviz.oneshot_said": {"streamlit", "plotly", "torch"},
    "pruneviz.train_command": {"streamlit", "plotly", "torch"},
    "pruneviz.runs_command": {"streamlit", "plotly", "torch"},
    "pruneviz.__main__": {"streamlit", "plotly"},
    "pruneviz.recipe": {"streamlit", "plotly", "torch", "numpy"},
    "pruneviz.query": {"streamlit", "plotly", "torch", "numpy"},
    "pruneviz.report": {"streamlit", "plotly", "torch"},
    "pruneviz.shipped": {"streamlit", "plotly", "torch"},
    "pruneviz.findings": {"streamlit", "plotly", "torch"},
    "pruneviz.truths": {"streamlit", "plotly", "torch"},
    "pruneviz.truth_file": {"streamlit", "plotly", "torch"},
    "pages": {"torch", "plotly"},
    "app": {"torch", "plotly"},
}
DRAWERS = {"utils", "helpers", "common", "base", "manager", "handler", "misc"}


def modules() -> dict[str, Path]:
    paths = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py")), *sorted((ROOT / "pruneviz").rglob("*.py"))]
    named = {}
    for path in paths:
        parts = path.relative_to(ROOT).with_suffix("").parts
        named[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return named


MODULES = modules()


def imports(path: Path, *, inside: bool = True) -> set[str]:
    """Full names imported anywhere in a file (with `inside`, in its functions too), guards for type checkers left out."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {
        id(node)
        for guard in ast.walk(tree)
        if isinstance(guard, ast.If) and isinstance(guard.test, ast.Name) and guard.test.id == "TYPE_CHECKING"
        for node in ast.walk(guard)
    }
    nodes = ast.walk(tree) if inside else ast.iter_child_nodes(tree)
    found = set()
    for node in nodes:
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the full name"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def floor(module: str) -> tuple[str, int]:
    return next((room, level) for room, level in FLOORS if module == room or module.startswith(f"{room}."))


def ours(module: str) -> set[str]:
    return {name for name in imports(MODULES[module]) if name in MODULES} - {module}


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    room, level = floor(module)
    for other in ours(module):
        other_room, other_level = floor(other)
        if room == other_room or (room == "pruneviz" and other_room == "pruneviz"):
            continue
        assert other_level < level, f"{module} (floor {level}) imports {other} (floor {other_level}): only down is allowed"


@pytest.mark.parametrize("module", MODULES)
def test_each_floor_keeps_to_its_libraries(module):
    top = {name.partition(".")[0] for name in imports(MODULES[module])}
    for room, forbidden in FORBIDDEN.items():
        if module == room or module.startswith(f"{room}."):
            # The studio's kitchen may name torch inside a function: it is where torch is loaded in the background.
            if module == "pruneviz.studio.kitchen":
                top = {name.partition(".")[0] for name in imports(MODULES[module], inside=False)}
            assert not top & forbidden, f"{module} imports {top & forbidden}"


def test_no_circles():
    done, path = set(), []

    def visit(module):
        if module in path:
            pytest.fail(" → ".join([*path[path.index(module) :], module]))
        if module in done:
            return
        path.append(module)
        for other in sorted(ours(module)):
            visit(other)
        path.pop()
        done.add(module)

    for module in MODULES:
        visit(module)


def test_no_drawers():
    assert not [name for name in MODULES if name.rpartition(".")[2] in DRAWERS]


def test_only_the_bench_holds_state():
    for name, path in MODULES.items():
        text = path.read_text("utf-8")
        if not name.startswith(("pruneviz.studio.bench", "pruneviz.studio.scrubber")):
            assert "session_state" not in text and "query_params" not in text, f"{name} holds state"


def test_pages_are_thin():
    for name, path in MODULES.items():
        lines = len(path.read_text("utf-8").splitlines())
        tree = ast.parse(path.read_text("utf-8"))
        if name.startswith("pages"):
            assert lines <= 80, f"{name} has {lines} lines"
            assert not [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)], f"{name} defines a class"
    assert len((ROOT / "app.py").read_text("utf-8").splitlines()) <= 40


def test_sample_models_import_torch_only():
    for path in (ROOT / "sample_models").glob("*/model.py"):
        top = {name.partition(".")[0] for name in imports(path)}
        assert top <= {"torch", "math", "collections", "__future__", "functools", "itertools", "typing"}, path


UNSAFE = {
    "pickle.load",
    "pickle.loads",
    "pickle.Unpickler",
    "joblib.load",
    "torch.jit.load",
    "torch.export.load",
    "jit.load",
}
UNSAFE |= {
    "marshal.loads",
    "shelve.open",
    "dill.load",
    "cloudpickle.load",
    "yaml.load",
    "pandas.read_pickle",
    "eval",
    "exec",
}


def unsafe(source: str) -> list[str]:
    """Every call or import in a source text that could run what it reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            found += [name for one in node.names if (name := f"{node.module}.{one.name}") in UNSAFE]
        if isinstance(node, ast.Call):
            called, said = ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords}
            blind = called == "torch.load" and said.get("weights_only") != "True"
            open_ = any(said.get(word, "False") != "False" for word in ("allow_pickle", "trust_remote_code"))
            if called in UNSAFE or blind or open_ or called.endswith("add_safe_globals"):
                found.append(f"line {node.lineno}: {ast.unparse(node)[:80]}")
    return found


def test_nothing_unsafe_is_loaded():
    """No pickle, no torch.load without weights_only, no TorchScript, no trusted remote code: anywhere in the app."""
    for path in [*MODULES.values(), *(ROOT / "sample_models").glob("*/*.py")]:
        text = path.read_text("utf-8")
        assert not unsafe(text), f"{path}: {unsafe(text)}"
        assert "unsafe_allow_html=True" not in text, path


@pytest.mark.parametrize(
    "source",
    [
        "pickle.load(f)",
        "from pickle import loads",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "torch.load(f, weights_only=flag)",
        "np.load(f, allow_pickle=True)",
        "Auto.from_pretrained(x, trust_remote_code=yes)",
        "torch.serialization.add_safe_globals([x])",
        "torch.jit.load(f)",
        "eval(text)",
    ],
)
def test_what_is_unsafe_is_found(source):
    assert unsafe(source)
    assert not unsafe(
        "torch.load(f, weights_only=True)\nnp.load(f, allow_pickle=False)\nsafetensors.torch.load(f)\nm.eval()"
    )


def test_first_page_needs_no_torch():
    """Importing the app's modules does not import torch: the first picture is drawn while torch loads."""
    code = "import app, pruneviz.studio.frame, sys; assert 'torch' not in sys.modules, 'torch was imported'"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]


def test_engine_needs_no_screen():
    """The engine imports where streamlit, plotly, captum, backpack and numba are missing."""
    # These are the numba paths themselves, chosen only where numba is.
    own = ("compiled_trading", "compiled_pushing")
    compiled = ("pruneviz.engine.compiled", *(f"pruneviz.engine.reconstruct.{name}" for name in own))
    names = [name for name in MODULES if name.startswith("pruneviz.engine") and name not in compiled]
    code = (
        "import sys\n"
        "for gone in ('streamlit', 'plotly', 'captum', 'backpack', 'numba'): sys.modules[gone] = None\n"
        "import importlib\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
