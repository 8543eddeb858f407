"""Which events are wanted, which came, and how the difference is shown. No I/O, and no clock."""

from trio_realtime._core.matching._dialogue import Dialogue
from trio_realtime._core.matching._listing import explanation
from trio_realtime._core.matching._pattern import EventKind, EventPattern
from trio_realtime._core.matching._sequence import Element, Gap, Group, Mismatch, Repeat, mismatch
from trio_realtime._core.matching._table import comparison
from trio_realtime._core.matching._values import ANY, MISSING, Anything, Missing
from trio_realtime._core.matching._view import EventLike, EventView, view_of_event

__all__ = [
    "ANY",
    "MISSING",
    "Anything",
    "Dialogue",
    "Element",
    "EventKind",
    "EventLike",
    "EventPattern",
    "EventView",
    "Gap",
    "Group",
    "Mismatch",
    "Missing",
    "Repeat",
    "comparison",
    "explanation",
    "mismatch",
    "view_of_event",
]
