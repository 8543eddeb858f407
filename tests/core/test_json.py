"""JSON as every program reads it."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from trio_realtime._core._json import json_from_data


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ('{"a": [1, 2.5, -1e30, null, true]}', {"a": [1, 2.5, -1e30, None, True]}),
        ('"ä"'.encode(), "ä"),
        ('"\\ud800"', "\ud800"),
    ],
)
def test_json_is_read(data: str | bytes, value: JsonValue) -> None:
    assert json_from_data(data) == value


@pytest.mark.parametrize(
    "data", ["", "{", "NaN", "[-Infinity]", "1e999", "-1e999", '"ä"'.encode("utf-16"), b'"\xe4"']
)
def test_what_only_python_reads_is_refused(data: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        json_from_data(data)


def test_what_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(RecursionError):
        json_from_data("[" * 100_000)
