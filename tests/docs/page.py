"""docs/testing.md as a project: the name above a block is the file that it belongs to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
TEXT: Final = PAGE.read_text("utf-8")
NAMED: Final = re.compile(r"^`([\w.]+)`:\n\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files() -> dict[str, str]:
    """The page's files: blocks with one name follow one another."""
    parts: dict[str, list[str]] = {}
    for name, _, text in NAMED.findall(TEXT):
        parts.setdefault(name, []).append(text)
    return {name: "\n\n".join(texts) for name, texts in parts.items()}
