"""The beta dialect, Azure's addresses and subprotocols, as an application's tests use them."""

from __future__ import annotations

import dataclasses
import ssl
import sys

import pytest
import trio
import trio.testing
from pydantic import JsonValue

from tests.core.simulated import at
from trio_realtime import (
    AuthenticationError,
    AzureEndpoint,
    OpenAIEndpoint,
    SessionRefusedError,
    open_realtime,
)
from trio_realtime.beta import ResponseConfig
from trio_realtime.events import UnknownEvent
from trio_realtime.testing import SimulatedAzureEndpoint, SimulatedServer, serve_simulated

MODEL = "gpt-4o-realtime-preview"


async def test_a_client_of_the_beta_talks_to_a_server_that_still_speaks_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(beta="speak") as server:
        endpoint = server.endpoint
        async with open_realtime(MODEL, endpoint=endpoint, dialect="beta") as conn:
            await conn.session.update(modalities=["text"], temperature=0.7)
            async with conn.respond("Hello!") as reply:
                assert "".join([piece async for piece in reply.text()]) == "You said: Hello!"
            session = server.sessions[0]
            assert session.session["temperature"] == 0.7
            assert session.session["modalities"] == ["text"]
            # What the server keeps is as in GA, whatever it tells.
            assert at(session.conversation.items[1], "content", 0, "type") == "output_text"
            assert session.received[0]["session"] == {"modalities": ["text"], "temperature": 0.7}


async def test_a_client_of_the_beta_hears_and_is_heard(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer("Yes, please.", beta="speak") as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, dialect="beta") as conn:
            (session,) = server.sessions
            session.hears("Shall we?")
            async with conn.incoming() as replies:
                reply = await anext(replies)
                heard = b"".join([piece async for piece in reply.audio()])
            assert len(heard) == 2 * 300 * 48
            assert session.conversation.items[0]["role"] == "user"


async def test_a_response_of_the_beta_may_have_settings_of_its_own(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(beta="speak") as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, dialect="beta") as conn:
            await conn.response.create(response=ResponseConfig(temperature=1.1))
            async for event in conn:
                if event.type == "response.done":
                    assert event.response.temperature == 1.1
                    break


async def test_by_default_who_asks_for_the_beta_is_refused_as_today(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer() as server:
        with pytest.raises(SessionRefusedError) as caught:
            async with open_realtime(MODEL, endpoint=server.endpoint, dialect="beta"):
                pass
    assert caught.value.code == "beta_api_shape_disabled"
    assert caught.value.close_code == 4000


async def test_a_key_in_a_subprotocol_opens_either_dialect(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(api_key="ek_right", beta="speak") as server:
        endpoint = OpenAIEndpoint(
            "ek_right",
            base_url=server.base_url,
            auth="subprotocol",
            organization="org-1",
            project="proj_1",
        )
        reach = server.connect
        async with open_realtime(MODEL, endpoint=endpoint, stream_factory=reach) as conn:
            assert conn.subprotocol == "realtime"
        async with open_realtime(
            MODEL, endpoint=endpoint, stream_factory=reach, dialect="beta"
        ) as old:
            assert old.subprotocol == "realtime"
        ga, beta = (session.handshake for session in server.sessions)
        assert (ga.beta, beta.beta) == (None, "openai")
        assert beta.header("authorization") is None
        assert (beta.organization, beta.project) == ("org-1", "proj_1")


async def test_an_ephemeral_key_opens_a_session_of_the_beta(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(api_key="sk-right", beta="speak") as server:
        key = server.create_client_secret({"type": "realtime", "instructions": "Sing."})
        endpoint = dataclasses.replace(server.endpoint, api_key=key)
        async with open_realtime(MODEL, endpoint=endpoint, dialect="beta") as conn:
            assert conn.session.current is not None
            assert conn.session.current.instructions == "Sing."


async def test_every_server_is_an_azure_resource_on_both_paths(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(api_key="right") as server:
        endpoint = server.azure_endpoint
        assert isinstance(endpoint, SimulatedAzureEndpoint)
        assert "right" not in repr(endpoint)
        async with open_realtime("deployed", endpoint=endpoint) as conn:
            async with conn.respond("Hello!", output_modalities=["text"]) as reply:
                assert "".join([piece async for piece in reply.text()]) == "You said: Hello!"
        async with open_realtime("deployed", endpoint=endpoint, dialect="beta") as preview:
            assert preview.session.current is not None
            assert preview.session.current.model == "deployed"
        paths = [session.handshake.path for session in server.sessions]
        assert paths == ["/openai/v1/realtime", "/openai/realtime"]
        assert {session.handshake.header("api-key") for session in server.sessions} == {"right"}


@pytest.mark.parametrize("version", [None, "2025-04-01-preview"])
async def test_azure_turns_a_wrong_key_away_before_there_is_a_connection(
    version: str | None, autojump_clock: trio.testing.MockClock
) -> None:
    async with SimulatedServer(api_key="right") as server:
        endpoint = AzureEndpoint(
            "http://localhost",
            token="of-another-resource",
            deployment="deployed",
            api_version=version,
        )
        with pytest.raises(AuthenticationError) as caught:
            if version is None:
                async with open_realtime(endpoint=endpoint, stream_factory=server.connect):
                    pass
            else:
                async with open_realtime(
                    endpoint=endpoint, stream_factory=server.connect, dialect="beta"
                ):
                    pass
        assert server.sessions == []
    assert caught.value.status_code == 401
    assert "invalid subscription key" in str(caught.value)


async def test_voice_live_is_one_base_url_away(autojump_clock: trio.testing.MockClock) -> None:
    async with SimulatedServer() as server:
        base = "http://localhost/voice-live?api-version=2025-10-01"
        endpoint = dataclasses.replace(server.endpoint, base_url=base)
        async with open_realtime("gpt-realtime", endpoint=endpoint, dialect="beta") as conn:
            assert conn.session.current is not None
            assert conn.session.current.input_audio_sampling_rate == 24000
            await conn.session.update(modalities=["text"])
            async with conn.respond("Hello!") as reply:
                assert "".join([piece async for piece in reply.text()]) == "You said: Hello!"


async def test_what_a_test_pushes_is_the_same_in_every_dialect(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with SimulatedServer(beta="speak") as server:
        async with open_realtime(MODEL, endpoint=server.endpoint, dialect="beta") as conn:
            await conn.receive()
            place: dict[str, JsonValue] = {
                "response_id": "r",
                "item_id": "i",
                "output_index": 0,
                "content_index": 0,
            }
            server.sessions[0].push(
                {"type": "response.output_text.delta", **place, "delta": "x", "obfuscation": "y"}
            )
            event = await conn.receive()
            assert not isinstance(event, UnknownEvent)
            assert event.type == "response.output_text.delta"
            server.sessions[0].refuse_next("transcription_session.update", "busy")


async def test_a_server_makes_its_own_certificate_for_clients_that_know_only_tls() -> None:
    with trio.fail_after(30):
        async with serve_simulated(tls=True, beta="speak") as server:
            assert server.base_url.startswith("https://127.0.0.1:")
            assert server.ca_file is not None
            trusting = ssl.create_default_context(cafile=str(server.ca_file))
            async with open_realtime(
                MODEL, endpoint=server.endpoint, ssl_context=trusting, dialect="beta"
            ) as conn:
                assert conn.session.current is not None
            ca_file = server.ca_file
        assert not ca_file.exists()


async def test_who_has_no_trustme_is_told_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    monkeypatch.delitem(sys.modules, "trio_realtime.testing._certificate", raising=False)
    with pytest.raises(ModuleNotFoundError, match="pip install trustme") as caught:
        async with serve_simulated(tls=True):
            pass
    assert caught.value.name == "trustme"


async def test_a_server_without_tls_has_no_certificate_and_one_is_enough() -> None:
    async with serve_simulated() as server:
        assert server.ca_file is None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with pytest.raises(ValueError, match="ssl_context or tls=True, not both"):
        async with serve_simulated(ssl_context=context, tls=True):
            pass
    with pytest.raises(ValueError, match="'refuse' or 'speak', not 'maybe'"):
        SimulatedServer(beta="maybe")  # type: ignore[arg-type]
