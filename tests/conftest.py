"""Fixtures for every test: none of them clever."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.testing.watch import Watch

pytest_plugins = ["pytester"]


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
