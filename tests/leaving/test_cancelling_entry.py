"""Entering `respond()` is cancelled, wherever it waits: nothing was sent, or it is made up for.

And waiting for others' responses, which loses none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.effort import effort
from tests.leaving.helpers import (
    LONG,
    AtStep,
    drained,
    errors_in,
    met,
    of_responses,
    settled,
)
from tests.shell.test_cancelling import CLOSE, Session, assert_settled, frames_in
from trio_realtime import RealtimeConnection, Reply
from trio_realtime._core._pending import Pending, Verdict
from trio_realtime.events import ServerEvent
from trio_realtime.testing import FaultPlan, Faults, seeded

BUSY: Final = "conversation_already_has_active_response"

ASKING: Final = ("conversation.item.create", "response.create", "response.cancel")


async def refuses_to_begin(conn: RealtimeConnection, seconds: float) -> None:
    """Ask, and be cancelled before the response has begun."""
    with trio.move_on_after(seconds) as scope:
        async with conn.respond("Hello?"):
            raise AssertionError
    assert scope.cancelled_caught
    assert trio.current_time() == pytest.approx(scope.deadline)


# promise 4
async def test_cancelled_before_its_turn_nothing_was_sent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met([LONG, "Next."]) as talk:
        async with talk.conn.respond("Hello?") as reply:
            sent = len(talk.session.received)
            async with trio.open_nursery() as nursery:
                for number in range(5):
                    nursery.start_soon(refuses_to_begin, talk.conn, 0.1 * number)
            assert len(talk.session.received) == sent
            await reply.result()
        async with talk.conn.respond("And?") as following:
            assert (await following.result()).status == "completed"
        assert len(talk.session.received) == sent + 2
        assert settled(talk.conn)


# promise 4
async def test_those_behind_one_that_is_cancelled_in_line_move_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    asked: list[int] = []

    async def asks(number: int) -> None:
        with trio.move_on_after(0.1 if number % 2 else 1000):
            async with talk.conn.respond(f"Question {number}") as reply:
                asked.append(number)
                await reply.result()

    async with met("word " * 50) as talk, trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(asks, number)
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(10)
        assert asked == [0, 2, 4]
        assert talk.cancelled() == []
        assert settled(talk.conn)


# promise 4
async def test_cancelled_in_the_outbox_nothing_was_sent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with met("Next.") as talk:
        conn = talk.conn
        for beside in ("auto", "none"):
            talk.session.pause()
            await trio.sleep(1)
            # More than the pipe holds: what comes after it waits in the outbox.
            conn.send_nowait({"type": "input_audio_buffer.append", "audio": "A" * 400_000})
            await trio.sleep(1)
            with trio.move_on_after(1) as scope:
                async with conn.respond("Hello?", conversation=beside):
                    raise AssertionError
            assert scope.cancelled_caught
            talk.session.resume()
            await trio.sleep(1)
            assert [each.type for each in talk.session.received if each.type in ASKING] == []
            assert settled(conn)
        async with conn.respond("And?") as following:
            assert (await following.result()).status == "completed"


# promise 4; pain 38
@pytest.mark.parametrize("beside", ["auto", "none"])
async def test_cancelled_half_written_all_of_it_goes_out_and_its_response_is_cancelled(
    beside: str, autojump_clock: trio.testing.MockClock
) -> None:
    async with met([LONG, "Next."]) as talk:
        conn = talk.conn
        talk.session.pause()
        await trio.sleep(1)
        with trio.move_on_after(1) as scope, conn.tap() as tap:
            # Its item alone is more than the pipe holds.
            async with conn.respond(
                "word " * 50_000, conversation="none" if beside == "none" else "auto"
            ):
                raise AssertionError
        assert scope.cancelled_caught
        assert [each.type for each in talk.session.received if each.type in ASKING] == []
        with conn.tap() as tap:
            talk.session.resume()
            await trio.sleep(1)
            events: list[ServerEvent] = []
            while tap._held:
                events.append(tap.receive_nowait())
        created = next(event for event in events if event.type == "response.created")
        assert talk.cancelled() == [created.response.id]
        # Nobody sees anything of it, but for taps.
        assert of_responses(drained(conn)) == []
        async with conn.respond("And?") as following:
            assert "".join([piece async for piece in following.text()]) == "Next."
        assert errors_in(drained(conn)) == []
        assert settled(conn)


# promise 4; pain 8
@pytest.mark.parametrize("beside", ["auto", "none"])
async def test_cancelled_after_the_hand_over_its_response_is_cancelled_once_its_id_is_known(
    beside: str, autojump_clock: trio.testing.MockClock
) -> None:
    slow = Faults(delay=0.5)
    async with met(
        [LONG, "Next."], faults=FaultPlan(1, from_client=slow, from_server=slow)
    ) as talk:
        conn = talk.conn
        left = trio.current_time()
        with trio.move_on_after(0.1) as scope:
            async with conn.respond("Hello?", conversation="none" if beside == "none" else "auto"):
                raise AssertionError
        assert scope.cancelled_caught
        async with conn.respond("And?") as following:
            if beside == "auto":
                # Asked for, begun, cancelled, done; asked for, begun: six messages.
                assert trio.current_time() - left == pytest.approx(3.0)
            assert "".join([piece async for piece in following.text()]) == "Next."
        await trio.sleep(5)
        assert len(talk.cancelled()) == 1
        assert talk.cancelled() != [following.id]
        assert of_responses(drained(conn)) == []
        assert settled(conn)


# promise 4
@pytest.mark.parametrize(
    "code", ["rate_limit_exceeded", "conversation_already_has_active_response"]
)
async def test_cancelled_after_the_hand_over_a_refusal_is_nobody_s_affair(
    code: str, autojump_clock: trio.testing.MockClock
) -> None:
    slow = Faults(delay=0.5)
    async with met("Next.", faults=FaultPlan(1, from_client=slow, from_server=slow)) as talk:
        conn = talk.conn
        talk.session.refuse_next("response.create", code)
        await refuses_to_begin(conn, 0.1)
        await trio.sleep(5)
        # It is not asked again: nobody wants it any more.
        assert len(talk.sent("response.create")) == 1
        assert errors_in(drained(conn)) == []
        async with conn.respond("And?") as following:
            assert (await following.result()).status == "completed"
        assert settled(conn)


# promise 4
@pytest.mark.parametrize("kind", ["response.created", "error"])
async def test_cancelled_in_the_moment_of_its_answer_it_leaves_nothing_behind(
    kind: str, monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    scope = trio.CancelScope()
    receive = Pending.receive

    def cancels(pending: Pending, event: ServerEvent) -> Verdict:
        if event.type == kind:
            scope.cancel()
        return receive(pending, event)

    async with met([LONG, "Next."] if kind != "error" else "Next.") as talk:
        if kind == "error":
            talk.session.refuse_next("response.create", BUSY)
        monkeypatch.setattr(Pending, "receive", cancels)
        with scope:
            async with talk.conn.respond("Hello?"):
                raise AssertionError
        assert scope.cancelled_caught
        async with talk.conn.respond("And?") as following:
            assert (await following.result()).status == "completed"
        assert len(talk.cancelled()) == (0 if kind == "error" else 1)
        assert settled(talk.conn)


async def talks_over_a_slow_line(session: Session) -> None:
    async with session.open() as conn:
        with trio.CancelScope() as scope:
            session.stage = "body"
            session.cancels(scope)
            for _ in range(20):
                await trio.lowlevel.checkpoint()
            async with conn.respond("Hi!", instructions="Be brief. " * 300) as reply:
                async for _ in reply:
                    pass
        session.steps.act = None
        async with conn.respond("Go on.", output_modalities=["text"]) as reply:
            assert "".join([piece async for piece in reply.text()]) == "You said: Go on."
        await trio.sleep(10)
        assert_settled(conn)
        assert settled(conn)


# promise 1; promise 4
@pytest.mark.sweep
def test_a_question_cancelled_at_any_step_over_a_slow_line_is_whole_or_was_never_asked() -> None:
    dry = Session(None).run(talks_over_a_slow_line)
    asked: set[tuple[int, int]] = set()
    for at in range(1, dry.steps.count, max(1, dry.steps.count // effort(40, deep=400))):
        session = Session(at).run(talks_over_a_slow_line)
        assert session.theirs is not None
        frames, torn = frames_in(session.theirs.received)
        assert torn == b""
        assert [opcode for opcode, _ in frames].index(CLOSE) == len(frames) - 1
        types = [json.loads(data)["type"] for _, data in frames[:-1]]
        creates, cancels = types.count("response.create"), types.count("response.cancel")
        assert types.count("conversation.item.create") == creates
        assert cancels < creates
        asked.add((creates, cancels))
    # Never asked; asked and cancelled; asked and over.
    assert asked == {(1, 0), (2, 1), (2, 0)}


# promise 4
@pytest.mark.sweep
def test_waiting_for_others_responses_cancelled_at_any_step_loses_none_of_them() -> None:
    taken: set[bool] = set()

    async def main(steps: Sequence[int]) -> None:
        async with met("one two three", session={"output_modalities": ["text"]}) as talk:
            with talk.conn.tap() as tap:
                async with talk.conn.incoming() as replies:
                    for step in steps:
                        reply: Reply | None = None
                        is_here_before = step < 10
                        if is_here_before:
                            talk.session.hears("Hello?")
                            await trio.sleep(1)
                        with trio.CancelScope() as scope:
                            instrument.arm(step, scope.cancel)
                            if not is_here_before:
                                talk.session.hears("Hello?")
                            reply = await replies.receive()
                        instrument.disarm()
                        taken.add(reply is not None)
                        reply = reply or await replies.receive()
                        assert "".join([piece async for piece in reply.text()]) == "one two three"
                        await trio.sleep(1)
                begun = 0
                while tap._held:
                    begun += tap.receive_nowait().type == "response.created"
                assert begun == len(steps)
            assert of_responses(drained(talk.conn)) == []
            assert settled(talk.conn)

    for seed in range(4):
        instrument = AtStep()
        with seeded(seed):
            clock = MockClock(autojump_threshold=0)
            trio.run(main, range(1 + seed, 80, 4), clock=clock, instruments=[instrument])
    assert taken == {False, True}
