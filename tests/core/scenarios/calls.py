"""Calls, and keys of other kinds, brought about over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

import pytest
from pydantic import JsonValue

from tests.core.scenarios.shared import Outcome, proves
from trio_realtime import HandshakeRejectedError, RestError, open_realtime
from trio_realtime._endpoint import Target
from trio_realtime.rest import RestClient
from trio_realtime.rest._exchange import Body
from trio_realtime.rest._requests import Question
from trio_realtime.testing import SimulatedCall, SimulatedServer

OFFER: Final = """\
v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111 9
a=mid:0
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:9 G722/8000
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
a=mid:1
a=sctp-port:5000
""".replace("\n", "\r\n")

SESSION: Final[dict[str, JsonValue]] = {"type": "realtime", "model": "gpt-realtime-2.1"}

Asking: TypeAlias = Callable[[RestClient], Awaitable[object]]


@asynccontextmanager
async def served() -> AsyncGenerator[tuple[SimulatedServer, RestClient]]:
    async with SimulatedServer() as server, RestClient(server.endpoint, max_retries=0) as rest:
        yield server, rest


async def outcome_of(asking: Awaitable[object], *, success: int = 200) -> str:
    try:
        await asking
    except RestError as error:
        return f"http({error.status_code}: {error.code})"
    return f"http({success})"


async def posted(rest: RestClient, path: str, body: str) -> str:
    """What a body of any shape is answered."""
    target = Target(model="any")
    question = Question(path=path, target=target, body=Body(content=body), repeatable=False)
    return await outcome_of(rest._requests.ask(question))


def refused(path: str, *bodies: str) -> Callable[[], Awaitable[Outcome]]:
    """A scenario of bodies that are all answered alike, about a call that rings."""

    async def scenario() -> Outcome:
        async with served() as (server, rest):
            call = server.ring()
            return tuple({await posted(rest, path.format(call.id), body) for body in bodies})

    return scenario


@proves("call")
async def _() -> Outcome:
    async with served() as (server, rest):
        made = await rest.calls.create(OFFER, SESSION)
        again = await rest.calls.create(OFFER)
        assert [call.id for call in server.calls] == [made.call_id, again.call_id]
        assert server.calls[0].config == SESSION
        assert "a=rtpmap:111 opus/48000/2\r\n" in made.sdp
        assert "G722" not in made.sdp
        return (await outcome_of(rest.calls.create(OFFER), success=201),)


@proves("call-with-secret")
async def _() -> Outcome:
    async with served() as (server, _):
        key = server.create_client_secret({**SESSION, "instructions": "Sing."})
        endpoint = type(server.endpoint)(
            server.base_url, key, stream_factory=server.endpoint.stream_factory
        )
        async with RestClient(endpoint) as browser:
            outcome = await outcome_of(browser.calls.create(OFFER), success=201)
        assert server.calls[0].config["instructions"] == "Sing."
        return (outcome,)


@proves("call-without-media")
async def _() -> Outcome:
    async with served() as (_, rest):
        offers = ("hello", "v=0\r\ns=-\r\n", "v=0\r\nm=audio\r\n", OFFER.replace("v=0", "v=1"))
        return tuple({await outcome_of(rest.calls.create(offer)) for offer in offers})


async def attached(asking: Callable[[RestClient, SimulatedCall], Awaitable[object]]) -> Outcome:
    """What a client that is attached sees of it."""
    async with served() as (server, rest):
        call = server.create_call()
        async with open_realtime(call_id=call.id, endpoint=server.endpoint) as conn:
            outcome = await outcome_of(asking(rest, call))
            assert [event async for event in conn] == []
            assert conn.close_info is not None
            return outcome, f"close({conn.close_info.code})"


@proves("call-accept")
async def _() -> Outcome:
    async with served() as (server, rest):
        call = server.ring()
        outcome = await outcome_of(rest.calls.accept(call.id, {**SESSION, "instructions": "Hi."}))
        async with open_realtime(call_id=call.id, endpoint=server.endpoint) as conn:
            session = await conn.session.update(output_modalities=["text"])
        assert session.instructions == "Hi."
        return (outcome,)


proves("call-accept-without-type")(refused("calls/{}/accept", "{}", '{"model": "m"}', ""))
proves("call-accept-other-type")(
    refused("calls/{}/accept", '{"type": "transcription"}', '{"type": "poem"}')
)


@proves("call-accept-again")
async def _() -> Outcome:
    async with served() as (server, rest):
        call = server.create_call()
        ringing = server.ring()
        return tuple(
            {
                await outcome_of(rest.calls.accept(call.id, SESSION)),
                await outcome_of(rest.calls.reject(call.id)),
                await outcome_of(rest.calls.refer(ringing.id, "tel:+1")),
            }
        )


@proves("call-reject")
async def _() -> Outcome:
    async with served() as (server, rest):
        calls = [server.ring(), server.ring()]
        outcomes = {
            await outcome_of(rest.calls.reject(calls[0].id)),
            await outcome_of(rest.calls.reject(calls[1].id, 486)),
        }
        assert [(call.state, call.status_code) for call in calls] == [
            ("rejected", 603),
            ("rejected", 486),
        ]
        return tuple(outcomes)


@proves("call-refer")
async def _() -> Outcome:
    async def refer(rest: RestClient, call: SimulatedCall) -> None:
        await rest.calls.refer(call.id, "tel:+14155550123")
        assert (call.state, call.target_uri) == ("referred", "tel:+14155550123")

    return await attached(refer)


proves("call-refer-without-target")(refused("calls/{}/refer", "{}", '{"target_uri": ""}', ""))


@proves("call-hangup")
async def _() -> Outcome:
    async def hang_up(rest: RestClient, call: SimulatedCall) -> None:
        await rest.calls.hangup(call.id)
        assert call.state == "ended"

    return await attached(hang_up)


@proves("call-unknown")
async def _() -> Outcome:
    async with served() as (server, rest):
        over = server.create_call()
        over.hang_up()
        over.hang_up()
        outcomes = {await outcome_of(rest.calls.hangup(each)) for each in (over.id, "rtc_x", "a/b")}
        outcomes |= {
            await outcome_of(rest.calls.accept("rtc_x", SESSION)),
            await outcome_of(rest.calls.reject("rtc_x")),
            await outcome_of(rest.calls.refer("rtc_x", "tel:+1")),
        }
        return tuple(outcomes)


@proves("connect-unknown-call")
async def _() -> Outcome:
    async with served() as (server, _):
        over = server.create_call()
        over.hang_up()
        outcomes: set[str] = set()
        for call_id in ("rtc_x", over.id, server.ring().id):
            with pytest.raises(HandshakeRejectedError) as caught:
                async with open_realtime(call_id=call_id, endpoint=server.endpoint):
                    pass
            outcomes.add(f"http({caught.value.status_code}: {caught.value.code})")
        return tuple(outcomes)


@proves("secret-for-translation")
async def _() -> Outcome:
    async with served() as (_, rest):
        session: dict[str, JsonValue] = {
            "model": "gpt-realtime-translate",
            "audio": {"output": {"language": "es"}},
        }
        asking = rest.translations.client_secrets
        secret = await asking.create(session)
        assert secret.value.startswith("ek_")
        assert secret.session is not None
        assert secret.session.type == "translation"
        assert secret.session.audio is not None
        assert secret.session.audio.output is not None
        assert secret.session.audio.output.language == "es"
        return (await outcome_of(asking.create(session)),)


TRANSLATION: Final = "translations/client_secrets"

proves("secret-for-translation-without-model")(
    refused(TRANSLATION, "{}", "", '{"session": {}}', '{"session": {"model": ""}}')
)
proves("secret-for-translation-parameter-type")(
    refused(TRANSLATION, "[]", '{"session": 7}', '{"session": {"model": 7}}')
)


proves("secret-of-beta-refused")(
    refused("sessions", '{"voice": "nobody"}', '{"modalities": ["audio"]}')
)


@proves("secret-of-beta")
async def _() -> Outcome:
    async with served() as (_, rest):
        session = await rest.beta.sessions.create(
            {"modalities": ["text"], "voice": "sage", "input_audio_format": "g711_alaw"}
        )
        assert (session.voice, session.temperature) == ("sage", 0.8)
        assert (session.input_audio_format, session.output_audio_format) == ("g711_alaw", "pcm16")
        assert session.modalities == ["text"]
        assert session.client_secret is not None
        written = await rest.beta.transcription_sessions.create({"include": None})
        assert written.client_secret is not None
        assert written.object == "realtime.transcription_session"
        return (await outcome_of(rest.beta.sessions.create()),)
