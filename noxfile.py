"""Every check this project has. `nox` runs the ones CI requires; `nox -l` lists all.

Needs nothing but Python 3.11 and pip: interpreters that are not installed are skipped, and none is
ever downloaded. With pyenv, list the interpreters in `PYENV_VERSION`, joined by colons.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2026.8"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = nox.project.python_versions(PYPROJECT)  # from the classifiers
OPENAI_ENV = ROOT / ".nox" / f"openai-python-{sys.version_info.major}.{sys.version_info.minor}"
OPENAI_READY: list[str] = []  # the interpreter of OPENAI_ENV, once this run has prepared it
PARALLEL = ("-n", "auto", "--dist", "worksteal")
MEASURED: list[str] = []  # the interpreters whose coverage this run has measured


def group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PYPROJECT, name))


def openai_python(session: nox.Session) -> dict[str, str]:
    """Prepare the newest openai-python in an environment of its own; return how tests find it.

    It wants an older `websockets` than we may, so it must not share ours. Where it cannot be
    installed (no network) the tests that drive it skip, and say why.
    """
    if not OPENAI_READY:
        python = str(OPENAI_ENV / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        # virtualenv comes with nox; `venv` is a package of its own on some systems.
        session.run(sys.executable, "-m", "virtualenv", "--quiet", str(OPENAI_ENV), external=True)
        session.run(
            *(python, "-m", "pip", "install", "--quiet", "--upgrade", "openai[realtime]"),
            external=True,
            success_codes=range(256),
        )
        OPENAI_READY.append(python)
    return {"TRIO_REALTIME_OPENAI_PYTHON": OPENAI_READY[0]}


@nox.session(tags=["fast"])
def lint(session: nox.Session) -> None:
    """Formatting, lint, async lint, import layering, spelling."""
    session.install("-e.[cli,rest,websockets]", *group("lint"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    modules = [ROOT / "_trio_realtime_pytestplugin.py", *ROOT.glob("trio_realtime/**/*.py")]
    session.log("flake8-async --enable=ASYNC on each of %d modules", len(modules))
    session.run("flake8-async", "--enable=ASYNC", *map(str, modules), log=False)
    session.run("lint-imports")
    session.run(
        *(
            "codespell",
            "trio_realtime",
            "_trio_realtime_pytestplugin.py",
            "tests",
            "examples",
            "docs",
            "benchmarks",
            "noxfile.py",
        ),
        *("README.md", "CHANGELOG.md", "CONTRIBUTING.md"),
    )


@nox.session(tags=["fast"])
def typing(session: nox.Session) -> None:
    """Strict mypy, strict pyright, 100% public type completeness."""
    session.install("-e.[cli,rest,websockets]", *group("typing"))
    session.run("mypy")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "trio_realtime", "--ignoreexternal")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The offline suite, under coverage. Pass pytest arguments after `--` (then no `cover`)."""
    session.install("-e.[cli,rest,websockets]", *group("test"))
    if not MEASURED:
        for stale in (*ROOT.glob(".coverage"), *ROOT.glob(".coverage.*")):
            stale.unlink()
    MEASURED.append(str(session.python))
    session.run(
        *("coverage", "run", "-m", "pytest", *PARALLEL, *session.posargs),
        env=openai_python(session),
    )
    if not session.posargs:  # a part of the suite covers a part of the package
        session.notify("cover")


@nox.session(default=False)
def cover(session: nox.Session) -> None:
    """Combine the data files and fail below 100%."""
    session.install(*group("coverage"))
    session.run("coverage", "combine", silent=True)
    session.run("coverage", "report")


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show three turns, and a response that is left early. Pass options after `--`."""
    session.install("-e.[cli]")
    session.run("trio-realtime", "demo", *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Write the tables in docs/ that come from the code, or from what was measured."""
    session.install("-e.")
    session.run("python", "docs/write_tables.py", *session.posargs)


@nox.session(default=False)
def minimums(session: nox.Session) -> None:
    """The offline suite against the lowest versions we claim to support."""
    session.install("uv")  # pip cannot resolve to the lowest versions
    session.run(
        *("uv", "pip", "install", "-e.[cli,rest,websockets]", "--group=test"),
        "--resolution=lowest-direct",
        *("--python", str(Path(session.bin) / "python")),
    )
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session(default=False)
def deep(session: nox.Session) -> None:
    """The long sweeps with all their cases: every step, a thousand seeds. Slow."""
    session.install("-e.[cli,websockets]", *group("test"))
    session.run(
        *("pytest", "-m", "sweep", "-o", "faulthandler_timeout=3600", *PARALLEL, *session.posargs),
        env={"TRIO_REALTIME_DEEP": "1"},
    )


@nox.session(default=False, reuse_venv=False)
def build(session: nox.Session) -> None:
    """Build both distributions, check them, run the suite against the wheel."""
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    session.install("build", "twine", "check-wheel-contents", *group("test"))
    session.run("python", "-m", "build")
    (wheel,) = (ROOT / "dist").glob("*.whl")
    session.run("twine", "check", "--strict", *map(str, (ROOT / "dist").iterdir()))
    session.run("check-wheel-contents", str(wheel))
    session.install(f"{wheel}[cli,rest,websockets]")
    # From elsewhere, and not `python -m`: the checkout must stay off sys.path.
    session.chdir(session.create_tmp())
    session.run("pytest", *PARALLEL, "-c", str(ROOT / "pyproject.toml"), str(ROOT / "tests"))


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure us beside openai-python and bare WebSockets. Pass options after `--`."""
    if not session.posargs:  # all that docs/performance.md tells
        session.notify("stages")
    session.install("-e.[cli]", "websockets>=17")
    session.run("python", "-m", "benchmarks", *session.posargs, env=openai_python(session))


@nox.session(default=False)
def stages(session: nox.Session) -> None:
    """Measure where the time of one event goes, and the memory of a connection. Follows `bench`."""
    session.install("-e.[websockets]")
    session.run("python", "-m", "benchmarks.stages", *session.posargs)


@nox.session(default=False)
def drift(session: nox.Session) -> None:
    """Compare our event types with the newest `openai` package. Informational."""
    session.install("-e.[cli,rest,websockets]", "openai", *group("test"))
    session.run("pytest", "-m", "drift", *session.posargs)


@nox.session(default=False)
def live(session: nox.Session) -> None:
    """Talk to the real API. Needs OPENAI_API_KEY; costs money."""
    session.install("-e.[cli,rest,websockets]", *group("test"))
    session.run("pytest", "-m", "live", *session.posargs)


if __name__ == "__main__":
    nox.main()
