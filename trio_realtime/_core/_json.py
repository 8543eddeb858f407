"""JSON as every program reads it: no more than the standard allows.

This module does not know what a value means.
"""

from __future__ import annotations

import json
import math
from typing import NoReturn

from pydantic import JsonValue


def json_from_data(data: str | bytes) -> JsonValue:
    """Read a message as JSON; binary ones as UTF-8.

    Raises:
        ValueError: if it is none. `NaN`, `Infinity` and numbers beyond a float are Python's own,
            and could not be sent on.
        RecursionError: if it is nested too deeply.
    """
    # Not by `json`, which takes bytes for UTF-16 and half characters for whole ones.
    text = data if isinstance(data, str) else data.decode()
    value: JsonValue = json.loads(text, parse_constant=_refused, parse_float=_finite)
    return value


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _finite(digits: str) -> float:
    value = float(digits)
    return _refused(digits) if math.isinf(value) else value
