"""Whose item is it: which `conversation.item.create` an item that appears answers.

This module knows which items the server announced by itself. It does not know who waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, final

from trio_realtime._core._outgoing import text_at
from trio_realtime._core._recent import RecentIds

if TYPE_CHECKING:
    from trio_realtime._core._event import Event
    from trio_realtime._core._outgoing import Outgoing
    from trio_realtime._core._place import Place

# An announced item appears within the same turn; the API caps a conversation's context long
# before a thousand items.
_KNOWN_IDS: Final = 1024
_DETECTED_IDS: Final = 256


@final
class Items:
    """What the server told about items, and the rule by which an item finds its creator."""

    def __init__(self) -> None:
        self._known = RecentIds(_KNOWN_IDS)
        self._detected = RecentIds(_DETECTED_IDS)
        self._keeps_our_ids = False

    def announce(self, item_id: str | None) -> None:
        """An item is coming that no create of ours asked for."""
        self._known.add(item_id)

    def detect(self, item_id: str | None) -> None:
        """A turn or the idle time ended: the server commits the item by itself."""
        self._detected.add(item_id)
        self._known.add(item_id)

    def is_announced(self, item_id: str | None) -> bool:
        """Whether the server told of the item before."""
        return item_id in self._known

    def is_detected(self, item_id: str | None) -> bool:
        """Whether the server commits the item: voice detection or the idle timeout ended it."""
        return item_id in self._detected

    def claim(self, creates: Iterable[Place], event: Event) -> Place | None:
        """Find the create that an `added` or `created` item answers.

        By the item's id first: no item is announced under an id that we chose. A server that has
        kept one id of ours keeps them all, so from then on an item under a foreign id is not the
        answer to a create that chose one; until then it may be a server that rewrites ids.
        """
        item_id = text_at(event, "item", "id")
        known = item_id in self._known
        # Servers of both generations send `added` and `created` for the same item.
        self._known.add(item_id)
        if item_id is not None:
            for place in creates:
                if place.outgoing.item_id == item_id:
                    self._keeps_our_ids = True
                    return place
        if known:
            return None
        candidates = [
            place for place in creates if not (self._keeps_our_ids and place.outgoing.item_id)
        ]
        return next((place for place in candidates if _may_be(place.outgoing, event)), None)


def _may_be(created: Outgoing, event: Event) -> bool:
    """Whether nothing speaks against it; what either side leaves out speaks neither way.

    `call_id` is the server's own name for the call, so it is kept also where item ids are not.
    """
    pairs = (
        (created.item_type, text_at(event, "item", "type")),
        (created.role, text_at(event, "item", "role")),
        (created.call_id, text_at(event, "item", "call_id")),
    )
    return all(ours is None or theirs is None or ours == theirs for ours, theirs in pairs)
