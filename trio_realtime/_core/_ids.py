"""The shape of the ids we choose. Where chance comes from is not known here."""

from __future__ import annotations

import string
from typing import Final

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase

LENGTH: Final = 21
"""Characters after the prefix, as in the server's own ids. With `event_` or `item_` this stays
below the 32 characters that the server allows for an item's id."""

SPACE: Final = len(_ALPHABET) ** LENGTH
"""How many ids there are: a number below it makes one."""


def id_from_number(prefix: str, number: int) -> str:
    """Write `number` (0 to `SPACE` - 1) as an id.

    >>> id_from_number("item_", 0)
    'item_000000000000000000000'
    """
    digits: list[str] = []
    for _ in range(LENGTH):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return prefix + "".join(reversed(digits))
