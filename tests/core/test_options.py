from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from trio_realtime._options import DEFAULT_OPTIONS, Options

NUMBERS = [field.name for field in dataclasses.fields(Options) if field.name != "wait_for_session"]
OPTIONAL = ["ping_interval", "failure_grace", "finish_timeout"]


def with_value(name: str, value: object) -> Options:
    changes: dict[str, Any] = {name: value}
    return dataclasses.replace(DEFAULT_OPTIONS, **changes)


def test_the_defaults_are_the_documented_ones() -> None:
    mib = 1024 * 1024
    assert dataclasses.asdict(DEFAULT_OPTIONS) == {
        "connect_timeout": 10,
        "close_timeout": 1,
        "ping_interval": 20,
        "ping_timeout": 20,
        "failure_grace": 10,
        "cancel_timeout": 5,
        "finish_timeout": 10,
        "hangup_timeout": 5,
        "max_message_bytes": 64 * mib,
        "inbox_bytes": 64 * mib,
        "outbox_bytes": mib,
        "backlog_bytes": 4 * mib,
        "wait_for_session": True,
    }


def test_options_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT_OPTIONS.close_timeout = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-1, -0.5, math.nan, "10"])
def test_a_number_that_is_none_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a number, 0 or more"):
        with_value(name, value)


@pytest.mark.parametrize("name", NUMBERS)
def test_only_what_can_be_switched_off_may_be_none(name: str) -> None:
    if name in OPTIONAL:
        assert getattr(with_value(name, None), name) is None
    else:
        with pytest.raises(ValueError, match=f"^{name} must be a number"):
            with_value(name, None)


@pytest.mark.parametrize("name", ["max_message_bytes", "inbox_bytes", "outbox_bytes"])
def test_a_limit_of_no_bytes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be at least 1 byte$"):
        with_value(name, 0)


def test_deadlines_may_be_zero_or_infinite() -> None:
    options = Options(close_timeout=0, connect_timeout=math.inf, backlog_bytes=0)
    assert (options.close_timeout, options.connect_timeout) == (0, math.inf)
    assert not Options(wait_for_session=False).wait_for_session
