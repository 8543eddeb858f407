"""`open_translation`: what it connects to and asks for, and what comes out of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest
import trio
from pydantic import JsonValue

from tests.translation.helpers import MODEL, TRANSCRIBED, facing, translating
from trio_realtime import (
    AzureEndpoint,
    ConnectionClosedError,
    OpenAIEndpoint,
    Options,
    ServerError,
    SessionRefusedError,
    TranslationConnection,
    open_translation,
)
from trio_realtime.audio import duration_ms, rms, silence, tone
from trio_realtime.testing import SimulatedServer, SimulatedSession
from trio_realtime.translation import (
    SessionClosed,
    SessionCreated,
    SessionInputTranscriptDelta,
    SessionOutputAudioDelta,
    SessionOutputTranscriptDelta,
    SessionUpdated,
    TranslationAudio,
    TranslationAudioInput,
    TranslationConfig,
    TranslationTranscription,
)


async def asked_for(
    language: str | None = None,
    session: TranslationConfig | Mapping[str, JsonValue] | None = None,
) -> JsonValue:
    """The configuration that is sent, if one is."""
    with trio.fail_after(10):
        async with SimulatedServer() as server:
            async with open_translation(MODEL, language, session=session, endpoint=server.endpoint):
                frames = server.sessions[0].received
                return frames[0]["session"] if frames else None


async def test_a_translation_is_opened_at_its_own_path_and_in_its_own_dialect(
    autojump_clock: object,
) -> None:
    async with translating("es") as (conn, server):
        assert server.handshake.path == "/v1/realtime/translations"
        assert server.handshake.query == {"model": MODEL}
        assert server.handshake.header("OpenAI-Beta") is None
        assert isinstance(conn.receive_nowait(), SessionCreated)
        assert isinstance(conn.receive_nowait(), SessionUpdated)
        session = conn.session.current
        assert session is not None
        assert session.type == "translation"
        assert session.audio is not None
        assert session.audio.output is not None
        assert session.audio.output.language == "es"
        assert repr(conn).startswith("<TranslationConnection open ws://localhost/")


async def test_only_what_is_given_is_asked_for(autojump_clock: object) -> None:
    into_es: dict[str, JsonValue] = {"audio": {"output": {"language": "es"}}}
    assert await asked_for("es") == into_es
    assert await asked_for(session=into_es) == into_es
    assert await asked_for("es", into_es) == into_es
    assert await asked_for(session={}) is None
    both: JsonValue = {
        "audio": {
            "input": {"transcription": {"model": "whisper-1"}},
            "output": {"language": "es"},
        }
    }
    assert isinstance(TRANSCRIBED, dict)
    assert await asked_for("es", TRANSCRIBED) == both
    transcription = TranslationTranscription(model="whisper-1")
    config = TranslationConfig(
        audio=TranslationAudio(input=TranslationAudioInput(transcription=transcription))
    )
    assert await asked_for("es", config) == both


async def test_a_language_is_named_once(autojump_clock: object) -> None:
    session: dict[str, JsonValue] = {"audio": {"output": {"language": "es"}}}
    for language, given, complaint in (
        (None, None, "no language to translate into: give language="),
        ("", None, "no language to translate into: give language="),
        ("nb", session, "two languages: 'nb', and 'es'"),
    ):
        with pytest.raises(ValueError, match=complaint):
            async with open_translation(
                MODEL, language, session=given, endpoint=OpenAIEndpoint("sk-test")
            ):
                pass


async def test_a_key_is_wanted_and_azure_does_not_translate(autojump_clock: object) -> None:
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        async with open_translation(MODEL, "es"):
            pass
    azure = AzureEndpoint("https://resource.openai.azure.com", api_key="key")
    with pytest.raises(ValueError, match="Azure has no translation sessions"):
        async with open_translation(MODEL, "es", endpoint=azure):
            pass


async def test_a_configuration_that_is_refused_is_raised_bare(autojump_clock: object) -> None:
    async with SimulatedServer() as server:
        with pytest.raises(SessionRefusedError, match="voice") as caught:
            async with open_translation(
                MODEL,
                "es",
                session={"audio": {"output": {"voice": "marin"}}},
                endpoint=server.endpoint,
            ):
                pass
    assert caught.value.param == "session.audio.output.voice"


async def test_what_is_said_comes_out_as_sound_and_as_words(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        sound, said, heard = conn.audio(), conn.transcript(), conn.input_transcript()
        await conn.session.update(transcription={"model": "whisper-1"})
        server.hears("the sea is calm")
        await conn.finish()
        assert [piece async for piece in heard] == [" the", " sea", " is", " calm"]
        assert "".join([piece async for piece in said]) == "the-nb sea-nb is-nb calm-nb"
        pcm = b"".join([chunk async for chunk in sound])
        assert duration_ms(pcm) >= 1800 + 4 * 300
        assert rms(pcm) > 0.05


async def test_the_events_are_typed_and_end_with_the_session(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        await conn.session.update(transcription={"model": "whisper-1"})
        server.hears("ahoy")
        await conn.finish()
        heard, said, sound, ends = "", "", 0, 0
        async for event in conn:
            match event:
                case SessionInputTranscriptDelta():
                    heard += event.delta
                case SessionOutputTranscriptDelta():
                    said += event.delta
                case SessionOutputAudioDelta():
                    assert (event.sample_rate, event.channels, event.format) == (24_000, 1, "pcm16")
                    sound += len(event.delta)
                case SessionClosed():
                    ends += 1
                case _:
                    assert isinstance(event, SessionCreated | SessionUpdated)
    assert (heard, said, ends) == (" ahoy", "ahoy-nb", 1)
    assert sound % 9600 == 0


async def test_audio_goes_out_in_the_words_of_the_dialect(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        (first,) = await conn.append(tone(440, 200))
        second = await conn.input_audio_buffer.append(silence(1000))
        assert await conn.append(b"") == ()
        with pytest.raises(TypeError, match="base64"):
            await conn.append("AAAA")  # type: ignore[arg-type]
        await conn.finish()
        frames = [frame for frame in server.received if frame.type.endswith("append")]
        assert [frame.event_id for frame in frames] == [first, *second]
        assert len(second) == 2  # of 32 KiB at most
        assert {frame.type for frame in frames} == {"session.input_audio_buffer.append"}


async def test_the_other_library_carries_translations_too(autojump_clock: object) -> None:
    pytest.importorskip("websockets.trio")
    async with SimulatedServer() as server:
        async with open_translation(
            MODEL, "nb", endpoint=server.endpoint, transport="websockets", errors="yield"
        ) as conn:
            server.sessions[0].hears("sea")
            said = conn.transcript()
            await conn.finish()
            assert [piece async for piece in said] == ["sea-nb"]


async def test_a_view_asked_for_again_is_the_same_and_knows_nothing_of_before(
    autojump_clock: object,
) -> None:
    async with translating() as (conn, server):
        server.hears("one", ms=200)
        await trio.sleep(1)
        view = conn.transcript()
        assert conn.transcript() is view
        server.hears("two", ms=200)
        assert await view.receive() == " two-nb"
        with pytest.raises(trio.WouldBlock):
            view.receive_nowait()
        await conn.finish()
        with pytest.raises(trio.EndOfChannel):
            await view.receive()
        # After the end there is nothing, and it says so.
        assert [chunk async for chunk in conn.audio()] == []
        assert repr(view) == "<TranslationView 0 bytes held, 0 dropped>"


# promise 7
async def test_a_view_that_nobody_reads_keeps_the_newest(autojump_clock: object) -> None:
    async with translating(options=Options(backlog_bytes=40_000)) as (conn, server):
        sound = conn.audio()
        server.hears("one two three four five")
        await conn.finish()
        assert sound.dropped > 5
        assert len([chunk async for chunk in sound]) == 2


# promise 8
async def test_a_view_that_is_read_slowly_stops_the_reading_and_loses_nothing(
    autojump_clock: object,
) -> None:
    async with translating(options=Options(inbox_bytes=50_000)) as (conn, server):
        sound = conn.audio()
        server.hears("one two three four five")
        chunks = [await sound.receive()]
        await trio.sleep(60)
        assert conn.statistics().reader_paused
        for _ in range(7):
            chunks.append(await sound.receive())
        assert len(chunks) == 8
        assert sound.dropped == 0


async def test_the_session_is_changed_while_it_goes_on(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        said = conn.transcript()
        server.hears("sea", ms=200)
        await trio.sleep(1)
        session = await conn.session.update(language="fi", noise_reduction={"type": "near_field"})
        assert session.audio is not None
        assert session.audio.input is not None
        assert session.audio.input.noise_reduction is not None
        await conn.session.update({"audio": {"input": {"noise_reduction": None}}})
        await conn.session.update(TranslationConfig())
        await conn.session.update(event_id="mine")
        assert server.received[-1].event_id == "mine"
        server.hears("wind", ms=200)
        await conn.finish()
        assert "".join([piece async for piece in said]) == "sea-nb wind-fi"


async def test_a_session_given_whole_and_in_parts_is_a_mistake(autojump_clock: object) -> None:
    async with translating() as (conn, _):
        with pytest.raises(TypeError, match=r"session= or its fields \(language\)"):
            await conn.session.update({}, language="fi")


async def test_a_refused_update_is_raised_where_it_was_asked_for(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        server.refuse_next("session.update", "no_such_language", "What is that?")
        with pytest.raises(ServerError, match="no_such_language"):
            await conn.session.update(language="tlh")


async def test_a_session_that_cannot_be_read_is_read_as_far_as_it_can_be(
    autojump_clock: object,
) -> None:
    async with translating() as (conn, server):
        async with trio.open_nursery() as nursery:
            server.pause()

            @nursery.start_soon
            async def answer() -> None:
                await trio.sleep(1)
                server.push(
                    {"type": "session.updated", "session": {"model": "m", "expires_at": "soon"}}
                )
                server.resume()

            session = await conn.session.update(language="fi")
        assert (session.model, session.expires_at) == ("m", None)


async def test_an_error_of_an_append_is_raised_by_the_stream_and_the_views_go_on(
    autojump_clock: object,
) -> None:
    async with translating() as (conn, server):
        said = conn.transcript()
        server.refuse_next("session.input_audio_buffer.append", "bad_audio", "What is that?")
        await conn.append(silence(200))
        server.hears("sea", ms=200)
        assert await said.receive() == "sea-nb"
        with pytest.raises(ServerError, match="bad_audio"):
            async for _ in conn:
                pass
        await conn.finish()


async def test_a_loss_is_told_to_who_reads_a_view_once_it_is_read(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        said = conn.transcript()
        server.hears("sea", ms=200)
        await trio.sleep(1)
        server.drop()
        pieces: list[str] = []
        with pytest.raises(ConnectionClosedError):
            async for piece in said:
                pieces.append(piece)
        assert pieces == ["sea-nb"]


async def test_a_view_whose_rest_was_not_read_holds_the_loss_back(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        said = conn.transcript()
        server.hears("sea wind", ms=400)
        await said.receive()
        await trio.sleep(1)
        server.drop()
        await trio.sleep(60)
        assert await said.receive() == " wind-nb"
        with pytest.raises(ConnectionClosedError):
            await said.receive()


async def test_leaving_without_finishing_gives_up_what_is_behind(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        said = conn.transcript()
        server.hears("sea wind", ms=400)
    assert [piece async for piece in said] == []
    assert "session.close" not in [frame.type for frame in server.received]


async def test_a_server_that_greets_nobody_is_asked_all_the_same(autojump_clock: object) -> None:
    async with SimulatedServer(omit_session_created=True) as server:
        options = Options(wait_for_session=False)
        async with open_translation(MODEL, "nb", endpoint=server.endpoint, options=options) as conn:
            assert isinstance(await conn.receive(), SessionUpdated)


async def test_a_test_may_send_anything(autojump_clock: object) -> None:
    async with translating() as (conn, server):
        server.send_raw('{"type": "session.output_transcript.delta", "delta": "psst"}')
        assert await conn.transcript().receive() == "psst"


@pytest.mark.parametrize(
    "drive",
    [
        SimulatedSession.speech_started,
        SimulatedSession.speech_stopped,
        SimulatedSession.idle_timeout,
        SimulatedSession.late_done,
        SimulatedSession.rate_limits,
        SimulatedSession.transcription_fails,
    ],
)
async def test_what_drives_a_conversation_does_not_drive_a_translation(
    drive: object, autojump_clock: object
) -> None:
    async with translating() as (_, server):
        with pytest.raises(RuntimeError, match="no turns and no responses"):
            drive(server)  # type: ignore[operator]


async def test_a_session_that_lasts_too_long_expires(autojump_clock: object) -> None:
    with pytest.RaisesGroup(ConnectionClosedError):
        async with translating() as (conn, server):
            server.expire()
            with pytest.raises(ConnectionClosedError) as caught:
                await conn.finish()
            raise caught.value


async def test_a_peer_that_is_no_simulated_server_is_enough(autojump_clock: object) -> None:
    async def end(peer: object) -> None:
        del peer

    async with facing(end) as (conn, peer):
        assert isinstance(conn, TranslationConnection)
        assert peer.received == ["session.update"]


def test_the_dialect_is_loaded_by_the_first_translation() -> None:
    program = (
        "import sys; from trio_realtime import TranslationConnection, open_translation; "
        "print('trio_realtime.translation' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert run.stdout == "False\n"
