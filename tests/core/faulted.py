"""What must arrive, told from what was sent and from what happened: written apart from the laws."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from trio_realtime._core._faults import Faults
from trio_realtime._core._faulty_line import MALFORMED, UNKNOWN, oversize


def key_of(message: str | bytes) -> tuple[str, str | None]:
    """What an event is told apart by: its type and id."""
    try:
        event: dict[str, JsonValue] = json.loads(message)
    except ValueError:
        return "<invalid>", None
    event_id = event.get("event_id")
    return str(event["type"]), event_id if isinstance(event_id, str) else None


def arrivals(
    sent: Sequence[str | bytes], happened: Iterable[tuple[str, int]], faults: Faults
) -> list[str | bytes]:
    """Apply what happened, as kinds and numbers of messages, to what was sent."""
    at: defaultdict[int, list[str]] = defaultdict(list)
    for kind, number in happened:
        at[number].append(kind)
    arrived: list[str | bytes] = []
    overtaken: str | bytes | None = None
    for number, message in enumerate(sent, 1):
        kinds = at[number]
        if "drop_before" in kinds or ("stall" in kinds and faults.stall_seconds == math.inf):
            return arrived
        arrived += [MALFORMED] * kinds.count("malformed")
        arrived += [UNKNOWN] * kinds.count("unknown")
        arrived += [oversize(faults.oversize_bytes) for kind in kinds if kind == "oversize"]
        if "reorder" in kinds:
            overtaken = message
            continue
        arrived += [message] * (1 + kinds.count("duplicate"))
        if overtaken is not None:
            arrived.append(overtaken)
            overtaken = None
        if "drop_after" in kinds:
            return arrived
    return arrived
