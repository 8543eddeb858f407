"""The mark by which a response is known as ours: one reserved key of its metadata.

This module writes the mark into what goes out, finds it in what comes in, and removes it from what
a program sees. It does not know who asked for the response.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from trio_realtime.events import InvalidEvent

if TYPE_CHECKING:
    from pydantic import JsonValue

    from trio_realtime import beta
    from trio_realtime._core._event import Event
    from trio_realtime.events import ResponseCreated, ResponseDone

    _Bearer: TypeAlias = ResponseCreated | ResponseDone | beta.ResponseCreated | beta.ResponseDone


TOKEN_KEY: Final = "trio_realtime"  # noqa: S105 - no secret
"""The reserved key."""

# The server takes 16 pairs (API reference, `response.metadata`); one is ours.
METADATA_PAIRS: Final = 15
"""How many pairs of metadata are the caller's."""


def token_in(metadata: object) -> str | None:
    """The token in metadata, ours or echoed; None where there is none."""
    if not isinstance(metadata, Mapping):
        return None
    token = cast("Mapping[str, object]", metadata).get(TOKEN_KEY)
    return token if isinstance(token, str) else None


def without_token(event: Event) -> Event:
    """The event as a program sees it: what was not asked for by name is not in its metadata.

    Metadata that held the token alone becomes null, as it is for whoever attaches none.
    """
    if event.type in _BEARERS:
        bearer = cast("_Bearer", event)
        metadata = bearer.response.metadata
        if metadata is None or TOKEN_KEY not in metadata:
            return event
        left = {key: value for key, value in metadata.items() if key != TOKEN_KEY} or None
        response = bearer.response.model_copy(update={"metadata": left})
        return bearer.model_copy(update={"response": response})
    if isinstance(event, InvalidEvent) and event.wire_type in _BEARERS:
        return _without_token_in_data(event)
    return event


_BEARERS: Final = frozenset({"response.created", "response.done"})


def _without_token_in_data(event: InvalidEvent) -> InvalidEvent:
    if not isinstance(event.data, dict):
        return event
    response = event.data.get("response")
    metadata = response.get("metadata") if isinstance(response, dict) else None
    if not isinstance(response, dict) or not isinstance(metadata, dict):
        return event
    if TOKEN_KEY not in metadata:
        return event
    left: JsonValue = {key: value for key, value in metadata.items() if key != TOKEN_KEY} or None
    return dataclasses.replace(
        event, data={**event.data, "response": {**response, "metadata": left}}
    )
