"""Fixtures for every test: none of them clever."""

from __future__ import annotations

import sys
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.testing.watch import Watch

pytest_plugins = ["pytester"]

# Above the profile that is in force, which on CI systems takes the chance out. A slow machine is no
# finding.
settings.register_profile("unhurried", parent=settings(), deadline=None)
settings.load_profile("unhurried")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Measure no coverage in long sweeps: what they run is covered by tests of its own, and being
    traced takes them twice as long.
    """
    tracer = sys.gettrace()
    if item.get_closest_marker("sweep") is not None:
        sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test must not depend on the keys and proxies of the machine it runs on."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(autouse=True)
def _faithful() -> Generator[None]:
    """Whatever a simulated server sends in a test must be what a real one could send."""
    watch = Watch()
    with watch.installed():
        yield
    assert watch.errors == []
