"""What must not leave us, taken out of every text that does."""

from __future__ import annotations

from collections.abc import Collection


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """Replace what looks like a secret, or is known to be one."""
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    return text
