"""A translation's session: what it starts with, and how an update changes it.

What may be changed is the specification's. That any language and any model that transcribes are
taken is our choice.
"""

from __future__ import annotations

import copy
from typing import Final

from trio_realtime._core.simulator._checks import choice, members, text
from trio_realtime._core.simulator._json import Object, object_of

_CHECK: Final = members(
    {
        "audio": members(
            {
                "input": members(
                    {
                        "transcription": members({"model": text}, required=("model",)),
                        "noise_reduction": members(
                            {"type": choice("near_field", "far_field")}, required=("type",)
                        ),
                    }
                ),
                "output": members({"language": text}),
            }
        )
    }
)


def initial_translation(*, id: str, model: str, expires_at: int) -> Object:  # noqa: A002
    """A new session, complete, nulls included."""
    return {
        "id": id,
        "type": "translation",
        "expires_at": expires_at,
        "model": model,
        "audio": {
            "input": {"noise_reduction": None, "transcription": None},
            "output": {"language": None},
        },
        "include": None,
    }


def updated_translation(session: Object, update: Object) -> Object:
    """The session after an update; null switches off. The session before is left as it is.

    Raises:
        RefusedError: if the update does not fit; nothing of it is applied then. Type and model are
            no parameters of an update, as specified.
    """
    _CHECK(update, "session")
    updated = copy.deepcopy(session)
    audio = object_of(updated["audio"])
    for direction, changes in object_of(update.get("audio")).items():
        part = object_of(audio[direction])
        # Null for all of a direction: everything in it. Our choice.
        given: Object = dict.fromkeys(part) if changes is None else object_of(changes)
        part.update(copy.deepcopy(given))
    return updated
