"""The public face: what is exported is what exists, once, and documented."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from importlib import resources

import pytest

import trio_realtime
from trio_realtime import errors

MODULES = (
    "trio_realtime",
    "trio_realtime.audio",
    "trio_realtime.beta",
    "trio_realtime.errors",
    "trio_realtime.events",
    "trio_realtime.rest",
    "trio_realtime.testing",
    "trio_realtime.translation",
    "trio_realtime.types",
)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_exports_exactly_what_it_names(name: str) -> None:
    module = importlib.import_module(name)
    exported: list[str] = module.__all__
    assert len(exported) == len(set(exported))
    for public in exported:
        assert getattr(module, public) is not None
    unlisted = {
        public
        for public, value in vars(module).items()
        if not public.startswith("_")
        and not inspect.ismodule(value)
        and f"{getattr(value, '__module__', '')}.".startswith(f"{name}.")
    }
    assert unlisted <= set(exported)


@pytest.mark.parametrize("name", MODULES)
def test_what_is_exported_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    for public in module.__all__:
        value = getattr(module, public)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), public


def test_every_public_coroutine_says_what_happens_when_it_is_cancelled() -> None:
    silent: list[str] = []
    for cls in (
        trio_realtime.BetaConnection,
        trio_realtime.RealtimeConnection,
        trio_realtime.EventStream,
        trio_realtime.Reply,
        trio_realtime.ReplyView,
        trio_realtime.TranscriptStream,
        trio_realtime.TranscriptionConnection,
        trio_realtime.TranslationConnection,
        trio_realtime.TranslationView,
    ):
        for name, method in inspect.getmembers(cls, inspect.iscoroutinefunction):
            if (
                not name.startswith("_")
                and "cancelled" not in (inspect.getdoc(method) or "").lower()
            ):
                silent.append(f"{cls.__name__}.{name}")
    assert silent == []


def test_every_exception_is_at_the_top() -> None:
    exceptions = {
        name
        for name in errors.__all__
        if isinstance(value := getattr(errors, name), type) and issubclass(value, Exception)
    }
    assert exceptions <= set(trio_realtime.__all__)


def test_the_package_says_that_it_is_typed() -> None:
    assert resources.files("trio_realtime").joinpath("py.typed").is_file()


def test_importing_loads_neither_a_websocket_library_nor_what_only_some_programs_use() -> None:
    program = (
        "import sys; from trio_realtime import open_realtime, events; events.ResponseDone;"
        "print(*sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    unused = {
        "anyio", "httpcore2", "httpx2", "trio_realtime.rest",
        "asyncio", "email", "h11", "http", "importlib.metadata", "rich",
        "trio_realtime._core.cassette", "trio_realtime._core.matching",
        "trio_realtime._core.simulator", "trio_realtime._transport._client", "trio_realtime.beta",
        "trio_realtime.cli", "trio_realtime.testing",
        "trio_realtime.translation", "trio_websocket", "typer", "unittest", "urllib.request",
        "websockets", "wsproto", "yaml",
    }  # fmt: skip
    assert unused & set(run.stdout.split()) == set()
