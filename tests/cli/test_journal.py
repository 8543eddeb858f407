"""What people see of what passes: events in a few words, sessions, and runs of pieces as one."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from pydantic import JsonValue

from trio_realtime.cli import _journal
from trio_realtime.cli._journal import Journal, Line
from trio_realtime.cli._summary import WORDS_MAX, Summary, summary_from_message
from trio_realtime.testing import ClientHandshake, Sighting

HANDSHAKE = ClientHandshake("/v1/realtime", "model=gpt-any")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"type": "session.created", "session": {"model": "gpt-any"}}, "gpt-any"),
        ({"type": "session.update", "session": {"output_modalities": ["text"]}}, "text"),
        ({"type": "error", "error": {"code": "c", "message": "m", "param": None}}, "c m"),
        ({"type": "response.create"}, ""),
        ({"type": "response.create", "response": {"conversation": "none"}}, "none"),
        (
            {
                "type": "response.done",
                "response": {
                    "status": "cancelled",
                    "status_details": {"reason": "turn_detected"},
                    "usage": {"total_tokens": 12},
                },
            },
            "cancelled turn_detected 12",
        ),
        (
            {
                "type": "conversation.item.added",
                "item": {
                    "type": "message",
                    "role": "user",
                    "content": [{"text": "one"}, {"transcript": "two"}, {"audio": "AAAA"}, None],
                },
            },
            "message user one two",
        ),
        (
            {"type": "x", "item": {"type": "function_call", "name": "f", "arguments": "{}"}},
            "function_call f {}",
        ),
        ({"type": "input_audio_buffer.speech_started", "audio_start_ms": 120}, "120"),
        ({"type": "session.update", "session": {"tracing": True, "model": False}}, ""),
        ({"type": "session.update", "session": "odd"}, ""),
    ],
)
def test_an_event_is_summed_up_by_what_it_says(frame: JsonValue, words: str) -> None:
    assert isinstance(frame, dict)
    summary = summary_from_message(json.dumps(frame))
    assert (summary.title, summary.words) == (frame["type"], words)
    assert not summary.is_piece


def test_pieces_are_known_as_pieces_and_audio_by_its_size() -> None:
    text = {"type": "response.output_text.delta", "delta": " two", "item_id": "item_1"}
    assert summary_from_message(json.dumps(text)) == Summary(
        str(text["type"]), " two", is_piece=True
    )
    for kind, name in (
        ("input_audio_buffer.append", "audio"),
        ("response.output_audio.delta", "delta"),
    ):
        said = summary_from_message(json.dumps({"type": kind, name: "A" * 400}))
        assert said == Summary(kind, audio_bytes=300, is_piece=True)
        assert summary_from_message(json.dumps({"type": kind})) == Summary(kind, is_piece=True)


@pytest.mark.parametrize(
    ("data", "summary"),
    [
        (b"\x00" * 1234, Summary("(binary)", "1,234 bytes")),
        ("{broken", Summary("(not JSON)", "{broken")),
        ("[" * 100_000, Summary("(not JSON)", "[" * (WORDS_MAX - 3) + "...")),
        ('"text"', Summary("(no event)", '"text"')),
        ('{"type": 4}', Summary("(no event)", '{"type": 4}')),
        ("x" * 301, Summary("(not JSON)", "x" * 297 + "...")),
    ],
)
def test_what_is_no_event_is_called_so(data: str | bytes, summary: Summary) -> None:
    assert summary_from_message(data) == summary


def test_credentials_are_not_summed_up() -> None:
    tool = {"type": "mcp", "authorization": "canary", "headers": {"x": "canary"}}
    frame = {"type": "session.update", "session": {"tools": [tool], "client_secret": "canary"}}
    assert "canary" not in repr(summary_from_message(json.dumps(frame)))


class Wire:
    """A journal, and what is told it."""

    def __init__(self) -> None:
        self.finished: list[str] = []
        self.journal: Journal = Journal(100.0, lambda line: self.finished.append(shown(line)))
        self.now: float = 100.0

    def see(
        self,
        kind: Literal["opened", "received", "sent", "closed", "answered"],
        data: str = "",
        *,
        connection: int = 1,
    ) -> None:
        self.now += 1
        self.journal.see(Sighting(kind, self.now, connection, HANDSHAKE, data))

    def event(
        self,
        kind: Literal["received", "sent"],
        title: str,
        *,
        connection: int = 1,
        **fields: JsonValue,
    ) -> None:
        self.see(kind, json.dumps({"type": title, **fields}), connection=connection)

    @property
    def lines(self) -> list[str]:
        return [shown(line) for line in self.journal.lines]


def shown(line: Line) -> str:
    return " ".join(str(line).split())


def test_a_session_is_a_row_from_its_begin_to_its_end() -> None:
    wire = Wire()
    wire.see("opened")
    row = wire.journal.rows[1]
    assert (row.since, row.model, row.path, row.id) == (1.0, "gpt-any", "/v1/realtime", "")
    wire.event("sent", "session.created", session={"id": "sess_1"})
    wire.event("received", "session.update", session={"id": "sess_mine"})
    wire.event("sent", "session.updated")
    assert (row.id, row.sent, row.received, row.last) == ("sess_1", 2, 1, "session.updated")
    was_open = row.is_open
    wire.see("closed", "1000 by the client")
    assert (was_open, row.is_open, row.state) == (True, False, "1000 by the client")
    assert wire.lines == wire.finished
    assert wire.lines[0] == "1.000 #1 - opened gpt-any"
    assert wire.lines[-1] == "5.000 #1 - closed 1000 by the client"


def test_a_session_without_a_model_is_called_by_its_kind() -> None:
    journal = Journal(0.0)
    handshake = ClientHandshake("/v1/realtime", "intent=transcription")
    journal.see(Sighting("opened", 0.0, 1, handshake))
    assert journal.rows[1].model == "transcription"


def test_pieces_of_one_whole_are_one_line_until_something_else_comes() -> None:
    wire = Wire()
    for words in ("You", " said", ": Hi"):
        wire.event("sent", "response.output_audio_transcript.delta", delta=words)
        wire.event("sent", "response.output_audio.delta", delta="A" * 4000)
    wire.event("sent", "response.output_text.delta", delta="other", connection=2)
    assert wire.lines == [
        "1.000 #1 > response.output_audio_transcript.delta You said: Hi in 3 pieces",
        "2.000 #1 > response.output_audio.delta 9,000 bytes in 3 pieces",
        "7.000 #2 > response.output_text.delta other",
    ]
    assert wire.finished == []
    wire.event("sent", "response.done", response={"status": "completed"})
    assert wire.finished == [*wire.lines[:2], "8.000 #1 > response.done completed"]
    wire.event("sent", "response.output_audio.delta", delta="AAAA")
    assert wire.lines[-1] == "9.000 #1 > response.output_audio.delta 3 bytes"
    assert len(wire.finished) == 3
    wire.journal.finish()
    assert sorted(wire.finished[3:]) == [wire.lines[2], wire.lines[-1]]


def test_a_long_run_keeps_its_first_words() -> None:
    wire = Wire()
    for _ in range(200):
        wire.event("sent", "response.output_text.delta", delta="abc")
    (line,) = wire.journal.lines
    assert line.words == "abc" * 100
    assert line.said.endswith("in 200 pieces")


def test_answers_over_http_and_notes_belong_to_no_session() -> None:
    wire = Wire()
    wire.see("answered", "POST /v1/realtime/client_secrets 200", connection=0)
    wire.journal.note(102.5, "replies.py:3: LookupError")
    assert wire.finished == [
        "1.000 - answered POST /v1/realtime/client_secrets 200",
        "2.500 ! replies.py:3: LookupError",
    ]
    assert wire.journal.rows == {}
    assert wire.journal.changes == 2


def test_only_the_newest_sessions_and_lines_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_journal, "SESSIONS_MAX", 2)
    wire = Wire()
    for number in range(1, 4):
        wire.see("opened", connection=number)
    assert list(wire.journal.rows) == [2, 3]
    wire.event("sent", "session.created")
    wire.see("closed", "1000 by the client")
    assert list(wire.journal.rows) == [2, 3]
    for _ in range(_journal.LINES_MAX):
        wire.event("sent", "pong")
    assert len(wire.journal.lines) == _journal.LINES_MAX
