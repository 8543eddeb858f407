"""The line of tickets: its order, and who is told what."""

from __future__ import annotations

import math

import pytest

from trio_realtime._core._line import Line, Ticket, TicketState


class Owner:
    """Somebody with a ticket, who notes its state whenever it is woken."""

    def __init__(self, line: Line) -> None:
        self.told: list[TicketState] = []
        self.ticket: Ticket = line.ticket(self.wake)

    def wake(self) -> None:
        self.told.append(self.ticket.state)


def owners_in(line: Line, count: int) -> list[Owner]:
    owners = [Owner(line) for _ in range(count)]
    for owner in owners:
        line.insert(owner.ticket)
    line.tell()
    return owners


def test_the_oldest_is_called_first_in_whatever_order_they_came_in() -> None:
    line = Line()
    first, second, third = (Owner(line) for _ in range(3))
    for owner in (second, third, first):
        line.insert(owner.ticket)
    assert [line.call() for _ in range(4)] == [first.ticket, second.ticket, third.ticket, None]
    assert not line


def test_nobody_is_called_while_the_oldest_is_away() -> None:
    line = Line()
    first, second = owners_in(line, 2)
    line.remove(first.ticket)
    assert first.ticket not in line
    line.insert(first.ticket, returns_by=3.0)
    assert line.deadline == 3.0
    assert line.call() is None
    line.advance(2.9)
    assert line.call() is None
    line.advance(3.0)
    assert line.deadline == math.inf
    assert line.call() is second.ticket
    assert first.ticket.state == "waiting"


def test_whoever_is_told_knows_what_it_is_told_once() -> None:
    line = Line()
    first, second, third = owners_in(line, 3)
    assert first.told == []
    line.call()
    line.tell()
    line.tell()
    assert first.told == ["granted"]
    line.change(first.ticket, "over")
    line.clear("dropped")
    line.tell(third.ticket)
    assert (first.told, second.told, third.told) == (["granted", "over"], ["dropped"], [])
    assert third.ticket.known == "dropped"
    assert [owner.ticket.has_ended for owner in (first, second, third)] == [True] * 3


def test_what_changes_while_one_is_told_is_told_next() -> None:
    line = Line()
    order: list[str] = []

    def wake_first() -> None:
        order.append("first begins")
        line.change(second, "over")
        line.tell()
        order.append("first ends")

    first, second = line.ticket(wake_first), line.ticket(lambda: order.append("second"))
    line.change(first, "granted")
    line.tell()
    assert order == ["first begins", "first ends", "second"]


def test_a_wake_that_is_interrupted_keeps_the_others_from_nothing() -> None:
    line = Line()

    def interrupt() -> None:
        raise KeyboardInterrupt

    (other,) = owners_in(line, 1)
    line.change(line.ticket(interrupt), "over")
    line.clear("over")
    with pytest.raises(KeyboardInterrupt):
        line.tell()
    line.tell()
    assert other.told == ["over"]
