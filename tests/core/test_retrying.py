"""When a request is asked again, and after how long."""

from __future__ import annotations

import pytest

from trio_realtime._core._retrying import delay_before, is_uncertain, may_ask_again


@pytest.mark.parametrize("status", [408, 429, 503])
def test_a_server_that_has_not_acted_is_asked_again_whatever_it_was_asked(status: int) -> None:
    assert not is_uncertain(status)
    assert may_ask_again(status, repeatable=True)
    assert may_ask_again(status, repeatable=False)


@pytest.mark.parametrize("status", [None, 500, 502, 504, 529])
def test_a_server_that_may_have_acted_is_asked_again_only_what_does_no_harm_twice(
    status: int | None,
) -> None:
    assert is_uncertain(status)
    assert may_ask_again(status, repeatable=True)
    assert not may_ask_again(status, repeatable=False)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 409, 422])
def test_a_refusal_is_final(status: int) -> None:
    assert not is_uncertain(status)
    assert not may_ask_again(status, repeatable=True)


def test_the_wait_is_doubled_up_to_eight_seconds_and_shortened_by_chance() -> None:
    waits = [delay_before(retry, retry_after=None, fraction=0.0) for retry in range(6)]
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert delay_before(10_000, retry_after=None, fraction=0.0) == 8.0
    assert delay_before(1, retry_after=None, fraction=1.0) == 0.75


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 0.0), (2.5, 2.5), (60.0, 60.0), (61.0, None)])
def test_what_the_server_asks_for_is_waited_within_a_minute(
    asked: float, waited: float | None
) -> None:
    assert delay_before(3, retry_after=asked, fraction=0.5) == waited
