"""Every error that the real GA server is known to send can be had from the simulated one."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import pytest
import trio
import trio.testing
import trio_websocket
from pydantic import JsonValue

from tests.core.simulated import at
from tests.testing.presence import loaded
from tests.testing.raw import RawClient, raw_client
from trio_realtime.testing import CallTool, Fail, Say, SimulatedServer

pytestmark = pytest.mark.one_library

Producing: TypeAlias = Callable[[SimulatedServer, RawClient], Awaitable[JsonValue]]
"""Brings an error about, and returns it as it came over the wire."""

KEY: Final = "sk-proj-abcdefghijklmnop1234"


async def error(client: RawClient) -> JsonValue:
    return (await client.until("error"))["error"]


async def two_responses(_: SimulatedServer, client: RawClient) -> JsonValue:
    await client.send("response.create")
    await client.send("response.create")
    return await error(client)


def sent(kind: str, **fields: JsonValue) -> Producing:
    """An event that is refused as it is."""

    async def produce(_: SimulatedServer, client: RawClient) -> JsonValue:
        await client.send(kind, **fields)
        return await error(client)

    return produce


def updated(**session: JsonValue) -> Producing:
    return sent("session.update", session={"type": "realtime", **session})


async def without_type(_: SimulatedServer, client: RawClient) -> JsonValue:
    await client.ws.send_message("{}")
    return await error(client)


async def spoken(client: RawClient) -> JsonValue:
    """Let the model speak; returns the item's id."""
    await client.send("response.create")
    return at(await client.until("response.done"), "response", "output", 0, "id")


async def truncated_beyond_end(_: SimulatedServer, client: RawClient) -> JsonValue:
    item_id = await spoken(client)
    await client.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10**6
    )
    return await error(client)


async def truncated_text(server: SimulatedServer, client: RawClient) -> JsonValue:
    await client.say("Hello")
    item_id = at(await client.until("conversation.item.done"), "item", "id")
    await client.send(
        "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=0
    )
    return await error(client)


async def another_voice(_: SimulatedServer, client: RawClient) -> JsonValue:
    await spoken(client)
    update: JsonValue = {"type": "realtime", "audio": {"output": {"voice": "cedar"}}}
    await client.send("session.update", session=update)
    return await error(client)


async def expired(server: SimulatedServer, client: RawClient) -> JsonValue:
    server.sessions[0].expire()
    return await error(client)


async def no_credits(server: SimulatedServer, client: RawClient) -> JsonValue:
    server.sessions[0].fail("credit_balance_exhausted", "You have no credits remaining.")
    return await error(client)


async def server_error(server: SimulatedServer, client: RawClient) -> JsonValue:
    session = server.sessions[0]
    session.refuse_next("response.create", None, "Sorry about that!", error_type="server_error")
    await client.send("response.create")
    return await error(client)


def failed_response(server: SimulatedServer, client: RawClient) -> Awaitable[JsonValue]:
    async def produce() -> JsonValue:
        await client.send("response.create")
        done = await client.until("response.done")
        return at(done, "response", "status_details", "error")

    return produce()


def failed_transcription(code: str | None, kind: str = "server_error") -> Producing:
    async def produce(server: SimulatedServer, client: RawClient) -> JsonValue:
        transcription: JsonValue = {"model": "gpt-4o-transcribe"}
        update: JsonValue = {
            "type": "realtime",
            "audio": {"input": {"transcription": transcription}},
        }
        await client.send("session.update", session=update)
        await client.until("session.updated")
        server.sessions[0].transcription_fails(code, type=kind)
        server.sessions[0].hears("mumble")
        failed = await client.until("conversation.item.input_audio_transcription.failed")
        return failed["error"]

    return produce


TRANSCRIPTION: Final = "conversation.item.input_audio_transcription.failed"

# By where it is said and its code: how it comes about.
BY_BEHAVIOUR: Final[Mapping[tuple[str, str | None], Producing]] = {
    ("error", "conversation_already_has_active_response"): two_responses,
    ("error", "response_cancel_not_active"): sent("response.cancel"),
    ("error", "input_audio_buffer_commit_empty"): sent("input_audio_buffer.commit"),
    ("error", "session_expired"): expired,
    ("error", "missing_required_parameter"): sent("session.update", session={}),
    ("error", "unknown_parameter"): updated(tools=[{"type": "function", "name": "f", "meta": {}}]),
    ("error", "invalid_value"): sent("scooby.dooby.doo"),
    ("error", "unsupported_content_type"): truncated_text,
    ("error", "item_truncate_invalid_item_id"): sent(
        "conversation.item.truncate", item_id="x", content_index=0, audio_end_ms=0
    ),
    ("error", "item_delete_invalid_item_id"): sent("conversation.item.delete", item_id="x"),
    ("error", "item_retrieve_invalid_item_id"): sent("conversation.item.retrieve", item_id="x"),
    ("error", "cannot_update_voice"): another_voice,
    ("error", "invalid_function_parameters"): updated(
        tools=[{"type": "function", "name": "f", "parameters": {"type": "None"}}]
    ),
    ("error", "invalid_event"): without_type,
    ("error", "credit_balance_exhausted"): no_credits,
    ("error", None): server_error,
    ("response.done", "rate_limit_exceeded"): failed_response,
    ("response.done", "inference_rate_limit_exceeded"): failed_response,
    ("response.done", "insufficient_quota"): failed_response,
    (TRANSCRIPTION, None): failed_transcription(None),
    (TRANSCRIPTION, "DeploymentNotFound"): failed_transcription("DeploymentNotFound"),
    (TRANSCRIPTION, "model_not_found"): failed_transcription("model_not_found"),
    (TRANSCRIPTION, "audio_unintelligible"): failed_transcription(
        "audio_unintelligible", "transcription_error"
    ),
}

# Refused at the door: the code, the close code, and what the client asked for.
AT_THE_DOOR: Final = {
    "invalid_api_key": (3000, "/v1/realtime?model=gpt-realtime", (("Authorization", "Bearer x"),)),
    "beta_api_shape_disabled": (
        4000,
        "/v1/realtime?model=gpt-realtime",
        (("Authorization", f"Bearer {KEY}"), ("OpenAI-Beta", "realtime=v1")),
    ),
    "missing_model": (4000, "/v1/realtime", (("Authorization", f"Bearer {KEY}"),)),
    "invalid_model": (
        4000,
        "/v1/realtime?model=gpt-live-9",
        (("Authorization", f"Bearer {KEY}"),),
    ),
}

# Of another API: the Live API's, which the simulated server does not play.
ELSEWHERE: Final = {"response_input_buffer_full"}

STATUSES: Final = (400, 401, 403, 404, 405, 500)


@pytest.mark.parametrize(("where", "code"), BY_BEHAVIOUR)
async def test_an_error_can_be_brought_about(
    where: str, code: str | None, autojump_clock: trio.testing.MockClock
) -> None:
    answer = Fail(code) if where == "response.done" else Say("Hello")
    async with SimulatedServer(answer) as server:
        async with raw_client(server) as client:
            await client.until("session.created")
            with trio.fail_after(60):
                told = await BY_BEHAVIOUR[where, code](server, client)
    assert at(told, "code") == code


async def test_a_truncation_beyond_the_end_says_how_long_it_is(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer("Hello") as server, raw_client(server) as client:
        with trio.fail_after(60):
            told = await truncated_beyond_end(server, client)
    assert at(told, "message") == "Audio content of 300ms is already shorter than 1000000ms"


async def test_the_output_of_an_unknown_call_names_no_event(
    autojump_clock: trio.testing.MockClock,
) -> None:  # race: tool-output-late
    async with SimulatedServer(CallTool("f")) as server, raw_client(server) as client:
        item: JsonValue = {"type": "function_call_output", "call_id": "call_x", "output": ""}
        await client.send("conversation.item.create", item=item, event_id="event_1")
        with trio.fail_after(60):
            told = await error(client)
    assert (at(told, "code"), at(told, "event_id")) == ("invalid_tool_call_id", None)


@pytest.mark.parametrize("code", AT_THE_DOOR)
async def test_a_client_is_refused_after_the_upgrade(
    code: str, autojump_clock: trio.testing.MockClock
) -> None:
    close_code, resource, headers = AT_THE_DOOR[code]
    async with SimulatedServer(api_key=KEY, models=["gpt-realtime"]) as server:
        async with raw_client(server, resource, headers=headers) as client:
            with trio.fail_after(60):
                assert at(await error(client), "code") == code
                reason = await client.to_the_end()
    assert (reason.code, reason.reason) == (close_code, f"invalid_request_error.{code}")


@pytest.mark.parametrize("status", STATUSES)
async def test_an_upgrade_can_be_answered_with_a_status(
    status: int, autojump_clock: trio.testing.MockClock
) -> None:
    async with SimulatedServer() as server:
        server.refuse_connection(status)
        with pytest.RaisesGroup(
            trio_websocket.ConnectionRejected, flatten_subgroups=True
        ) as caught:
            await raw_client(server).__aenter__()
        (rejected,) = caught.value.exceptions
        assert isinstance(rejected, trio_websocket.ConnectionRejected)
        assert rejected.status_code == status


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "over"), (1011, "sorry")])
async def test_a_session_can_be_closed_with_any_code(
    code: int, reason: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with SimulatedServer() as server, raw_client(server) as client:
        server.sessions[0].close(code, reason)
        with trio.fail_after(60):
            closed = await client.to_the_end()
    assert (closed.code, closed.reason or "") == (code, reason)


def catalogued() -> list[tuple[str, str | None]]:
    """Where and with which code the catalogue has errors of the GA server."""
    errors = loaded("error_codes.json").get("errors", [])
    assert isinstance(errors, list)
    found: list[tuple[str, str | None]] = []
    for entry in errors:
        assert isinstance(entry, dict)
        if entry["dialect"] == "beta":
            continue
        where = str(entry["where"])
        place = next((each for each in ("response.done", TRANSCRIPTION) if each in where), "error")
        place = "error" if where.startswith("error") else place
        # Notes in brackets, and alternatives.
        codes = re.sub(r"\(.*?\)", "", str(entry.get("code", ""))).split("/")
        found += [(place, code.strip() or None) for code in codes]
    return found


def test_the_catalogue_is_whole() -> None:
    known = {*BY_BEHAVIOUR, *(("error", code) for code in (*AT_THE_DOOR, *ELSEWHERE))}
    assert set(catalogued()) - known == set()
    handshakes = loaded("error_codes.json").get("handshake", [])
    assert isinstance(handshakes, list)
    assert {str(at(each, "status")) for each in handshakes} <= {*map(str, (101, *STATUSES))}
