"""
Every check of the project. `nox` alone runs them all, `nox -s NAME` one, `nox -l` lists them.

The tests run on the built wheel: no session puts `src` on the path, and `tests/conftest.py`
refuses to start where `patronage` comes from there all the same. What stands after `--` goes to
pytest, for example `nox -s tests-3.11 -- -k refund`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["tests", "stores", "coverage", "typing", "lint", "docs", "examples", "lowest"]
nox.options.error_on_missing_interpreters = False  # A newcomer has one Python; CI says otherwise below.

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13"]
MAIN = PYTHONS[0]
ON_ALL_CORES = ("-n", "auto")  # Not for the stores: their storms want the machine for themselves.
WITHOUT_DATA = "--ignore=tests/data"  # Real data is played once: it tests the rules, not the Python.
HISTORIES = {MAIN: "1000"}  # Random histories of each property that plays some; 200 on the other Pythons.

if os.environ.get("CI"):
    nox.options.error_on_missing_interpreters = True


def put_pyenv_on_path() -> None:
    """Nox finds a Python by its name on PATH; pyenv's are not there by name until they are switched to."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [max(versions.glob(f"{python}.*/bin"), default=None) for python in PYTHONS]
    os.environ["PATH"] = os.pathsep.join([*(str(path) for path in found if path), os.environ.get("PATH", "")])


put_pyenv_on_path()


def group(*names: str) -> list[str]:
    """The requirements of the named dependency groups of pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, *names))


def install_wheel(session: nox.Session, *requirements: str) -> None:
    """Installs the requirements, and the wheel that the session `wheel` has built."""
    built = [str(path) for path in (ROOT / "dist").glob("patronage-*.whl")]
    session.install(*built, *requirements)
    session.install("--force-reinstall", "--no-deps", *built)  # Also where the environment is an old one.


def run_pytest(session: nox.Session, *args: str, coverage_as: str | None = None, **env: str) -> None:
    """Runs pytest on the installed wheel, with coverage where a name for its data is given."""
    measured: tuple[str, ...] = ()
    if coverage_as is not None:
        env["COVERAGE_FILE"] = str(ROOT / f".coverage.{coverage_as}")
        measured = ("--cov=patronage", "--cov-report=", "--cov-fail-under=0")  # The session `coverage` judges the sum.
    environment = {"PYTHONPATH": "", "PATRONAGE_WHEEL": "1", **env}
    session.run("python", "-m", "pytest", *measured, *args, *session.posargs, env=environment)


@nox.session(python=MAIN, default=False)
def wheel(session: nox.Session) -> None:
    """Builds the source distribution, and from that the wheel that the other sessions install."""
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    session.install("build")
    session.run("python", "-m", "build", "--outdir", str(ROOT / "dist"), str(ROOT), silent=True)


@nox.session(python=PYTHONS, requires=["wheel"])
def tests(session: nox.Session) -> None:
    """The default tests on every Python; coverage, the random histories in full and the real data on one of them."""
    python = str(session.python)
    install_wheel(session, *group("test"))
    coverage_as = python if python == MAIN else None
    histories = HISTORIES.get(python, "200")
    run_pytest(session, *ON_ALL_CORES, WITHOUT_DATA, coverage_as=coverage_as, PATRONAGE_HISTORIES=histories)
    if python == MAIN and not session.posargs:
        run_pytest(session, *ON_ALL_CORES, "tests/data")


@nox.session(python=MAIN, requires=["wheel"])
def stores(session: nox.Session) -> None:
    """Stores under contract: with a seeded bug each; in SQLite and PostgreSQL, through storms and crashes."""
    install_wheel(session, *group("test"))
    run_pytest(session, "-m", "stores", coverage_as="stores")


@nox.session(python=MAIN, requires=["wheel"], default=False)
def soak(session: nox.Session) -> None:
    """The stores, at the sizes of a long night."""
    install_wheel(session, *group("test"))
    run_pytest(session, "-m", "stores", "tests/stores", PATRONAGE_SOAK="1")


@nox.session(python=MAIN)
def coverage(session: nox.Session) -> None:
    """Reports what the tests covered, and fails below the bound of pyproject.toml."""
    session.install("coverage")
    if not list(ROOT.glob(".coverage.*")):
        session.error("There is nothing to combine: run `nox -s tests` first.")
    session.run("coverage", "combine", "--keep", silent=True)
    session.run("coverage", "report")


@nox.session(python=MAIN, requires=["wheel"])
def lowest(session: nox.Session) -> None:
    """The default tests with each dependency at the lowest version that pyproject.toml allows."""
    project = PYPROJECT["project"]
    extras = [each for extra in project["optional-dependencies"].values() for each in extra]
    ours = [each for each in extras if not each.startswith(project["name"])]
    pins = [pinned(requirement) for requirement in [*project["dependencies"], *ours]]
    install_wheel(session, *group("test"), *pins)
    session.run("python", "-m", "pip", "check", silent=True)
    run_pytest(session, *ON_ALL_CORES, WITHOUT_DATA, PATRONAGE_HISTORIES="200")
    if not session.posargs:
        run_pytest(session, "-m", "stores", "tests/stores/test_stores_contract.py")


def pinned(requirement: str) -> str:
    """`attrs>=23.2.0` as `attrs==23.2.0`; a dependency without a lower bound is an error."""
    parsed = Requirement(requirement)
    (bound,) = (one.version for one in parsed.specifier if one.operator == ">=")
    marker = f"; {parsed.marker}" if parsed.marker else ""
    extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    return f"{parsed.name}{extras}=={bound}{marker}"


@nox.session(python=MAIN)
def typing(session: nox.Session) -> None:
    """Strict types over the sources, the tests, the examples and this file."""
    session.install(*PYPROJECT["project"]["dependencies"], *group("test"), "nox", "sphinx")
    session.run("mypy")


@nox.session(python=MAIN)
def lint(session: nox.Session) -> None:
    """Style, format, and the import contract."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", env={"PYTHONPATH": str(ROOT / "src")})


@nox.session(python=MAIN, requires=["wheel"])
def docs(session: nox.Session) -> None:
    """The manual; a warning is an error."""
    install_wheel(session, *group("docs"))
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-E", "docs", str(ROOT / "docs" / "_build"))


@nox.session(python=MAIN, requires=["wheel"])
def examples(session: nox.Session) -> None:
    """Every example that is a program, run as a reader would run it, with the extra that one of them needs."""
    install_wheel(session, *PYPROJECT["project"]["optional-dependencies"]["sqlalchemy"])
    for path in sorted((ROOT / "examples").glob("*.py")):
        if "__main__" in path.read_text(encoding="utf-8"):
            session.run("python", str(path), env={"PYTHONPATH": ""})


@nox.session(python=MAIN, requires=["wheel"], default=False)
def bench(session: nox.Session) -> None:
    """The benchmark, as ratios to the tightest plain Python; `-- stores`: to the same rows by hand-made SQL."""
    stores = session.posargs == ["stores"]
    install_wheel(session, *(group("stores") if stores else ()))
    session.run("python", str(ROOT / "bench" / ("stores_bench.py" if stores else "run.py")), env={"PYTHONPATH": ""})


@nox.session(python=MAIN, requires=["wheel"], default=False)
def deep(session: nox.Session) -> None:
    """The long session: every property with many more examples and longer histories."""
    install_wheel(session, *group("test"))
    run_pytest(session, *ON_ALL_CORES, "-m", "deep", PATRONAGE_PROFILE="deep", PATRONAGE_HISTORIES="20000")
