"""What must not leave us, taken out of every text that does.

Two nets, one behind the other: values that are known to be secret, in every encoding they travel
in, and shapes that are secret whoever made them (keys, tokens, user-info, query values).

Rule 1: rather too much than too little; a reader of a log can live with a lost word. Rule 2: time
is linear in the text. A pattern whose first part repeats begins with a look-behind, so that a
search cannot begin again in the middle of the same run.

This module does not know where a text goes, nor which texts are ours.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final, TypeAlias
from urllib.parse import quote, quote_plus

REDACTED: Final = "[redacted]"
"""What stands where a secret was."""

VISIBLE_QUERY: Final = frozenset({"model", "deployment", "api-version", "call_id", "intent"})
"""The query parameters whose values may be shown: they say what was asked for, not by whom."""

# Shorter than this is no secret worth the name, and taking "a" out of every text would leave none.
# Where a short one normally stands (user-info, header, query) its place gives it away.
_SHORTEST: Final = 4

# The last word of a header's or parameter's name. Plurals are counts: `x-ratelimit-limit-tokens`.
_CREDENTIAL: Final = re.compile(
    r"(?:^|[-_.])(?:authorization|auth|apikey|key|token|jwt|secret|cookie2?|passw(?:or)?d|"
    r"sig|signature|credentials?)$",
    re.IGNORECASE,
)

# Where a key may begin: not within a word, but for the escapes that end in a letter or a digit.
_START: Final = r"(?:(?<![A-Za-z0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4}))"

# HTTP's prose: "using Bearer auth" loses nothing.
_PROSE: Final = r"(?!(?:auth|authentication|authorization|tokens?|scheme|or)(?![\w.~+/=-]))"

_NAMES: Final = (
    r"(?:proxy-)?authorization|(?:set-)?cookie2?|(?:x-)?api[-_]?key|client[-_]secret|"
    r"(?:access|refresh|id|auth|bearer)[-_]token|passw(?:or)?d|"
    r"(?<=[\"'])(?:token|secret|key)(?=\\*[\"'])"
)

_Replacement: TypeAlias = str | Callable[[re.Match[str]], str]


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """Take out of a text what is secret or looks like it.

    Args:
        text: Anything: a message, a URL, a header, a body.
        secrets: Values known to be secret. They are found percent-encoded, JSON-escaped and within
            base64 too, and by their last four characters where those follow a mask. Values
            shorter than four characters are left to the patterns.

    Returns:
        The text with `[redacted]` in their places; redacting it again changes nothing.
    """
    forms = _known(secrets)
    for plain, within_base64, _ in forms:
        text = _without_forms(text, plain, within_base64)
    for pattern, replacement in _compiled():
        text = pattern.sub(replacement, text)
    # Last: the patterns take a masked key whole, with what is visible of its beginning.
    for _, _, tail in forms:
        text = tail.sub(REDACTED, text)
    return text


def redact_keys(text: str, secrets: Collection[str] = ()) -> str:
    """Take out of a text only what is known to be secret, and what has the shape of a key.

    For what people and models say to one another, of which `redact` would take too much: URLs
    with queries, asterisks, long words.
    """
    forms = _known(secrets)
    for plain, within_base64, _ in forms:
        text = _without_forms(text, plain, within_base64)
    for pattern, replacement in _compiled_keys():
        text = pattern.sub(replacement, text)
    for _, _, tail in forms:
        text = tail.sub(REDACTED, text)
    return text


def redact_url(url: str, secrets: Collection[str] = ()) -> str:
    """Take the user-info, the fragment and all but a few query values out of a URL.

    Unlike `redact` it knows that the whole text is a URL, so `user:password@proxy:8080` without a
    scheme, and a path with a query, are understood.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    return redact(scheme + separator + _shown(rest), secrets)


def redact_headers(
    headers: Iterable[tuple[str, str]], secrets: Collection[str] = ()
) -> tuple[tuple[str, str], ...]:
    """Drop the headers that hold credentials and redact the values of the others."""
    return tuple(
        (name, redact(value, secrets)) for name, value in headers if not is_credential(name)
    )


def is_credential(name: str) -> bool:
    """Whether a header or a query parameter of this name holds something secret."""
    return _CREDENTIAL.search(name) is not None


def _known(
    secrets: Collection[str],
) -> list[tuple[tuple[str, ...], tuple[str, ...], re.Pattern[str]]]:
    """The forms of the secrets that are long enough to be looked for."""
    # A lone `str` is a collection too: of characters, each too short to be looked for.
    known = (secrets,) if isinstance(secrets, str) else secrets
    # Longest first: a secret may be a part of another one.
    return [
        _forms(secret)
        for secret in sorted(known, key=len, reverse=True)
        if len(secret) >= _SHORTEST
    ]


def _without_forms(text: str, plain: tuple[str, ...], within_base64: tuple[str, ...]) -> str:
    for form in plain:
        if form in text:
            text = text.replace(form, REDACTED)
    for form in within_base64:
        if form in text:
            text = "".join(_without_runs_around(text, form))
    return text


@functools.lru_cache(maxsize=64)
def _forms(secret: str) -> tuple[tuple[str, ...], tuple[str, ...], re.Pattern[str]]:
    """How a secret may appear: as a text, as part of base64, and by its end after a mask."""
    plain = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    plain |= {repr(secret)[1:-1], json.dumps(json.dumps(secret)[1:-1])[1:-1]}
    plain |= {secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    for encoded in (
        quote(secret, safe="", errors="surrogatepass"),
        quote(secret, errors="surrogatepass"),
        quote_plus(secret, errors="surrogatepass"),
    ):
        lower = re.sub("%[0-9A-F]{2}", lambda escape: escape[0].lower(), encoded)
        plain |= {encoded, lower, quote(encoded, safe="")}
    raw = secret.encode("utf-8", "surrogatepass")
    within: set[str] = set()
    for before in range(3):
        # What stands before and after in the same base64 is not known: only the groups of three
        # bytes that are all ours always look the same.
        ours = raw[-before % 3 :]
        text = base64.b64encode(ours[: len(ours) // 3 * 3]).decode("ascii")
        within |= {text, text.replace("+", "-").replace("/", "_")}
    tail = re.compile(
        r"(?:(?<=[*•…·])|(?<=\.\.)|(?<=[xX]{3})|\bend(?:ing|s) (?:in|with) [\"']?)"
        + re.escape(secret[-4:])
    )
    # Longest first: a form may be a part of another one.
    return (
        tuple(sorted(plain, key=len, reverse=True)),
        tuple(form for form in within if form),
        tail,
    )


def _without_runs_around(text: str, core: str) -> Iterator[str]:
    """Replace the whole runs of base64 that hold `core`: their ends are parts of the secret."""
    end = 0
    while (found := text.find(core, end)) >= 0:
        start = found
        while start > end and text[start - 1] in _BASE64:
            start -= 1
        yield text[end:start]
        yield REDACTED
        end = found + len(core)
        while end < len(text) and (text[end] in _BASE64 or text[end] == "="):
            end += 1
    yield text[end:]


_BASE64: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")


def _shown(rest: str) -> str:
    """What may be shown of a URL behind its scheme."""
    rest, hash_, _ = rest.partition("#")
    head, mark, query = rest.partition("?")
    at, after = head.rpartition("@")[1:]
    if at:
        head = REDACTED + at + after
    elif _AUTHORITY.match(head) is None:
        # A password with "/", "?" or "#" in it looks like a host with an odd port.
        return REDACTED
    if mark:
        query = "&".join(map(_pair_shown, query.split("&")))
    return head + mark + query + (hash_ and hash_ + REDACTED)


def _pair_shown(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        return REDACTED if pair else ""
    return pair if name in VISIBLE_QUERY or not value else f"{name}={REDACTED}"


# A sentence that ends in a URL keeps its full stop, and a pair of brackets its second one.
_SENTENCE_END: Final = ").,;:!?}"


def _url_in_text(match: re.Match[str]) -> str:
    url = match[1].rstrip(_SENTENCE_END)
    return f"://{_shown(url)}{match[1][len(url) :]}"


def _query_in_text(match: re.Match[str]) -> str:
    if match[2] in VISIBLE_QUERY:
        return match[0]
    value = match[3].rstrip(_SENTENCE_END)
    return f"{match[1]}{match[2]}={REDACTED}{match[3][len(value) :]}"


def _field_in_text(match: re.Match[str]) -> str:
    quotation = match[3] or match[4] or match[5] or ""
    return f"{match[1]}{match[2]}{quotation}{REDACTED}"


_AUTHORITY: Final = re.compile(r"(?:\[[^\]/?#]*\]|[^\s:/?#\[\]@]*)(?::\d*)?(?:/|$)")

_PATTERNS: Final[tuple[tuple[str, _Replacement], ...]] = (
    # URLs, with or without a scheme that anybody knows, then queries without a URL before them.
    (r"://([^\s\"'<>`\\]+)", _url_in_text),
    (r"([?&])([^\s=&?#\"'<>]+)=([^\s&#\"'<>\\]+)", _query_in_text),
    # `Authorization: …` to the end of the line or quotation; `"password": "…"` likewise.
    (
        (
            rf"(?i)(?<![A-Za-z0-9])({_NAMES})(\\*[\"']?\s*[:=]\s*)"
            r"(?:(\\+[\"'])[^\"'\\\r\n]*|(\")(?:[^\"\\]|\\.)*|(')(?:[^'\\]|\\.)*|[^\s{\[\"'\\][^\r\n\"'\\]*)"
        ),
        _field_in_text,
    ),
    (
        rf"(?i)(?<![A-Za-z0-9])(bearer|basic)((?:\s|%20)+){_PROSE}[^\s\"'\\,;)]+",
        rf"\1\2{REDACTED}",
    ),
    (
        r"(openai-insecure-api-key\.)[^\s\"'\\,;)]+",
        rf"\1{REDACTED}",
    ),
    # `sk-…`, `ek_…` and `sess-…`, also as the server masks them: `sk-proj-****ueba`.
    (_START + r"(?:sk|ek|sess)[-_][\w.…*•·~-]*[\w…*•·]", REDACTED),
    # Any other token that was masked: what the mask leaves visible is the secret's end.
    (
        r"(?<![\w.*•·-])[\w.-]*+[*•·]{3,}[\w*•·-]*(?:\.[\w*•·-]+)*",
        REDACTED,
    ),
    # JSON Web Tokens, signed (three parts) and encrypted (five).
    (_START + r"eyJ[\w-]*\.[\w-]+(?:\.[\w-]*){0,3}", REDACTED),
    # Audio as base64, or any other long value nobody can read.
    (r"(?<![\w+/=-])[A-Za-z0-9+/=_-]{200,}", "[a long value]"),
)


@functools.cache
def _compiled() -> tuple[tuple[re.Pattern[str], _Replacement], ...]:
    # On first use: compiling takes some 5 ms, which an import need not wait for.
    return tuple((re.compile(pattern), replacement) for pattern, replacement in _PATTERNS)


# Session ids are `sess_…`: names that a conversation needs.
_KEYS: Final[tuple[tuple[str, str], ...]] = (
    (r"(openai-insecure-api-key\.)[^\s\"'\\,;)]+", rf"\1{REDACTED}"),
    (_START + r"(?:(?:sk|ek)[-_]|sess-)[\w.…*•·~-]*[\w…*•·]", REDACTED),
    (_START + r"eyJ[\w-]*\.[\w-]+(?:\.[\w-]*){0,3}", REDACTED),
    (rf"(?i)(?<![A-Za-z0-9])(bearer)((?:\s|%20)+){_PROSE}[\w.~+/=-]{{16,}}", rf"\1\2{REDACTED}"),
)


@functools.cache
def _compiled_keys() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in _KEYS)
