"""Opening: when a connection counts as open, and what is raised, bare, when it does not."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import trio
import trio.testing

from tests.shell import peers
from tests.shell.lines import SESSION, Behaviour, Json, Peer, line_to, polite, refusal
from trio_realtime import (
    AuthenticationError,
    ConnectError,
    ConnectTimeoutError,
    Handshake,
    OpenAIEndpoint,
    Options,
    SessionRefusedError,
    Target,
    open_realtime,
    open_transcription,
    open_translation,
)
from trio_realtime.testing import pipe_pair
from trio_realtime.types import RealtimeSessionConfig


async def opening(
    behave: Behaviour,
    *,
    session: RealtimeSessionConfig | dict[str, object] | None = None,
    call_id: str | None = None,
    options: Options | None = None,
) -> tuple[BaseException | None, float, list[Json]]:
    """Try to open; tell what was raised, after how long, and what the server received."""
    raised: BaseException | None = None
    async with line_to(behave) as endpoint:
        began = trio.current_time()
        try:
            async with open_realtime(
                None if call_id else "m",
                call_id=call_id,
                endpoint=endpoint,
                session=session,  # type: ignore[arg-type]
                options=options or Options(),
            ):
                took = trio.current_time() - began
        except ConnectError as error:
            raised = error
            took = trio.current_time() - began
        await trio.testing.wait_all_tasks_blocked()
        # promise 1; pain 29
        assert [stream.is_closed for stream in endpoint.streams] == [True]
        received = endpoint.peers[0].received if endpoint.peers else []
    return raised, took, received


async def answers_updates(peer: Peer) -> None:
    await peer.open_session()
    while True:
        frame = await peer.receive_type("session.update")
        config = frame["session"]
        assert isinstance(config, dict)
        await peer.send("session.updated", session={**SESSION, **config})


async def test_a_connection_is_open_once_the_session_is_created(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await trio.sleep(3)
        await polite(peer)

    raised, took, received = await opening(behave)
    assert (raised, took, received) == (None, 3, [])


# pain 14
async def test_a_configuration_is_confirmed_before_the_block_is_entered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive_type("session.update")
        await trio.sleep(2)
        await peer.send("session.updated", session={**SESSION, "instructions": "Be brief."})
        await peer.drain()

    raised, took, received = await opening(behave, session={"instructions": "Be brief."})
    assert (raised, took) == (None, 2)
    (update,) = received
    assert update["session"] == {"type": "realtime", "instructions": "Be brief."}


@pytest.mark.parametrize(
    ("session", "kind"),
    [
        (RealtimeSessionConfig(instructions="Be brief."), "realtime"),
        ({"type": "transcription"}, "transcription"),
    ],
)
async def test_the_type_of_a_session_is_added_where_it_names_none(
    session: RealtimeSessionConfig, kind: str
) -> None:
    raised, _, (update,) = await opening(answers_updates, session=session)
    assert raised is None
    config = update["session"]
    assert isinstance(config, dict)
    assert config["type"] == kind


async def test_the_events_of_opening_are_the_first_of_the_stream() -> None:
    async with line_to(answers_updates) as endpoint:
        async with open_realtime("m", endpoint=endpoint, session={"instructions": "Hi."}) as conn:
            assert (await conn.receive()).type == "session.created"
            assert (await conn.receive()).type == "session.updated"
            assert conn.session.current is not None
            assert conn.session.current.id == "sess_of_a_test"
            assert conn.session.current.instructions == "Hi."


async def test_a_compatible_server_whose_session_does_not_validate_still_opens() -> None:
    async def behave(peer: Peer) -> None:
        await peer.send("session.created", session="of another kind")
        await peer.receive_type("session.update")
        await peer.send("session.updated", session=17)
        await peer.drain()

    raised, *_ = await opening(behave, session={"instructions": "Hi."})
    assert raised is None


async def test_a_sideband_is_open_at_101_for_no_session_is_created_there(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.drain()

    raised, took, _ = await opening(behave, call_id="rtc_1")
    assert (raised, took) == (None, 0)


async def test_a_sideband_with_a_configuration_is_open_when_it_is_confirmed(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.receive_type("session.update")
        await peer.send("session.updated", session=SESSION)
        await peer.drain()

    raised, *_ = await opening(behave, call_id="rtc_1", session={"instructions": "Hi."})
    assert raised is None


async def test_a_program_may_decline_to_wait_for_the_session(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.drain()

    raised, took, _ = await opening(behave, options=Options(wait_for_session=False))
    assert (raised, took) == (None, 0)


# pain 15
@pytest.mark.parametrize("delay", [0, 0.5])
async def test_a_bad_key_after_101_is_an_authentication_error(
    autojump_clock: trio.testing.MockClock, delay: float
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.send("error", error=refusal("invalid_api_key", None))
        await trio.sleep(delay)
        await peer.ws.close(3000, "invalid_request_error.invalid_api_key")

    raised, took, _ = await opening(behave)
    assert isinstance(raised, AuthenticationError)
    assert (raised.code, raised.close_code, took) == ("invalid_api_key", 3000, delay)


async def test_a_close_of_the_authentication_class_says_enough(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.ws.close(3000, "invalid_request_error.invalid_api_key")

    raised, *_ = await opening(behave)
    assert isinstance(raised, AuthenticationError)
    assert raised.code == "invalid_api_key"


async def test_a_refused_session_carries_the_code_of_the_error_and_of_the_close(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.send("error", error=refusal("missing_model", None))
        await peer.ws.close(4000, "invalid_request_error.missing_model")

    raised, *_ = await opening(behave)
    assert isinstance(raised, SessionRefusedError)
    assert (raised.code, raised.close_code) == ("missing_model", 4000)


async def test_an_error_right_behind_the_session_is_no_refusal() -> None:
    async def behave(peer: Peer) -> None:
        frames = [
            {"type": "session.created", "event_id": "e1", "session": SESSION},
            {"type": "error", "event_id": "e2", "error": refusal("server_error", None)},
        ]
        # One segment: both are here before the opening task runs again.
        await peer.stream.send_all(b"".join(peers.text(json.dumps(frame)) for frame in frames))
        await peer.drain()

    async with line_to(behave) as endpoint, open_realtime("m", endpoint=endpoint) as conn:
        assert (await conn.receive()).type == "session.created"
        assert (await conn.receive()).type == "error"


async def test_an_error_that_no_close_follows_is_not_waited_for_long(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.send("error", error=refusal("insufficient_quota", None))
        await peer.drain()

    raised, took, _ = await opening(behave)
    assert isinstance(raised, SessionRefusedError)
    assert (raised.code, raised.close_code, took) == ("insufficient_quota", None, 1)


@pytest.mark.parametrize(("code", "reason"), [(1008, ""), (1011, "internal error")])
async def test_a_close_before_the_session_is_a_refusal(
    autojump_clock: trio.testing.MockClock, code: int, reason: str
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.ws.close(code, reason)

    raised, *_ = await opening(behave)
    assert isinstance(raised, SessionRefusedError)
    assert raised.close_code == code


async def test_a_line_that_breaks_before_the_session_is_a_connect_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await trio.aclose_forcefully(peer.stream)

    raised, took, _ = await opening(behave)
    assert type(raised) is ConnectError
    assert took == 0


# pain 16
async def test_a_refused_configuration_names_the_field(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        frame = await peer.receive_type("session.update")
        error = {**refusal("unknown_parameter", frame["event_id"]), "param": "session.instructionz"}
        await peer.send("error", error=error)
        await peer.drain()

    raised, took, _ = await opening(behave, session={"instructionz": "Be brief."})
    assert isinstance(raised, SessionRefusedError)
    assert (raised.code, raised.param, took) == ("unknown_parameter", "session.instructionz", 0)


async def test_a_refused_configuration_is_noticed_also_when_the_error_names_nobody(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive_type("session.update")
        await peer.send("error", error=refusal("invalid_value", None))
        await peer.drain()

    raised, took, _ = await opening(behave, session={"instructions": "Hi."})
    assert isinstance(raised, SessionRefusedError)
    assert (raised.code, took) == ("invalid_value", 1)


async def test_a_loss_while_the_configuration_is_unconfirmed_is_a_connect_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await peer.open_session()
        await peer.receive_type("session.update")
        peer.stream.abort()

    raised, *_ = await opening(behave, session={"instructions": "Hi."})
    assert type(raised) is ConnectError


# pain 23
@pytest.mark.parametrize("stage", ["session.created", "session.updated"])
async def test_one_deadline_covers_the_session_too(
    autojump_clock: trio.testing.MockClock, stage: str
) -> None:
    async def behave(peer: Peer) -> None:
        await trio.sleep(4)
        if stage == "session.updated":
            await peer.open_session()
        await peer.drain()

    raised, took, _ = await opening(behave, session={"instructions": "Hi."})
    assert isinstance(raised, ConnectTimeoutError)
    assert (raised.stage, took) == (stage, 10)


async def test_an_upgrade_that_is_never_answered_ends_at_the_deadline(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()

    async def factory(host: str, port: int) -> trio.abc.Stream:
        return ours

    began = trio.current_time()
    with pytest.raises(ConnectTimeoutError) as caught:
        async with open_realtime(
            "m", endpoint=OpenAIEndpoint("key", base_url="http://localhost"), stream_factory=factory
        ):
            raise AssertionError
    assert (caught.value.stage, trio.current_time() - began) == ("upgrade", 10)
    await theirs.aclose()


async def test_an_opening_that_is_cancelled_before_the_upgrade_ends_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, theirs = pipe_pair()

    async def factory(host: str, port: int) -> trio.abc.Stream:
        return ours

    with trio.move_on_after(3) as scope:
        async with open_realtime(
            "m", endpoint=OpenAIEndpoint("key", base_url="http://localhost"), stream_factory=factory
        ):
            raise AssertionError
    assert (scope.cancelled_caught, trio.current_time(), ours.is_closed) == (True, 3, True)
    await theirs.aclose()


async def test_a_cancelled_opening_ends_at_once_and_leaves_nothing_behind(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def behave(peer: Peer) -> None:
        await trio.sleep_forever()

    async with line_to(behave) as endpoint:
        with trio.move_on_after(3) as scope:
            async with open_realtime("m", endpoint=endpoint):
                raise AssertionError
        assert scope.cancelled_caught
        assert trio.current_time() == pytest.approx(3, abs=1.01)
        assert [stream.is_closed for stream in endpoint.streams] == [True]


async def test_the_deadline_starts_after_endpoint_and_credentials_were_asked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with line_to(polite) as endpoint:

        class Slow:
            async def handshake(self, target: Target) -> Handshake:
                await trio.sleep(60)
                return await endpoint.handshake(target)

        async with open_realtime("m", endpoint=Slow()):
            assert trio.current_time() == 60


async def test_what_an_endpoint_raises_leaves_unchanged() -> None:
    class Broken:
        async def handshake(self, target: Target) -> Handshake:
            raise LookupError("no credentials today")

    with pytest.raises(LookupError, match="no credentials today"):
        async with open_realtime("m", endpoint=Broken()):
            raise AssertionError


async def test_a_cancelled_endpoint_is_cancelled() -> None:
    class Stuck:
        async def handshake(self, target: Target) -> Handshake:
            await trio.sleep_forever()
            raise AssertionError

    with trio.move_on_after(0) as scope:
        async with open_realtime("m", endpoint=Stuck()):
            raise AssertionError
    assert scope.cancelled_caught


async def test_a_missing_key_names_the_variable() -> None:
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        async with open_realtime("m"):
            raise AssertionError


async def test_the_environment_names_the_default_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    async def factory(host: str, port: int) -> trio.abc.Stream:
        raise LookupError(f"{host}:{port}")

    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:7001/v1")
    with pytest.raises(LookupError, match="localhost:7001"):
        async with open_realtime("m", stream_factory=factory):
            raise AssertionError


async def test_a_target_is_needed_and_only_one() -> None:
    endpoint = OpenAIEndpoint("key")
    with pytest.raises(ValueError, match="exactly one"):
        async with open_realtime(endpoint=endpoint):
            raise AssertionError
    with pytest.raises(ValueError, match="exactly one"):
        async with open_realtime("m", call_id="rtc_1", endpoint=endpoint):
            raise AssertionError


async def test_a_misspelt_error_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="errors"):
        opener = cast("Any", open_realtime)
        async with opener("m", endpoint=OpenAIEndpoint("key"), errors="ignore"):
            raise AssertionError


@pytest.mark.parametrize(
    ("opener", "name"),
    [(open_realtime, "option"), (open_transcription, "mirror"), (open_translation, "call_id")],
)
async def test_an_argument_that_there_is_not_is_refused(opener: Any, name: str) -> None:
    async with line_to(polite) as endpoint:
        with pytest.raises(TypeError, match=f"there is no argument '{name}'"):
            async with opener(model="m", session={}, endpoint=endpoint, **{name: "x"}):
                raise AssertionError
        assert not endpoint.streams
