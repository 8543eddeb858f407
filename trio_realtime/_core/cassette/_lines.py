"""The lines of a cassette: written, and read again.

JSON Lines. The first line is the header, every other one an entry::

    {"cassette": 1, "recorded_with": "trio-realtime 1.0", "audio": "cut", "text": "keep"}
    {"at": 0.0, "connection": 1, "open": {"url": "wss://...", "query": {"model": "gpt-realtime"}}}
    {"at": 0.1, "connection": 1, "from": "server", "frame": {"type": "session.created", ...}}
    {"at": 0.2, "connection": 1, "from": "client", "frame": {"type": "response.create"}}
    {"at": 9.0, "connection": 1, "from": "server", "close": {"code": 1001, "reason": "..."}}

`at` is in seconds since the recording began. A message is a `frame` where it is JSON, and `text`
where it is not; `binary_frame` and `binary` (base64) likewise for binary messages. `close` is null
where the link broke without a close frame. A connection that was refused has `refused` in place
of `open`.

This module does not know files, nor what may stand in a message.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from trio_realtime._core._json import json_from_data
from trio_realtime._core.cassette._entry import (
    Cassette,
    CassetteError,
    Closed,
    Entry,
    Header,
    Message,
    MessageKind,
    Opened,
    Policy,
    Refused,
    Side,
    What,
)

VERSION: Final = 1
"""The format's version. It is raised when older releases could not read what is written."""

_KINDS: Final[tuple[MessageKind, ...]] = ("frame", "text", "binary_frame", "binary")
_SIDES: Final[dict[str, Side]] = {"client": "client", "server": "server"}
# What HTTP and WebSocket have room for: others cannot be played.
_STATUSES: Final = range(200, 1000)
_CODES: Final = range(2**16)
_HEADER: Final = re.compile(
    r"[!#$%&'*+.^_`|~\w-]+:(?:[^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?)?", re.ASCII
)

_POLICIES: Final[dict[str, Policy]] = {"cut": "cut", "keep": "keep"}


def line_from_header(header: Header) -> str:
    """Write the first line."""
    return _written(
        {
            "cassette": VERSION,
            "recorded_with": header.recorded_with,
            "recorded_at": header.recorded_at,
            "audio": header.audio,
            "text": header.text,
            "session_ids": header.session_ids,
        }
    )


def line_from_entry(entry: Entry) -> str:
    """Write one line."""
    fields: dict[str, JsonValue] = {"at": round(entry.at, 6), "connection": entry.connection}
    match entry.what:
        case Opened(url, query, subprotocol):
            asked: JsonValue = None if query is None else dict(query)
            fields["open"] = {"url": url, "query": asked, "subprotocol": subprotocol}
        case Refused(status, url, query, headers, body):
            asked = None if query is None else dict(query)
            fields["refused"] = {
                "url": url,
                "query": asked,
                "status": status,
                "headers": dict(headers),
                "body": body,
            }
        case Message(side, kind, content):
            fields |= {"from": side, kind: content}
        case closed:
            how: JsonValue = {"code": closed.code, "reason": closed.reason}
            fields |= {"from": closed.side, "close": None if closed.code is None else how}
    return _written(fields)


def _written(fields: Mapping[str, JsonValue]) -> str:
    # Readable in any language; lone surrogates, which UTF-8 has not, stay escaped.
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace").decode()


def cassette_from_text(text: str, name: str) -> Cassette:
    """Read a cassette. `name` is what errors call it.

    Raises:
        CassetteError: if it is none, or of a later format.
    """
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise CassetteError(f"{name} is empty: record it again")
    header = _header(_object(lines[0][1], f"{name}, line {lines[0][0]}"), name)
    entries = tuple(_entry(line, number, name) for number, line in lines[1:])
    return Cassette(header, entries)


def _object(line: str, where: str) -> dict[str, JsonValue]:
    try:
        value = json_from_data(line)
    except (ValueError, RecursionError) as error:
        raise CassetteError(f"{where}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise CassetteError(f"{where}: not a JSON object")
    return value


def _header(fields: dict[str, JsonValue], name: str) -> Header:
    version = fields.get("cassette")
    if not isinstance(version, int) or isinstance(version, bool):
        raise CassetteError(f'{name} is no cassette: its first line has no "cassette" number')
    if version != VERSION:
        raise CassetteError(f"{name} has format {version}, and this release reads {VERSION}")
    return Header(
        recorded_with=str(fields.get("recorded_with", "")),
        recorded_at=str(fields.get("recorded_at", "")),
        audio=_policy(fields.get("audio", "cut"), name),
        text=_policy(fields.get("text", "keep"), name),
        session_ids=_policy(fields.get("session_ids", "keep"), name),
    )


def _policy(value: JsonValue, name: str) -> Policy:
    if isinstance(value, str) and value in _POLICIES:
        return _POLICIES[value]
    raise CassetteError(f'{name}: a policy is "cut" or "keep", not {value!r}')


def _entry(line: str, number: int, name: str) -> Entry:
    where = f"{name}, line {number}"
    fields = _object(line, where)
    try:
        at = fields["at"]
        if not isinstance(at, int | float) or isinstance(at, bool):
            raise TypeError("`at` is a number")
        return Entry(float(at), _integer(fields, "connection"), _what(fields), number)
    except KeyError as error:
        raise CassetteError(f"{where}: there is no {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise CassetteError(f"{where}: {error}") from error


def _what(fields: dict[str, JsonValue]) -> What:
    if "open" in fields:
        opened = _inner(fields, "open")
        subprotocol = opened.get("subprotocol")
        named = None if subprotocol is None else str(subprotocol)
        return Opened(_string(opened, "url"), _strings(opened.get("query")), named)
    if "refused" in fields:
        refused = _inner(fields, "refused")
        return Refused(
            _integer(refused, "status", _STATUSES),
            _string(refused, "url"),
            _strings(refused.get("query")),
            _headers(refused),
            _string(refused, "body"),
        )
    sender = fields["from"]
    if not isinstance(sender, str) or sender not in _SIDES:
        raise ValueError(f'`from` is "client" or "server", not {sender!r}')
    side = _SIDES[sender]
    if "close" in fields:
        if fields["close"] is None:
            return Closed(side, None)
        close = _inner(fields, "close")
        return Closed(side, _integer(close, "code", _CODES), _string(close, "reason"))
    found: list[MessageKind] = [kind for kind in _KINDS if kind in fields]
    if len(found) != 1:
        raise ValueError("a line holds one of open, refused, close, " + ", ".join(_KINDS))
    return Message(side, found[0], _checked(found[0], fields[found[0]]))


def _checked(kind: MessageKind, content: JsonValue) -> JsonValue:
    if kind == "binary" and isinstance(content, str):
        base64.b64decode(content, validate=True)
    elif kind == "text":
        _string({kind: content}, kind)
    elif kind == "binary" and not isinstance(content, dict):
        raise TypeError("`binary` is base64, or the mark of what was cut")
    return content


def _inner(fields: dict[str, JsonValue], name: str) -> dict[str, JsonValue]:
    inner = fields[name]
    if not isinstance(inner, dict):
        raise TypeError(f"`{name}` is an object")
    return inner


def _integer(fields: dict[str, JsonValue], name: str, among: range | None = None) -> int:
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"`{name}` is a number")
    if among is not None and value not in among:
        raise ValueError(f"`{name}` is from {among[0]} to {among[-1]}, not {value}")
    return value


def _string(fields: dict[str, JsonValue], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise TypeError(f"`{name}` is a string")
    if not _is_unicode(value):
        raise ValueError(f"`{name}` is no Unicode")
    return value


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)


def _headers(fields: dict[str, JsonValue]) -> dict[str, str]:
    headers = _strings(fields.get("headers")) or {}
    for name, value in headers.items():
        if _HEADER.fullmatch(f"{name}:{value}") is None:
            raise ValueError(f"no header is {name!r}: {value!r}")
    return headers


def _strings(value: JsonValue) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    return {name: str(each) for name, each in value.items()}
