"""The facts of a loss, and the exceptions made from them."""

from __future__ import annotations

import pytest

from trio_realtime import (
    CloseInfo,
    ConnectionClosedError,
    InboxOverflowError,
    KeepaliveTimeoutError,
    MessageTooBigError,
    SessionExpiredError,
)
from trio_realtime._core._loss import Loss, LossKind, kind_of_close

GONE = CloseInfo(None, "", "network")


@pytest.mark.parametrize(
    ("kind", "cls"),
    [
        ("closed", ConnectionClosedError),
        ("expired", SessionExpiredError),
        ("keepalive", KeepaliveTimeoutError),
        ("overflow", InboxOverflowError),
        ("too_big", MessageTooBigError),
    ],
)
def test_every_raise_is_a_new_exception_of_the_kind(
    kind: LossKind, cls: type[ConnectionClosedError]
) -> None:
    frames = (("event_1", "response.create"),)
    loss = Loss(GONE, kind, limit=7, url="wss://a.test", unsent=frames, uncertain=frames)
    one, two = loss.error(), loss.error()
    assert type(one) is type(two) is cls
    assert one is not two
    assert (one.info, one.url, one.unsent, one.uncertain) == (GONE, "wss://a.test", frames, frames)
    if isinstance(one, InboxOverflowError | MessageTooBigError):
        assert one.limit == 7


@pytest.mark.parametrize(
    ("info", "last_code", "kind"),
    [
        (CloseInfo(1001, "Your session hit the maximum duration.", "server"), None, "expired"),
        (CloseInfo(1001, "session_expired", "server"), None, "expired"),
        (CloseInfo(1001, "going away", "server"), None, "closed"),
        (CloseInfo(1001, "", "server"), "session_expired", "expired"),
        (GONE, "session_expired", "expired"),
        (CloseInfo(1000, "maximum duration", "server"), None, "closed"),
        (GONE, None, "closed"),
    ],
)
def test_an_expired_session_is_told_from_any_other_close(
    info: CloseInfo, last_code: str | None, kind: LossKind
) -> None:
    assert kind_of_close(info, last_code) == kind
