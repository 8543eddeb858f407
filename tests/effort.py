"""How much the long tests try: some of their cases in every run, all of them in `nox -s deep`."""

from __future__ import annotations

import os
from typing import Final

IS_DEEP: Final = os.environ.get("TRIO_REALTIME_DEEP") == "1"

share = 1
"""One case in so many of the usual ones is enough: 2 on the second WebSocket library."""


def one_in(usual: int) -> int:
    """Tell of how many cases one is tried; in a deep run it is each of them."""
    return 1 if IS_DEEP else usual * share


def effort(usual: int, *, deep: int) -> int:
    """Tell how many examples or moments are tried."""
    return deep if IS_DEEP else usual
