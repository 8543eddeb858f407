from __future__ import annotations

import pytest

from trio_realtime import CloseInfo, ConnectError, ConnectionClosedError
from trio_realtime.cli._problem import ProblemError, leaves, verdict

LOST = ConnectionClosedError(CloseInfo(code=None, reason="", closed_by="network"))


def test_the_line_of_a_group_is_that_of_what_is_in_it() -> None:
    error = ExceptionGroup("outer", [ExceptionGroup("inner", [LOST])])
    assert verdict(error) == (1, "the connection was lost without a close frame")


def test_the_line_is_one_line() -> None:
    assert verdict(ConnectError("one\n  two\n")) == (1, "one two")


def test_the_users_mistake_explains_what_followed() -> None:
    error = ExceptionGroup("", [LOST, ProblemError("reply.wav: cannot be written")])
    assert verdict(error) == (1, "reply.wav: cannot be written")


def test_ctrl_c_is_an_exit_status_and_no_line() -> None:
    assert verdict(BaseExceptionGroup("", [LOST, KeyboardInterrupt()])) == (130, "")


def test_a_closed_standard_output_is_an_exit_status_and_no_line() -> None:
    assert verdict(BaseExceptionGroup("", [SystemExit(1)])) == (1, "")


def test_a_bug_is_raised_as_it_is() -> None:
    error = ExceptionGroup("", [LOST, ZeroDivisionError()])
    with pytest.RaisesGroup(ConnectionClosedError, ZeroDivisionError):
        verdict(error)


def test_leaves_are_found_in_order() -> None:
    inner = ExceptionGroup("inner", [ValueError("1"), ValueError("2")])
    assert [str(leaf) for leaf in leaves(ExceptionGroup("", [inner, ValueError("3")]))] == [
        "1",
        "2",
        "3",
    ]
