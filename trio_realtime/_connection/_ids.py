"""Where the chance in our ids comes from.

One random stream for the process, so that a test can seed it (`trio_realtime.testing.seeded`).
Ids are names, not secrets.
"""

from __future__ import annotations

import random
import string
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, Literal

_ALPHABET: Final = (string.digits + string.ascii_letters).encode()
_LETTER_OF_BYTE: Final = bytes(_ALPHABET[byte % len(_ALPHABET)] for byte in range(256))
# A few letters are a little likelier than the others: 21 of them still hold 124 bits.

_LENGTH: Final = 21
"""Characters after the prefix, as in the server's own ids. With `event_` or `item_` this stays
below the 32 characters that the server allows for an item's id."""

_source: random.Random = random.Random()  # noqa: S311 - ids are names, not secrets


def new_id(prefix: Literal["event_", "item_"]) -> str:
    """Choose an id that nobody has used."""
    return prefix + _source.randbytes(_LENGTH).translate(_LETTER_OF_BYTE).decode("ascii")


def new_fraction() -> float:
    """Choose a number from 0 up to 1, for whoever is not to act at the same time as others."""
    return _source.random()


@contextmanager
def seed_ids(seed: int) -> Generator[None]:
    """Make the ids chosen inside the block depend on `seed` alone."""
    global _source  # noqa: PLW0603 - the one random stream of the process
    before, _source = _source, random.Random(seed)  # noqa: S311 - ids are names, not secrets
    try:
        yield
    finally:
        _source = before
