"""The evidence table: nothing in it that the simulated server does not do, nothing left out."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Awaitable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, get_args

import pytest

from tests.core.scenarios import SCENARIOS, Outcome
from trio_realtime import beta, translation
from trio_realtime._core import simulator
from trio_realtime._core.simulator import RefusedError
from trio_realtime._core.simulator._beta import BETA_PARAMETERS
from trio_realtime._core.simulator._evidence import NEVER_SENT, SECTIONS, TABLE
from trio_realtime._core.simulator._evidence_row import KINDS, Evidence, Row
from trio_realtime._core.simulator._frames import CLIENT_EVENTS, TRANSLATION_PARAMETERS
from trio_realtime.events import InvalidEvent, ServerEvent, UnknownEvent
from trio_realtime.testing import SimulatedServerOptions, SimulatedSession

BY_ID = {row.id: row for row in TABLE}


async def outcome(row_id: str) -> Outcome:
    came_out = SCENARIOS[row_id]()
    return await came_out if isinstance(came_out, Awaitable) else came_out


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
async def test_what_a_row_says_comes_out(row: Row, autojump_clock: object) -> None:
    assert await outcome(row.id) == row.outcome


def test_each_row_has_a_scenario_and_each_scenario_a_row() -> None:
    assert set(SCENARIOS) == set(BY_ID)
    assert len(BY_ID) == len(TABLE)  # ids are unique
    assert all(SECTIONS.values())


GOOD: dict[str, Any] = {
    "id": "commit",
    "cause": "input_audio_buffer.commit",
    "when": "with audio",
    "outcome": ("input_audio_buffer.committed", "error(some_code)", "close(1001)"),
    "evidence": "measured",
    "source": "a third party",
    "link": "https://example.com/1",
}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"evidence": None}, "no kind of evidence"),
        ({"evidence": ""}, "no kind of evidence"),
        ({"evidence": "somebody said so"}, "no kind of evidence"),
        ({"source": ""}, "source is empty"),
        ({"source": " "}, "source is empty"),
        ({"when": ""}, "when is empty"),
        ({"cause": ""}, "cause is empty"),
        ({"id": "Commit it"}, "words joined by hyphens"),
        ({"outcome": ()}, "no outcome"),
        ({"outcome": ("Committed!",)}, "no outcome"),
        ({"link": "http://localhost/notes"}, "no public address"),
    ],
)
def test_there_is_no_row_without_evidence(change: dict[str, Any], complaint: str) -> None:
    Row(**GOOD)
    with pytest.raises(ValueError, match=complaint):
        Row(**{**GOOD, **change})
    with pytest.raises(TypeError, match="evidence"):
        Row(**{name: value for name, value in GOOD.items() if name != "evidence"})


def test_every_kind_of_evidence_is_explained_and_used() -> None:
    assert set(KINDS) == set(get_args(Evidence)) == {row.evidence for row in TABLE}


def test_every_client_event_has_rows() -> None:
    assert {*CLIENT_EVENTS, *TRANSLATION_PARAMETERS, *BETA_PARAMETERS} <= {
        row.cause for row in TABLE
    }


def server_events() -> set[str]:
    unions = (ServerEvent, translation.ServerEvent, beta.ServerEvent)
    every = {member for union in unions for member in get_args(union)}
    members = every - {UnknownEvent, InvalidEvent}
    return {str(each.model_fields["type"].default) for each in members}


def test_every_server_event_is_in_a_row_or_said_never_to_be_sent() -> None:
    sent = {step.partition("(")[0] for row in TABLE for step in row.outcome}
    assert sent - {"nothing", "close", "http"} == server_events() - set(NEVER_SENT)
    assert set(NEVER_SENT) <= server_events()
    assert all(NEVER_SENT.values())


# How fast, how long, by which sounds and which chance: these change no outcome. Who watches and
# what is done to the network is no server's.
WITHOUT_ROWS = {
    *("tokens_per_second", "audio_speed", "latency", "session_seconds"),
    *("voice", "translate", "seed", "watch", "faults"),
}


def test_every_variant_has_a_row() -> None:
    arguments = set(SimulatedServerOptions.__annotations__)
    assert {row.variant for row in TABLE if row.variant} == arguments - WITHOUT_ROWS


def test_every_driver_has_a_row() -> None:
    methods = {
        name
        for name, member in inspect.getmembers(SimulatedSession, inspect.isfunction)
        if not name.startswith("_") and not inspect.iscoroutinefunction(member)
    }
    assert methods - {"push", "send_raw"} == {name for row in TABLE for name in row.drivers}


# --- no refusal without a row

PACKAGE = Path(simulator.__file__).parent
SOURCES = {
    str(path): ast.parse(path.read_text("utf-8"))
    for path in PACKAGE.glob("*.py")
    if path.name != "_scripted.py"  # what a script must not do: told to its author, not to clients
}


def makers() -> set[str]:
    """What makes a refusal: the error itself, and the functions that write one."""
    functions = (
        node
        for node in SOURCES[str(PACKAGE / "_errors.py")].body
        if isinstance(node, ast.FunctionDef)
    )
    return {"RefusedError"} | {
        function.name
        for function in functions
        if isinstance(function.returns, ast.Name) and function.returns.id == "RefusedError"
    }


def refusals() -> Iterator[tuple[str, int, int]]:
    """Where the simulator makes refusals: file, first and last line of the call."""
    names = makers()
    for path, tree in SOURCES.items():
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in names
            ):
                yield path, node.lineno, node.end_lineno or node.lineno


async def test_every_refusal_in_the_source_is_brought_about_by_a_row(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: object
) -> None:
    made: set[tuple[str, int]] = set()
    original = RefusedError.__init__

    def recording(self: RefusedError, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            made.add((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back

    monkeypatch.setattr(RefusedError, "__init__", recording)
    for row in TABLE:
        await outcome(row.id)
    sites = set(refusals())
    assert len(sites) > len(makers()) > 10
    missed = [
        f"{Path(path).name}:{first}"
        for path, first, last in sorted(sites)
        if not any((path, line) in made for line in range(first, last + 1))
    ]
    assert missed == []
