"""What must not stand in a cassette, taken out of every message before it is written.

* Keys and tokens: by value where they are known, and by their shape.
* The fields that hold credentials, whatever is in them, SDP, and of URLs the user-info and the
  queries: an MCP server's URL may be all it takes to use it.
* In what the server says about failures also whatever `redact` takes, and the ids of organizations,
  projects, users and requests.
* By policy: audio, whose length is kept; what was said, of which the lengths of words are kept, so
  that pieces still add up to the whole; the ids of sessions.

This module does not know where a message goes, nor what it means.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Iterator
from typing import Final, final

from pydantic import JsonValue

from trio_realtime._core._json import json_from_data
from trio_realtime._core.cassette._entry import CassetteSecretError, Header, Message, Side
from trio_realtime._redaction import REDACTED, redact, redact_keys, redact_url

AUDIO: Final = "$audio"
"""The key of the mark that stands where audio was cut."""

_CREDENTIALS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "headers",
        "cookie",
        "set-cookie",
        "client_secret",
        "api_key",
        "api-key",
        "apikey",
        "x-api-key",
        "access_token",
        "bearer_token",
        "refresh_token",
        "password",
        "sdp",
    }
)

_WORDS: Final = frozenset({"text", "transcript", "refusal"})

_WORD_DELTAS: Final = ("text.delta", "transcript.delta", "transcription.delta", "refusal.delta")

_SDP: Final = re.compile(r"\s*v=0\r?\n")

_IDENTIFYING: Final = re.compile(r"(?<![A-Za-z0-9])(?:org|user|proj|req)[-_][A-Za-z0-9]{8,}")

_SESSION_ID: Final = re.compile(r"sess_\w+")

# Stricter than what is taken out of a text: no word that is said in pieces may look like it.
_SPOKEN_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:sk|ek)[-_][\w-]{16,}|eyJ[\w-]{8,}\.eyJ[\w-]+\."
)

_NOT_A_WORD: Final = 10
"""What is shorter may be a word, such as `unused`, that people and models say to one another. Where
a server speaks of failures it is taken out all the same."""

_REMEMBERED: Final = 64
"""How many streams of pieces are watched at a time; more than any server sends at once."""

_TAIL: Final = 512
"""How much of each is remembered; longer than any key."""


@final
class Scrubber:
    """Takes out of messages what must not be kept. One for each recording."""

    def __init__(self, header: Header, secrets: Collection[str] = ()) -> None:
        self._header = header
        self._secrets: tuple[str, ...] = ()
        self._long: tuple[str, ...] = ()
        self._tails: dict[tuple[str, ...], str] = {}
        self.add_secrets(secrets)

    def add_secrets(self, secrets: Collection[str]) -> None:
        """Learn of values that are secret."""
        self._secrets = tuple(dict.fromkeys((*self._secrets, *secrets)))
        self._long = tuple(each for each in self._secrets if len(each) >= _NOT_A_WORD)

    def message(self, side: Side, data: str | bytes) -> Message:
        """Make of what passed what may be kept.

        Raises:
            CassetteSecretError: if it holds a key that cannot be taken out.
        """
        try:
            scrubbed = self._frame(side, json_from_data(data))
        except (ValueError, RecursionError):
            return self._opaque(side, data)
        return Message(side, "frame" if isinstance(data, str) else "binary_frame", scrubbed)

    def _frame(self, side: Side, value: JsonValue) -> JsonValue:
        kind = value.get("type") if isinstance(value, dict) else None
        kind = kind if isinstance(kind, str) else ""
        scrubbed = self._scrubbed(value, "", kind, failing=False)
        who = f"a {redact_keys(kind, self._long) or 'message'} of the {side}'s"
        for path in self._keys_in(scrubbed, ""):
            raise CassetteSecretError(f"{who} has a key as a name, at {path or 'its top'}")
        if self._header.audio == "keep" and any(map(self._has_key, _audio_in(value, "", kind))):
            raise CassetteSecretError(f"{who} has a key in its audio")
        self._listen(kind, value)
        return scrubbed

    def failure(self, text: str) -> str:
        """Make of what a server says about a failure what may be kept."""
        return _IDENTIFYING.sub(REDACTED, redact(text, self._secrets))

    def url(self, url: str) -> str:
        """Make of a URL what may be kept."""
        return redact_url(url, self._secrets)

    def name(self, text: str) -> str:
        """Make of the name of a thing, such as a model's, what may be kept."""
        return redact_keys(text, self._secrets)

    def _opaque(self, side: Side, data: str | bytes) -> Message:
        if isinstance(data, str):
            text = self.failure(data)
            return Message(side, "text", masked(text) if self._header.text == "cut" else text)
        if self._header.audio == "cut":
            return Message(side, "binary", _mark(data))
        encoded = base64.b64encode(data).decode()
        if self._has_key(encoded):
            raise CassetteSecretError(f"a binary message of the {side}'s holds a key")
        return Message(side, "binary", encoded)

    def _has_key(self, audio: str) -> bool:
        """Whether there is a key in audio, or in what stands in its place, or in its base64."""
        if redact_keys(audio, self._long) != audio:
            return True
        try:
            data = base64.b64decode(audio, validate=True)
        except ValueError:
            return False
        return any(self._keys_said(data.decode("latin-1")))

    def _scrubbed(self, value: JsonValue, name: str, kind: str, *, failing: bool) -> JsonValue:
        match value:
            case dict():
                return {
                    key: _blank(each)
                    if key.lower() in _CREDENTIALS
                    else self._scrubbed(each, key, kind, failing=failing or key == "error")
                    for key, each in value.items()
                }
            case list():
                if name == "logprobs" and self._header.text == "cut":
                    return []
                return [self._scrubbed(each, name, kind, failing=failing) for each in value]
            case str():
                return self._leaf(value, name, kind, failing)
            case _:
                return value

    def _leaf(self, text: str, name: str, kind: str, failing: bool) -> JsonValue:
        if is_audio(name, kind):
            return _mark_of_base64(text) if self._header.audio == "cut" else text
        if _SDP.match(text):
            return REDACTED
        if self._header.session_ids == "cut" and _SESSION_ID.fullmatch(text):
            return "sess_" + REDACTED
        if failing and name != "event_id":
            return self.failure(text)
        text = redact_keys(text, self._long)
        if _is_url(name) and "://" in text:
            return redact_url(text, self._long)
        return masked(text) if self._masks(name, kind) else text

    def _keys_in(self, value: JsonValue, path: str) -> Iterator[str]:
        """Where a property has a key as its name. Values hold none any more."""
        match value:
            case dict():
                for name, each in value.items():
                    if redact_keys(name, self._long) != name:
                        yield path
                    yield from self._keys_in(each, f"{path}.{name}" if path else name)
            case list():
                for number, each in enumerate(value):
                    yield from self._keys_in(each, f"{path}[{number}]")
            case _:
                return

    def _listen(self, kind: str, frame: JsonValue) -> None:
        """Notice a key that is said in pieces: each of them alone looks harmless."""
        if not isinstance(frame, dict) or not kind.endswith(".delta"):
            return
        piece = frame.get("delta")
        if not isinstance(piece, str) or is_audio("delta", kind) or self._masks("delta", kind):
            return
        parts = ("item_id", "content_index", "response_id")
        stream = (kind, *(str(frame.get(part)) for part in parts))
        before = self._tails.pop(stream, "")
        said = before + piece
        # What lies in one piece was taken out of it.
        if any(start < len(before) < end for start, end in self._keys_said(said)):
            raise CassetteSecretError(f"the server's {kind} frames spell a key between them")
        self._tails[stream] = said[-_TAIL:]
        if len(self._tails) > _REMEMBERED:
            del self._tails[next(iter(self._tails))]

    def _keys_said(self, text: str) -> Iterator[tuple[int, int]]:
        for pattern in (_SPOKEN_KEY, *map(re.compile, map(re.escape, self._long))):
            for found in pattern.finditer(text):
                yield found.span()

    def _masks(self, name: str, kind: str) -> bool:
        words = name in _WORDS or (name == "delta" and kind.endswith(_WORD_DELTAS))
        return words and self._header.text == "cut"


def _audio_in(value: JsonValue, name: str, kind: str) -> Iterator[str]:
    match value:
        case dict():
            for key, each in value.items():
                yield from _audio_in(each, key, kind)
        case list():
            for each in value:
                yield from _audio_in(each, name, kind)
        case str():
            if is_audio(name, kind):
                yield value
        case _:
            return


def _is_url(name: str) -> bool:
    return name == "url" or name.endswith("_url")


def is_audio(name: str, kind: str) -> bool:
    """Whether a string of this name, in a frame of this type, is audio."""
    return name == "audio" or (name == "delta" and kind.endswith("audio.delta"))


def masked(text: str) -> str:
    """Take the sense out of a text: letters and digits become `x`, what is between them stays."""
    return "".join(
        _LETTER if not (each.isspace() or each in _PUNCTUATION) else each for each in text
    )


_LETTER: Final = "x"
_PUNCTUATION: Final = frozenset("!\"'(),-.:;?[]{}…")


def _blank(value: JsonValue) -> JsonValue:
    """Leave only the shape of what holds credentials."""
    match value:
        case dict():
            return {key: _blank(each) for key, each in value.items()}
        case list():
            return [_blank(each) for each in value]
        case str():
            return REDACTED
        case _:
            return value


def _mark_of_base64(text: str) -> JsonValue:
    try:
        return _mark(base64.b64decode(text, validate=True))
    except ValueError:
        return {AUDIO: {"characters": len(text)}}


def _mark(data: bytes) -> JsonValue:
    # Of what was cut its length is kept, for the timeline, and enough to tell it from another.
    return {AUDIO: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()[:16]}}


# No message is longer.
_LONGEST: Final = 64 * 2**20


def silence(mark: JsonValue, fill: int) -> bytes | None:
    """Audio as long as what was cut; None where what was cut was none.

    `fill` is the byte that silence is made of.
    """
    fields = mark.get(AUDIO) if isinstance(mark, dict) and len(mark) == 1 else None
    length = fields.get("bytes") if isinstance(fields, dict) else None
    if not isinstance(length, int) or not 0 <= length <= _LONGEST:
        return None
    return bytes([fill]) * length
