"""Fixtures for every test, and the WebSocket libraries that tests with a client run on."""

from __future__ import annotations

import inspect
import signal
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from tests import effort
from tests.testing.watch import Watch
from trio_realtime import open_realtime
from trio_realtime._transport import open_transport

pytest_plugins = ["pytester"]

# Above the profile that is in force, which on CI systems takes the chance out. A slow machine is no
# finding.
settings.register_profile("unhurried", parent=settings(), deadline=None)
settings.load_profile("unhurried")

CLIENTS: Final = {"leaving", "network", "responding", "shell", "testing"}
"""Where a client of ours is in the tests: they run once on each library, unless they are marked."""

DEFAULT: Final = "trio-websocket"
LIBRARIES: Final = (DEFAULT, "websockets")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each WebSocket library."""
    test = metafunc.definition
    folder = test.path.relative_to(Path(__file__).parent).parts[0]
    if folder in CLIENTS and test.get_closest_marker("one_library") is None:
        metafunc.parametrize("websocket_library", LIBRARIES, indirect=True)


def is_measured(item: pytest.Item) -> bool:
    """Whether coverage looks at a test: being traced takes twice as long.

    What long sweeps run is covered by tests of their own, and what is the other library's alone by
    tests that are marked `one_library`.
    """
    callspec: object = getattr(item, "callspec", None)
    parameters: dict[str, object] = getattr(callspec, "params", {})
    library = parameters.get("websocket_library", DEFAULT)
    return item.get_closest_marker("sweep") is None and library == DEFAULT


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Stop measuring coverage for a test that is not looked at."""
    tracer = sys.gettrace()
    if not is_measured(item):
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


@pytest.fixture(autouse=True)
def websocket_library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The library that connections of ours use in this test."""
    library: str = getattr(request, "param", DEFAULT)
    if library != DEFAULT:
        pytest.importorskip(library, reason=f"{library} is not installed")
        monkeypatch.setattr(effort, "share", 2)
        for function, name in ((open_realtime, "transport"), (open_transport, "library")):
            monkeypatch.setitem(inspect.unwrap(function).__kwdefaults__, name, library)
    return library


@pytest.fixture
def ctrl_c_is_heard() -> Generator[None]:
    """Undo what a shell does to a job in the background: there SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test must not depend on the keys and proxies of the machine it runs on."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    # What a test starts is not measured: it would be slow, and may be ended by force.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@pytest.fixture(autouse=True)
def _faithful() -> Generator[None]:
    """Whatever a simulated server sends in a test must be what a real one could send."""
    watch = Watch()
    with watch.installed():
        yield
    assert watch.errors == []
