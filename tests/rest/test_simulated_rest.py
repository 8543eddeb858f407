"""The simulated server over HTTP: who is let in, what is there, and forms of any shape."""

from __future__ import annotations

import dataclasses
import json
from typing import Final

import pytest
import trio
from pydantic import JsonValue
from trio.testing import MockClock

from tests.core.scenarios.calls import OFFER, SESSION, TRANSLATION
from tests.core.simulated import at
from tests.rest.servers import KEY
from tests.testing.test_client_secrets import ask
from trio_realtime import AuthenticationError, ConnectError, RestError, open_realtime
from trio_realtime._core.simulator import _calls
from trio_realtime.rest import RestClient
from trio_realtime.testing import SimulatedServer
from trio_realtime.testing._rest import form_from_body

PATHS: Final = (
    "calls",
    "calls/rtc_1/accept",
    "calls/rtc_1/reject",
    "calls/rtc_1/refer",
    "calls/rtc_1/hangup",
    TRANSLATION,
    "sessions",
    "transcription_sessions",
)


@pytest.mark.parametrize("path", PATHS)
async def test_who_shows_no_good_key_is_refused_whatever_is_asked(path: str) -> None:
    async with SimulatedServer(api_key=KEY) as server:
        status, _, answer = await ask(server, path=f"/v1/realtime/{path}")
    assert (status, at(answer, "error", "code")) == (401, "invalid_api_key")


@pytest.mark.parametrize("path", PATHS)
async def test_everything_is_posted(path: str) -> None:
    async with SimulatedServer() as server:
        status, headers, _ = await ask(server, method="GET", path=f"/v1/realtime/{path}")
    assert (status, headers["allow"]) == (405, "post")


@pytest.mark.parametrize("path", ["colours", "calls/rtc_1", "calls/rtc_1/sing", "calls/a/b/hangup"])
async def test_what_is_not_there_is_not_found(path: str) -> None:
    async with SimulatedServer() as server:
        status, _, _ = await ask(server, path=f"/v1/realtime/{path}")
    assert status == 404


async def test_an_ephemeral_key_makes_calls_and_nothing_else(autojump_clock: MockClock) -> None:
    async with SimulatedServer(api_key=KEY) as server:
        key = server.create_client_secret(SESSION, seconds=60)
        endpoint = dataclasses.replace(server.endpoint, api_key=key)
        async with RestClient(endpoint) as browser:
            call = await browser.calls.create(OFFER)
            assert call.call_id is not None
            for asking in (
                browser.client_secrets.create(),
                browser.calls.hangup(call.call_id),
                browser.beta.sessions.create(),
            ):
                with pytest.raises(AuthenticationError):
                    await asking
            # It attaches to the call as well, until it expires.
            async with open_realtime(call_id=call.call_id, endpoint=endpoint):
                pass
            await trio.sleep(61)
            with pytest.raises(AuthenticationError):
                await browser.calls.create(OFFER)
        with pytest.raises(AuthenticationError):
            async with open_realtime(
                call_id=call.call_id,
                endpoint=endpoint,
                session={"instructions": "Let me in."},
            ):
                pass


async def test_who_shows_no_good_key_attaches_to_nothing(autojump_clock: MockClock) -> None:
    async with SimulatedServer(api_key=KEY) as server:
        call = server.create_call({"type": "realtime", "instructions": "Secret."})
        endpoint = dataclasses.replace(server.endpoint, api_key="sk-another-key-01234")
        with pytest.raises(AuthenticationError):
            async with open_realtime(
                call_id=call.id, endpoint=endpoint, session={"output_modalities": ["text"]}
            ):
                pass
        assert server.sessions[0].session["instructions"] != "Secret."


async def test_a_key_for_translation_opens_no_conversation_and_the_other_way_round(
    autojump_clock: MockClock,
) -> None:
    async with SimulatedServer(api_key=KEY) as server:
        async with RestClient(server.endpoint) as rest:
            secret = await rest.translations.client_secrets.create({"model": "m"})
        endpoint = dataclasses.replace(server.endpoint, api_key=secret.value)
        with pytest.raises(ConnectError, match="refused the key"):
            async with open_realtime("m", endpoint=endpoint):
                pass


async def test_a_call_without_a_session_is_for_the_model_of_the_query() -> None:
    async with SimulatedServer() as server, RestClient(server.endpoint) as rest:
        await rest.calls.create(OFFER)
        stream = await server.connect()
        head = "POST /v1/realtime/calls?model=m HTTP/1.1\r\nHost: localhost"
        head += f"\r\nContent-Length: {len(OFFER)}"
        await stream.send_all(f"{head}\r\n\r\n{OFFER}".encode())
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 201 Created\r\n")
        assert [call.config for call in server.calls] == [
            {"type": "realtime"},
            {"type": "realtime", "model": "m"},
        ]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("application/sdp", b"", "missing_required_parameter"),
        ("multipart/form-data; boundary=x", b"--x--", "missing_required_parameter"),
        ("multipart/form-data", b"--x--", "invalid_offer"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="sdp"\r\n\r\nv=0\r\n--x--',
            "invalid_offer",
        ),
    ],
)
async def test_an_offer_that_is_not_there_is_missed(kind: str, body: bytes, code: str) -> None:
    async with SimulatedServer() as server:
        status, _, answer = await ask(
            server, body, path="/v1/realtime/calls", headers=(f"Content-Type: {kind}",)
        )
    assert (status, at(answer, "error", "code")) == (400, code)


async def test_a_session_that_does_not_fit_makes_no_call() -> None:
    async with SimulatedServer() as server, RestClient(server.endpoint) as rest:
        for session in ({"speed": 1}, {"model": 7}, {"type": "poem"}):
            with pytest.raises(RestError):
                await rest.calls.create(OFFER, session)
        assert server.calls == []


async def test_a_body_that_is_no_json_does_nothing_to_a_call() -> None:
    async with SimulatedServer() as server:
        call = server.ring()
        for body in (b"{", b"[1]", b"7", b'{"colour": 1}', b'{"status_code": 200}'):
            status, _, _ = await ask(server, body, path=f"/v1/realtime/calls/{call.id}/reject")
            assert status == 400
        assert call.state == "ringing"


def test_parts_of_a_form_are_found_by_their_names() -> None:
    body = (
        b'--a b\r\nContent-Disposition: form-data; filename=x; name="sdp"\r\n\r\nv=0\r\n\r\n'
        b"--a b\r\nX: y\r\n\r\nnobody's\r\n"
        b"--a b--\r\n"
    )
    assert form_from_body('Multipart/Form-Data; boundary="a b"', body) == {"sdp": b"v=0\r\n"}
    assert form_from_body("application/sdp", body) is None


async def test_calls_are_looked_at_and_made_by_a_test() -> None:
    async with SimulatedServer(seed=1) as server:
        ringing = server.ring()
        assert ringing.id.startswith("rtc_u0_")
        active = server.create_call({"type": "realtime", "model": "m"}, call_id="rtc_mine")
        assert active.config == {"type": "realtime", "model": "m"}
        assert server.calls == [ringing, active]
        assert repr(active) == "SimulatedCall('rtc_mine', state='active')"
        with pytest.raises(ValueError, match="there is a call 'rtc_mine' already"):
            server.ring("rtc_mine")
        with pytest.raises(ValueError, match="there is a call 'rtc_mine' already"):
            server.create_call(call_id="rtc_mine")
        with pytest.raises(ValueError, match="Missing required parameter"):
            server.create_call({})


async def test_only_so_many_calls_are_remembered(  # promise 7
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_calls, "CALLS_MAX", 2)
    async with SimulatedServer() as server:
        first, second, third = server.ring(), server.ring(), server.ring()
        assert server.calls == [second, third]
        assert first.state == "ringing"


async def test_the_end_of_a_call_ends_only_its_own_sessions(autojump_clock: MockClock) -> None:
    async with SimulatedServer() as server:
        one, other = server.create_call(), server.create_call()
        async with (
            open_realtime("m", endpoint=server.endpoint) as apart,
            open_realtime(call_id=one.id, endpoint=server.endpoint) as attached,
            open_realtime(call_id=other.id, endpoint=server.endpoint) as elsewhere,
        ):
            one.hang_up()
            await attached.wait_closed()
            assert (apart.close_info, elsewhere.close_info) == (None, None)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, {"modalities": ["audio", "text"], "max_response_output_tokens": "inf"}),
        (
            {"modalities": ["text"], "temperature": 0.6},
            {"modalities": ["text"], "temperature": 0.6},
        ),
        ({"max_response_output_tokens": 7}, {"max_response_output_tokens": 7}),
        ({"turn_detection": None, "voice": "sage"}, {"turn_detection": None, "voice": "sage"}),
        (
            {"input_audio_format": None, "output_audio_format": "g711_ulaw"},
            {"input_audio_format": "pcm16", "output_audio_format": "g711_ulaw"},
        ),
        ({"tools": [], "include": None, "tracing": "auto"}, {"tools": [], "tracing": "auto"}),
    ],
)
async def test_a_session_of_the_beta_is_told_as_it_was_asked_for(
    asked: dict[str, JsonValue], told: dict[str, JsonValue]
) -> None:
    async with SimulatedServer() as server:
        status, _, answer = await ask(
            server, json.dumps(asked).encode(), path="/v1/realtime/sessions"
        )
    assert status == 200
    assert isinstance(answer, dict)
    assert {name: answer[name] for name in told} == told


@pytest.mark.parametrize(
    ("path", "asked", "param"),
    [
        ("sessions", {"temperature": 2}, "temperature"),
        ("sessions", {"modalities": ["smell"]}, "modalities[0]"),
        ("sessions", {"client_secret": {"expires_after": {"seconds": 1}}}, None),
        ("transcription_sessions", {"voice": "sage"}, "voice"),
        ("transcription_sessions", {"input_audio_format": "mp3"}, "input_audio_format"),
    ],
)
async def test_a_session_of_the_beta_that_cannot_be_is_refused(
    path: str, asked: dict[str, JsonValue], param: str | None
) -> None:
    async with SimulatedServer() as server:
        status, _, answer = await ask(
            server, json.dumps(asked).encode(), path=f"/v1/realtime/{path}"
        )
    assert status == 400
    assert at(answer, "error", "param") == (param or "client_secret.expires_after.seconds")


@pytest.mark.parametrize(("seconds", "good"), [(59, True), (61, False)])
async def test_a_key_of_the_beta_opens_sessions_for_a_minute(
    seconds: float, good: bool, autojump_clock: MockClock
) -> None:
    async with SimulatedServer(api_key=KEY) as server:
        async with RestClient(server.endpoint) as rest:
            session = await rest.beta.sessions.create({"instructions": "Sing."})
        assert session.client_secret is not None
        key = session.client_secret.value
        assert key is not None
        await trio.sleep(seconds)
        endpoint = dataclasses.replace(server.endpoint, api_key=key)
        if not good:
            with pytest.raises(AuthenticationError):
                async with open_realtime(endpoint=endpoint, model="m"):
                    pass
            return
        async with open_realtime(endpoint=endpoint, model="m") as conn:
            assert conn.session.current is not None
            assert conn.session.current.instructions == "Sing."


async def test_a_key_of_a_transcription_lives_as_long_as_was_asked() -> None:
    async with SimulatedServer() as server, RestClient(server.endpoint) as rest:
        short, long = [
            await rest.beta.transcription_sessions.create(
                {"client_secret": {"expires_at": {"anchor": "created_at", "seconds": seconds}}}
            )
            for seconds in (10, 1000)
        ]
    assert short.client_secret is not None
    assert long.client_secret is not None
    assert long.client_secret.expires_at is not None
    assert short.client_secret.expires_at is not None
    assert 985 <= long.client_secret.expires_at - short.client_secret.expires_at <= 995
