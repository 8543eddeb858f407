"""No secret survives, whatever it is wrapped in; and texts without one stay readable."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, strategies as st

from trio_realtime._redaction import is_credential, redact, redact_headers, redact_keys, redact_url

KEY = "sk-proj-AbC0123456789_-ueba"
MIB = 1024 * 1024


def stays(text: str) -> tuple[str, str]:
    return text, text


PATTERNS: list[tuple[str, str]] = [
    # What the servers say about a bad key.
    (
        ("Incorrect API key provided: sk-proj-********************ueba. You can find your API key "
        "at https://platform.openai.com/account/api-keys."),
        ("Incorrect API key provided: [redacted]. You can find your API key at "
        "https://platform.openai.com/account/api-keys."),
    ),
    ("provided: sk-…****ueba", "provided: [redacted]"),
    ("provided: sk-...ueba.", "provided: [redacted]."),
    ("provided: sk-pr••••••ueba", "provided: [redacted]"),
    ("provided: 9f8e************ueba!", "provided: [redacted]!"),
    ("provided: ***ueba.x", "provided: [redacted]"),
    ("provided: '****'", "provided: '[redacted]'"),
    stays("5 ** 2 * 3, *emphasis* and **strong**"),
    # Keys, wherever a word may begin.
    (f"{KEY} and ek_68af296e8e408191a1120ab6383263c2", "[redacted] and [redacted]"),
    ('{"value":"ek_abc"}', '{"value":"[redacted]"}'),
    ("sess-abcDEF123, sk_live_1", "[redacted], [redacted]"),
    ("%22sk-abc%22 \\nsk-abc \\u0022ek_abc", "%22[redacted]%22 \\n[redacted] \\u0022[redacted]"),
    stays("a task-force, risk-averse, at the week_end"),
    stays("sk- alone"),
    # Authorization.
    ("Bearer abc.def/ghi+jkl=", "Bearer [redacted]"),
    ("bearer  abc, basic dXNlcjpwYXNz", "bearer  [redacted], basic [redacted]"),
    ("Bearer%20abc;", "Bearer%20[redacted];"),
    ("Bearer token-abc", "Bearer [redacted]"),
    stays("using Bearer auth, or a bearer token, or basic authentication"),
    ("Authorization: Negotiate abc def\r\nX: y", "Authorization: [redacted]\r\nX: y"),
    ("Cookie: a=b; c=d", "Cookie: [redacted]"),
    ("set-cookie: a=b\nx: c", "set-cookie: [redacted]\nx: c"),
    ("PROXY-AUTHORIZATION = c", "PROXY-AUTHORIZATION = [redacted]"),
    # Fields.
    ('{"api_key": "a b", "n": 1}', '{"api_key": "[redacted]", "n": 1}'),
    ('{"password":"it\'s \\"x\\"", "n": 1}', '{"password":"[redacted]", "n": 1}'),
    ("{'client_secret': 'a\"b', 'n': 1}", "{'client_secret': '[redacted]', 'n': 1}"),
    (r'{\"access_token\": \"a b\", \"n\": 1}', r'{\"access_token\": \"[redacted]\", \"n\": 1}'),
    ('"token": "abc" and "secret":"def"', '"token": "[redacted]" and "secret":"[redacted]"'),
    ('{"client_secret": {"value": "ek_abc"}}', '{"client_secret": {"value": "[redacted]"}}'),
    ("x-api-key: abc", "x-api-key: [redacted]"),
    stays('{"token_count": 5, "max_tokens": "inf", "tokens": [1]}'),
    stays("Unexpected token: } in line 3"),
    # Subprotocols.
    ("realtime, openai-insecure-api-key.abc, x", "realtime, openai-insecure-api-key.[redacted], x"),
    # URLs and queries.
    (
        "wss://user:pass@e.com:80/v1?model=m&token=abc#frag",
        "wss://[redacted]@e.com:80/v1?model=m&token=[redacted]#[redacted]",
    ),
    ("(see https://e.com/a?x=abc).", "(see https://e.com/a?x=[redacted])."),
    ("http://e.com?abc&&x=&intent=transcription", "http://e.com?[redacted]&&x=&intent=transcription"),
    ("proxy http://me:pa/ss@e.com failed", "proxy http://[redacted]@e.com failed"),
    ("proxy http://me:pa?ss@e.com failed", "proxy http://[redacted] failed"),
    ("GET /v1?call_id=rtc_1&key=abc HTTP/1.1", "GET /v1?call_id=rtc_1&key=[redacted] HTTP/1.1"),
    ("is it /a?b=c?", "is it /a?b=[redacted]?"),
    stays("wss://[::1]:8000/v1/realtime?api-version=v1&deployment=d"),
    stays("file:///etc/hosts and 1://2"),
    # Tokens that carry their own signature.
    ("eyJhbGciOi.eyJzdWIi.c2ln-_ and %22eyJa.b", "[redacted] and %22[redacted]"),
    ("eyJhbGciOi.a.b.c.d", "[redacted]"),
    # Audio, or anything long that nobody can read.
    ("audio: " + "UklGRiQA" * 30 + "==, too short", "audio: [a long value], too short"),
    stays("A" * 199),
    # And plain texts.
    stays(""),
    stays("Invalid value: 'x'. Supported values are: 'a', 'b', and 'c'."),
    stays("Rate limit reached for gpt-realtime in organization org-a on tokens per min (TPM): 10"),
    stays("Unknown parameter: 'session.tools[0].authorization'."),
    stays("It is ..., wxxx and an ending in ueba, or 50% · 3"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), PATTERNS, ids=range(len(PATTERNS)))
def test_what_looks_like_a_secret_is_taken_out(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


KNOWN: list[tuple[str, str, str]] = [
    (KEY, f"key {KEY}!", "key [redacted]!"),
    ("p&ss <w>\"ö'/ %", "at p&ss <w>\"ö'/ %.", "at [redacted]."),
    # The end of a key, after any mask.
    ("abcdefgh1234", "key xxxx1234 ••1234", "key xxxx[redacted] ••[redacted]"),
    ("abcdefgh1234", "key *1234 ..1234", "key *[redacted] ..[redacted]"),
    ("abcdefgh1234", "a key ending in 1234", "a key [redacted]"),
    ("abcdefgh1234", "a key that ends with '1234'", "a key that [redacted]'"),
    ("abcdefgh1234", "item 1234", "item 1234"),
    # Within base64 whose other parts are not known, the whole of it goes.
    ("swordfish", "x=" + base64.b64encode(b"me:swordfish").decode(), "x=[redacted]"),
    ("swordfish", f"<{base64.b64encode(b'swordfish!').decode()}>", "<[redacted]>"),
    ("swordfish", base64.urlsafe_b64encode(b"?>swordfish?>").decode() + " !", "[redacted] !"),
    ("swordfish", "! " + base64.b64encode(b"a swordfish").decode(), "! [redacted]"),
    # Too short to be looked for: they would take every text apart.
    ("a", "an apple a day", "an apple a day"),
    ("", "nothing", "nothing"),
    ("abc", "abc: http://abc:abc@abc.com/?abc=abc", "abc: http://[redacted]@abc.com/?abc=[redacted]"),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "text", "shown"), KNOWN, ids=range(len(KNOWN)))
def test_what_is_known_to_be_secret_is_taken_out(secret: str, text: str, shown: str) -> None:
    assert redact(text, [secret]) == shown


def test_a_secret_within_another_does_not_save_the_rest_of_it() -> None:
    for secrets in (["pass", "passport"], ["passport", "pass"]):
        assert redact("my passport, your pass", secrets) == "my [redacted], your [redacted]"


def test_a_lone_str_is_one_secret_and_not_its_characters() -> None:
    assert redact("my passport", "passport") == "my [redacted]"


ENCODINGS: list[Callable[[str], str]] = [
    str,
    lambda secret: quote(secret, safe=""),
    quote,
    quote_plus,
    lambda secret: quote(secret, safe="").lower() if secret == secret.lower() else secret,
    lambda secret: quote(quote(secret, safe=""), safe=""),
    json.dumps,
    lambda secret: json.dumps(secret, ensure_ascii=False),
    lambda secret: json.dumps(json.dumps(secret)),
    repr,
    lambda secret: f"Bearer {secret}",
    lambda secret: "Basic " + base64.b64encode(f"user:{secret}".encode()).decode(),
    lambda secret: f"wss://e.com/v1?x={quote(secret, safe='')}",
    lambda secret: f"http://user:{secret}@proxy:8080/",
    lambda secret: f"openai-insecure-api-key.{secret}",
    lambda secret: f'{{"error": {{"message": {json.dumps(secret)}}}}}',
]

secrets = st.text(
    st.characters(categories=("L", "N", "P", "S", "Zs"), max_codepoint=0x2FFF),
    min_size=8,
    max_size=60,
)
surroundings = st.text(max_size=20)


@given(
    secrets,
    surroundings,
    surroundings,
    st.lists(st.sampled_from(ENCODINGS), min_size=1, max_size=3),
)
def test_a_canary_never_survives(  # promise 9
    secret: str, before: str, after: str, encodings: list[Callable[[str], str]]
) -> None:
    assume(secret not in before + after and secret not in "[redacted]")
    text = before + " ".join(encoding(secret) for encoding in encodings) + after
    shown = redact(text, [secret, "another"])
    for encoding in encodings:
        assert encoding(secret) not in shown
    assert secret not in shown
    assert base64.b64encode(secret.encode()).decode()[4:-4] not in shown


@given(
    st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=20, max_size=60),
    surroundings,
)
def test_a_key_of_no_use_to_us_never_survives_either(key: str, before: str) -> None:
    assume(not before[-1:].isalnum())
    for text in (f"sk-{key}", f"ek_{key}", f"Bearer {key}", f"eyJ{key}.{key}.{key}", f"://{key}@"):
        assert key not in redact(before + text)


@given(st.text(max_size=300), st.lists(st.text(min_size=4, max_size=12), max_size=2))
def test_redaction_never_fails(text: str, known: list[str]) -> None:
    assert isinstance(redact(text, known), str)
    assert isinstance(redact_url(text, known), str)


# A pattern that began again in the middle of a run would need minutes for one of these.
RUNS = [
    *(
        "a",
        "*",
        "a.",
        "a*",
        ")",
        ".",
        "-a",
        "=",
        "x",
        "·a.",
        "•",
        "YWJj",
        "\\",
        "%22",
        "%22sk-",
        "\\nsk-",
    ),
    *("sk-", "sk-.", "Bearer", "bearer•", "eyJ", "eyJ.", "eyJ.a", "openai-insecure-api-key."),
    *("://", "://a@", "://#", "?a", "?a=", "&a=b", "ending•in•"),
    *("authorization:", 'password"', "password\\", "password•", "'token", "cookie=:"),
]


@pytest.mark.sweep
@pytest.mark.parametrize("run", RUNS)
def test_long_texts_take_time_in_proportion(run: str) -> None:
    text = run.replace("•", " ") * (100_000 // len(run))
    for shape in (text, f"https://{text}"):
        assert "aaaabbbb" not in redact(shape + " aaaabbbb", ["aaaabbbb"])


def test_a_megabyte_is_redacted_like_a_line() -> None:
    line = f"GET /v1?model=m&key={KEY} a task-force of words, with Authorization: {KEY}\n"
    shown = "GET /v1?model=m&key=[redacted] a task-force of words, with Authorization: [redacted]\n"
    count = MIB // len(line)
    assert redact(line * count, [KEY]) == shown * count


URLS = [
    stays("wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
    stays(
        "wss://r.openai.azure.com/openai/realtime?api-version=v1&deployment=d&call_id=c&intent=i"
    ),
    ("http://user:pass@proxy:8080", "http://[redacted]@proxy:8080"),
    ("user:pass@proxy:8080", "[redacted]@proxy:8080"),
    ("/v1/realtime?a=b&model=c", "/v1/realtime?a=[redacted]&model=c"),
    ("wss://e.com/?model=sk-abc&x", "wss://e.com/?model=[redacted]&[redacted]"),
    ("wss://user:pa?ss@e.com", "wss://[redacted]"),
    ("wss://e.com/swordfish", "wss://e.com/[redacted]"),
    ("wss://e.com/#access_token=abc", "wss://e.com/#[redacted]"),
    stays(""),
]


@pytest.mark.parametrize(("url", "shown"), URLS)
def test_a_url_shows_what_was_asked_for_and_not_by_whom(url: str, shown: str) -> None:
    assert redact_url(url, ["swordfish"]) == shown
    assert redact_url(shown, ["swordfish"]) == shown


def test_headers_that_hold_credentials_are_dropped() -> None:
    headers = [
        ("Set-Cookie", "a=b"),
        ("cookie", "a=b"),
        ("AUTHORIZATION", "x"),
        ("Proxy-Authorization", "x"),
        ("api-key", "x"),
        ("X-Amz-Security-Token", "x"),
        ("X-Request-Id", "req_1"),
        ("x-ratelimit-limit-tokens", "10"),
        ("Location", "https://e.com/?code=abc"),
        ("X-Echo", "swordfish"),
    ]
    assert redact_headers(headers, ["swordfish"]) == (
        ("X-Request-Id", "req_1"),
        ("x-ratelimit-limit-tokens", "10"),
        ("Location", "https://e.com/?code=[redacted]"),
        ("X-Echo", "[redacted]"),
    )


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("authorization", True),
        ("X-API-Key", True),
        ("apikey", True),
        ("access_token", True),
        ("cf-access-client-secret", True),
        ("password", True),
        ("passwd", True),
        ("sig", True),
        ("x.signature", True),
        ("credentials", True),
        ("tokens", False),
        ("monkey", False),
        ("author", False),
        ("x-openai-authorization-error", False),
        ("user-agent", False),
        ("", False),
    ],
)
def test_names_tell_what_holds_credentials(name: str, *, is_one: bool) -> None:
    assert is_credential(name) is is_one


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("use sk-proj-abc, please", "use [redacted], please"),
        ("the masked sk-****ueba", "the masked [redacted]"),
        ("ek_abc and sess-abc", "[redacted] and [redacted]"),
        ("Bearer abcdefghijklmnopqr", "Bearer [redacted]"),
        ("a token eyJa.b.c", "a token [redacted]"),
        ("openai-insecure-api-key.abc", "openai-insecure-api-key.[redacted]"),
        ("it ends in ****wxyz, my-own-wxyz", "it ends in ****[redacted], [redacted]"),
    ],
)
def test_a_conversation_loses_keys(text: str, shown: str) -> None:
    assert redact_keys(text, ["my-own-wxyz"]) == shown


@pytest.mark.parametrize(
    "text",
    ["https://shop.test/?q=shoes", "*** new part ***", "sess_ABC", "Bearer bonds", "a" * 400],
)
def test_a_conversation_keeps_what_only_looks_odd(text: str) -> None:
    assert redact_keys(text) == text
