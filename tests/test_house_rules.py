"""The rules of the house, held by reading the source: no clock, no chance, no code from data, no float."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import patronage

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(patronage.__file__).resolve().parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LINES_MAX = 600

# Builtins that run code, touch the world, or speak to whoever watches the terminal.
BUILTINS = {"__import__", "breakpoint", "compile", "eval", "exec", "input", "open", "print"}

# Modules that run data as code, give chance or time, or keep settings and logs behind the caller's back.
IMPORTS = {"logging", "marshal", "pickle", "random", "secrets", "shelve", "socket", "subprocess", "yaml"}

# Attributes, by what they are read from (a module or a class, as it is written); None: from whatever it is.
ATTRIBUTES = {
    ("date", "today"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("importlib", "import_module"),
    ("os", "environ"),
    ("os", "getenv"),
    ("time", "time"),
    ("time", "time_ns"),
    ("uuid", "uuid4"),
    (None, "format"),  # `str.format` on a text that came with data reads attributes of its arguments.
    (None, "format_map"),
}

# What a part of the package needs all the same. The key is a module, or a folder, below the package.
ALLOWED = {
    "insights": {"float"},
    "replay": {"float"},
    "secret_codes": {"secrets"},
    "stores": {"logging", "socket"},
    "testing": {"os.environ", "pickle", "print", "random", "subprocess"},
}

# What the package may import beside the standard library; extras only below the folder that is named for it.
DEPENDENCIES = {"attr", "attrs", "cattrs", "dateutil", "patronage"}
EXTRAS = {"phone": {"phonenumbers"}, "stores": {"sqlalchemy"}, "testing": {"hypothesis", "pytest"}}

# What `import patronage` may load: the dependencies, and theirs.
LOADED = DEPENDENCIES | {"cattr", "six", "typing_extensions", "tzdata"}


def part(path: Path) -> str:
    """The module or folder right below the package that the file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def breaches(tree: ast.AST, allowed: set[str] = frozenset()) -> Iterator[str]:  # type: ignore[assignment]
    """Everything in a module that the house forbids, as `line: what`, less what is allowed."""
    for node in ast.walk(tree):
        for what in forbidden(node):
            if what not in allowed:
                yield f"{getattr(node, 'lineno', 0)}: {what}"


def forbidden(node: ast.AST) -> Iterator[str]:
    """What the house forbids in one node of a module."""
    match node:
        case ast.Name(id=name) if name in BUILTINS:
            yield name
        case ast.Call(func=ast.Name(id="float")) | ast.Constant(value=float() | complex()):
            yield "float"
        case ast.Import(names=names):
            yield from (name for alias in names if (name := alias.name.partition(".")[0]) in IMPORTS)
        case ast.ImportFrom(module=str(module), names=names):
            if (root := module.partition(".")[0]) in IMPORTS:
                yield root
            yield from (f"{module}.{alias.name}" for alias in names if (module, alias.name) in ATTRIBUTES)
        case ast.Attribute(value=value, attr=attr):
            base = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else None
            if (base, attr) in ATTRIBUTES:
                yield f"{base}.{attr}"
            elif (None, attr) in ATTRIBUTES:
                yield f".{attr}"


def imported(tree: ast.AST) -> set[str]:
    """The top-level names of all that a module imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def name_of(path: Path) -> str:
    """A test's name: the file below the package."""
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_keeps_the_rules(path: Path) -> None:
    """No clock, no chance, no settings, no logs, no code from data, no float, unless the part is allowed it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert list(breaches(tree, ALLOWED.get(part(path), set()))) == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_the_dependencies(path: Path) -> None:
    """A module imports the standard library and the declared dependencies; an extra only where it belongs."""
    known = sys.stdlib_module_names | DEPENDENCIES | EXTRAS.get(part(path), set())
    assert imported(ast.parse(path.read_text(encoding="utf-8"))) <= known


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_short_enough_to_read(path: Path) -> None:
    """A file has at most 600 lines and says at the top what it is for."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES_MAX
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize(
    "line",
    [
        "eval('1')",
        "run = exec",
        "compile('1', '', 'eval')",
        "__import__('os')",
        "import pickle",
        "from marshal import loads",
        "import yaml.loader",
        "import importlib; importlib.import_module('x')",
        "from importlib import import_module",
        "'{0.x}'.format(y)",
        "text.format(y)",
        "float('1.5')",
        "rate = 1.5",
        "rate = -1e3",
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "field(factory=datetime.now)",
        "date.today()",
        "import time; time.time()",
        "from time import time",
        "import random",
        "from random import choice",
        "os.environ['HOME']",
        "from os import environ",
        "import logging",
        "print('x')",
        "open('x')",
    ],
)
def test_a_breach_is_seen(line: str) -> None:
    """Each of the forbidden ways is found: the rule is not kept by a test that is blind."""
    assert list(breaches(ast.parse(line)))


@pytest.mark.parametrize("line", ["re.compile('x')", "isinstance(x, float)", "f'{x:>8}'", "time.monotonic()", "1"])
def test_what_is_harmless_is_no_breach(line: str) -> None:
    """What only looks alike is left alone."""
    assert not list(breaches(ast.parse(line)))


IMPORT_PROBE = """
import json, os, sys
before, seen = set(sys.modules), []
def watch(event, args):
    if event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append(f"writes {args[0]}")
    if event.startswith(("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "sqlite3.")):
        seen.append(event)
sys.addaudithook(watch)
import patronage
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
seen = list(seen)
print(json.dumps([sorted(loaded - sys.stdlib_module_names), seen]))
"""


def test_importing_the_library_does_nothing_else() -> None:
    """`import patronage` loads no extra, writes no file, opens no socket and starts no process."""
    command = [sys.executable, "-B", "-P", "-c", IMPORT_PROBE]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded, seen = json.loads(result.stdout)
    assert seen == []
    assert "patronage" in loaded
    assert {name for name in loaded if not name.startswith("_sysconfigdata")} <= LOADED  # zoneinfo reads that one.


# Written in two parts, so that this file does not name what it looks for.
MACHINE_PATH = re.compile(rb"(?<![\w.:/-])/" + rb"(?:home|root|work|tmp|Users)/\w")
WINDOWS_PATH = re.compile(rb"\b[A-Z]:" + rb"\\Users\\")
HIDDEN_TOO = {".ci", ".gitignore"}
NOT_OURS = {"__pycache__", "_build", "build", "dist"}


def texts() -> Iterator[Path]:
    """Every file of the project, wherever the package is: no caches, no environments, nothing built."""
    pending = [PACKAGE, *ROOT.iterdir()]
    while pending:
        path = pending.pop()
        if path.name in NOT_OURS or (path.name.startswith(".") and path.name not in HIDDEN_TOO):
            continue
        if path.is_dir():
            pending.extend(path.iterdir())
        elif not path.name.endswith((".pyc", ".gz", ".zip", ".png")):
            yield path


def test_no_text_names_a_place_on_a_machine() -> None:
    """No absolute path of somebody's machine stands in the sources, the tests, the manual or the examples."""
    found = [
        f"{path.name}:{number}"
        for path in texts()
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if MACHINE_PATH.search(line) or WINDOWS_PATH.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("place", ["home/ann/x", "root/x", "work/main", "tmp/x"])
def test_a_machine_path_is_seen(place: str) -> None:
    """Each kind of machine path is found, in quotes or not; a path inside an address is none."""
    assert MACHINE_PATH.search(f"see /{place}".encode())
    assert MACHINE_PATH.search(f'"/{place}"'.encode())
    assert not MACHINE_PATH.search(f"https://example.org/{place}".encode())
