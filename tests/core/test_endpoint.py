"""Every rule of where to connect, and as whom, as rows of tables."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
import trio

from trio_realtime._endpoint import (
    AzureEndpoint,
    Endpoint,
    Handshake,
    OpenAIEndpoint,
    Target,
    _azure,
    _openai,
    target_from_arguments,
)
from trio_realtime._endpoint._urls import is_exposed
from trio_realtime._version import __version__

KEY = "sk-proj-CANARY0123456789ueba"
EPHEMERAL = "ek_CANARY0123456789"
MODEL = Target(model="gpt-realtime-2.1")
CALL = Target(call_id="rtc_u1")
INTENT = Target(intent="transcription")
BETA = Target(model="m", dialect="beta")
TRANSLATION = Target(model="m", dialect="translation")
BEARER = ("Authorization", f"Bearer {KEY}")
US = ("User-Agent", f"trio-realtime/{__version__}")
AZURE = "https://res.openai.azure.com"


def handshake_of(endpoint: Endpoint, target: Target = MODEL) -> Handshake:
    return trio.run(endpoint.handshake, target)


def any_of(value: object) -> Any:
    """What a caller without a type checker may pass."""
    return value


# --- Target


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "none of them"),
        ({"model": "m", "call_id": "c"}, "model and call_id"),
        ({"model": "m", "intent": "transcription"}, "model and intent"),
        ({"call_id": "c", "intent": "transcription"}, "call_id and intent"),
        (
            {"model": "m", "call_id": "c", "intent": "transcription"},
            "model and call_id and intent",
        ),
    ],
)
def test_a_target_is_exactly_one_thing(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"exactly one of model, call_id and intent.* {named}$"):
        Target(**given)


@pytest.mark.parametrize("name", ["model", "call_id"])
@pytest.mark.parametrize(
    ("value", "error"), [("", ValueError), (" ", ValueError), (3, TypeError), (b"m", TypeError)]
)
def test_a_target_has_a_name(name: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        Target(**{name: any_of(value)})


def test_other_intents_and_dialects_are_refused() -> None:
    with pytest.raises(ValueError, match="intent must be 'transcription'"):
        Target(intent=any_of("translation"))
    with pytest.raises(ValueError, match="dialect must be 'ga' or 'beta' or"):
        Target(model="m", dialect=any_of("alpha"))


def test_a_translation_session_has_a_model() -> None:
    for given in ({"call_id": "c"}, {"intent": "transcription"}):
        with pytest.raises(ValueError, match="a translation session is opened with a model"):
            Target(**any_of(given), dialect="translation")


def test_a_deployment_counts_as_the_model() -> None:
    endpoint = AzureEndpoint(AZURE, api_key=KEY, deployment="mine")
    assert target_from_arguments(endpoint) == Target(model="mine")
    assert target_from_arguments(endpoint, call_id="rtc_1") == Target(call_id="rtc_1")
    assert target_from_arguments(OpenAIEndpoint(KEY), model="m") == Target(model="m")
    with pytest.raises(ValueError, match="exactly one"):
        target_from_arguments(OpenAIEndpoint(KEY))
    with pytest.raises(ValueError, match="exactly one"):
        target_from_arguments(AzureEndpoint(AZURE, api_key=KEY))


# --- OpenAI: the URL

OPENAI_URLS: list[tuple[str, Target, Mapping[str, str | None] | None, str]] = [
    ("https://api.openai.com/v1", MODEL, None, "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
    ("https://api.openai.com/v1/", MODEL, None, "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
    ("https://api.openai.com/v1//", MODEL, None, "wss://api.openai.com/v1/realtime?model=gpt-realtime-2.1"),
    ("https://api.openai.com/v1", CALL, None, "wss://api.openai.com/v1/realtime?call_id=rtc_u1"),
    ("https://api.openai.com/v1", INTENT, None, "wss://api.openai.com/v1/realtime?intent=transcription"),
    # Nothing is added but /realtime.
    ("https://e.com", CALL, None, "wss://e.com/realtime?call_id=rtc_u1"),
    ("https://e.com/", CALL, None, "wss://e.com/realtime?call_id=rtc_u1"),
    ("https://e.com:8443/a/b", CALL, None, "wss://e.com:8443/a/b/realtime?call_id=rtc_u1"),
    # Schemes, in any case.
    ("http://localhost:8000/v1", CALL, None, "ws://localhost:8000/v1/realtime?call_id=rtc_u1"),
    ("ws://localhost/v1", CALL, None, "ws://localhost/v1/realtime?call_id=rtc_u1"),
    ("wss://E.com/v1", CALL, None, "wss://e.com/v1/realtime?call_id=rtc_u1"),
    ("HTTPS://e.com/V1", CALL, None, "wss://e.com/V1/realtime?call_id=rtc_u1"),
    # IPv6.
    ("http://[::1]:8000/v1", CALL, None, "ws://[::1]:8000/v1/realtime?call_id=rtc_u1"),
    ("https://[2001:DB8::1]/v1", CALL, None, "wss://[2001:db8::1]/v1/realtime?call_id=rtc_u1"),
    # Names are percent-encoded.
    ("https://e.com", Target(model="org/gpt 4&x=ü#?+%"), None, "wss://e.com/realtime?model=org%2Fgpt%204%26x%3D%C3%BC%23%3F%2B%25"),
    # The base's query is kept as it is, but for what says what to connect to.
    ("https://e.com/v1?a=1&b", CALL, None, "wss://e.com/v1/realtime?a=1&b&call_id=rtc_u1"),
    ("https://e.com/v1/?sig=a%2Fb%3D+c", CALL, None, "wss://e.com/v1/realtime?sig=a%2Fb%3D+c&call_id=rtc_u1"),
    ("https://e.com?model=x&intent=y&call_id=z&k=1", MODEL, None, "wss://e.com/realtime?k=1&model=gpt-realtime-2.1"),
    ("https://e.com?mode%6C=x", MODEL, None, "wss://e.com/realtime?model=gpt-realtime-2.1"),
    ("https://e.com?&&", CALL, None, "wss://e.com/realtime?call_id=rtc_u1"),
    # Translation has a path of its own, the beta dialect has not.
    ("https://api.openai.com/v1", TRANSLATION, None, "wss://api.openai.com/v1/realtime/translations?model=m"),
    ("https://api.openai.com/v1", BETA, None, "wss://api.openai.com/v1/realtime?model=m"),
    ("https://api.openai.com/v1", Target(intent="transcription", dialect="beta"), None, "wss://api.openai.com/v1/realtime?intent=transcription"),
    # Voice Live.
    ("https://res.services.ai.azure.com/voice-live", BETA, {"api-version": "2025-10-01"}, "wss://res.services.ai.azure.com/voice-live/realtime?api-version=2025-10-01&model=m"),
    ("https://e.com?q=ü", CALL, None, "wss://e.com/realtime?q=%C3%BC&call_id=rtc_u1"),
    # A fragment never travels.
    ("https://e.com/v1#part", CALL, None, "wss://e.com/v1/realtime?call_id=rtc_u1"),
    # Paths are kept encoded, or become so.
    ("https://e.com/a%2Fb/ü", CALL, None, "wss://e.com/a%2Fb/%C3%BC/realtime?call_id=rtc_u1"),
    # Yours.
    ("https://e.com?a=1&b=2", CALL, {"a": "ä &", "c": "3"}, "wss://e.com/realtime?b=2&a=%C3%A4%20%26&c=3&call_id=rtc_u1"),
    ("https://e.com?a=1&b=2", CALL, {"a": None, "x": None}, "wss://e.com/realtime?b=2&call_id=rtc_u1"),
    ("https://e.com?a=1&a=2", CALL, {"a": ""}, "wss://e.com/realtime?a=&call_id=rtc_u1"),
]  # fmt: skip


@pytest.mark.parametrize(("base", "target", "extra", "url"), OPENAI_URLS)
def test_the_url_is_the_base_with_realtime_and_the_target(
    base: str, target: Target, extra: Mapping[str, str | None] | None, url: str
) -> None:
    assert _openai.url_from_target(base, target, extra) == url
    endpoint = OpenAIEndpoint(KEY, base_url=base, extra_query=extra)
    assert handshake_of(endpoint, target).url == url


BAD_URLS: list[tuple[object, type[Exception], str]] = [
    ("", ValueError, "must begin with https://"),
    ("api.openai.com/CANARY", ValueError, "must begin with https://"),
    ("localhost:8000", ValueError, "must begin with https://"),
    ("//CANARY.com", ValueError, "must begin with https://"),
    ("ftp://CANARY.com", ValueError, "must begin with https://"),
    ("https:///CANARY", ValueError, "must begin with https://"),
    ("https://:443/CANARY", ValueError, "no usable host"),
    ("https://CANARY.com:0/v1", ValueError, "no usable host"),
    ("https://CANARYü.com", ValueError, "no usable host.*xn--"),
    ("https://CAN%41RY.com", ValueError, "no usable host"),
    ("https://[::1%25", ValueError, "not a valid URL"),
    ("https://[v1.CANARY]/", ValueError, "no usable host|not a valid URL"),
    ("https://CANARY.com:99999", ValueError, "not a valid URL"),
    ("https://user:CANARY/x@host", ValueError, "not a valid URL"),
    ("https://user:CANARY@host", ValueError, "must not hold a user name or password"),
    ("https://e.com/CANARY x", ValueError, "white space or a control character"),
    ("https://e.com/CANARY\r\n", ValueError, "white space or a control character"),
    (None, TypeError, "must be a str, not NoneType"),
    (b"https://CANARY.com", TypeError, "must be a str, not bytes"),
]


@pytest.mark.parametrize(("base", "error", "text"), BAD_URLS)
def test_a_base_that_cannot_be_meant_is_refused_at_once_and_not_shown(
    base: object, error: type[Exception], text: str
) -> None:
    for make, name in (
        (lambda: OpenAIEndpoint(KEY, base_url=any_of(base)), "base_url"),
        (lambda: AzureEndpoint(any_of(base), api_key=KEY), "endpoint"),
    ):
        with pytest.raises(error, match=f"^{name}.*({text})") as caught:
            make()
        assert "CANARY" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_what_to_connect_to_is_no_extra_query() -> None:
    for name in ("model", "call_id", "intent"):
        with pytest.raises(ValueError, match=f"extra_query must not hold {name}"):
            OpenAIEndpoint(KEY, extra_query={name: "x"})
        with pytest.raises(ValueError, match=f"extra_query must not hold {name}"):
            AzureEndpoint(AZURE, api_key=KEY, extra_query={name: "x"})
    with pytest.raises(TypeError, match=r"extra_query\['a'\] must be a str, not int"):
        OpenAIEndpoint(KEY, extra_query={"a": any_of(1)})


# --- OpenAI: headers and subprotocols

OPENAI_HEADERS: list[tuple[dict[str, Any], tuple[tuple[str, str], ...]]] = [
    ({}, (US, BEARER)),
    (
        {"organization": "org-1", "project": "proj_1", "safety_identifier": "hash"},
        (
            US,
            BEARER,
            ("OpenAI-Organization", "org-1"),
            ("OpenAI-Project", "proj_1"),
            ("OpenAI-Safety-Identifier", "hash"),
        ),
    ),
    # Nothing is sent for an empty one.
    ({"organization": "", "project": ""}, (US, BEARER)),
    # Yours win, in any case, and None removes.
    (
        {"extra_headers": {"authorization": "Basic eA==", "X-Trace": "1"}},
        (US, ("authorization", "Basic eA=="), ("X-Trace", "1")),
    ),
    (
        {"extra_headers": {"USER-AGENT": "mine", "OpenAI-Project": "p"}, "project": "q"},
        (BEARER, ("USER-AGENT", "mine"), ("OpenAI-Project", "p")),
    ),
    ({"extra_headers": {"AUTHORIZATION": None, "X-None": None}}, (US,)),
    ({"extra_headers": {"X-A": "1", "x-a": "2"}}, (US, BEARER, ("x-a", "2"))),
    # The GA dialect sends no OpenAI-Beta by itself, and does not forbid yours.
    (
        {"extra_headers": {"OpenAI-Beta": "x=y", "X-Empty": ""}},
        (US, BEARER, ("OpenAI-Beta", "x=y"), ("X-Empty", "")),
    ),
]


@pytest.mark.parametrize(("arguments", "headers"), OPENAI_HEADERS)
def test_headers_say_who_you_are(
    arguments: dict[str, Any], headers: tuple[tuple[str, str], ...]
) -> None:
    shaken = handshake_of(OpenAIEndpoint(KEY, **arguments))
    assert shaken.headers == headers
    assert shaken.subprotocols == ()
    assert shaken.stream_factory is None


BETA_HEADERS: list[tuple[dict[str, Any], tuple[tuple[str, str], ...]]] = [
    ({}, (US, BEARER, ("OpenAI-Beta", "realtime=v1"))),
    ({"extra_headers": {"openai-beta": "x=y"}}, (US, BEARER, ("openai-beta", "x=y"))),
    ({"extra_headers": {"OpenAI-Beta": None}}, (US, BEARER)),
    # Voice Live takes a key like this.
    (
        {"extra_headers": {"api-key": KEY, "Authorization": None}},
        (US, ("OpenAI-Beta", "realtime=v1"), ("api-key", KEY)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "headers"), BETA_HEADERS)
def test_the_beta_dialect_is_asked_for_by_a_header(
    arguments: dict[str, Any], headers: tuple[tuple[str, str], ...]
) -> None:
    assert handshake_of(OpenAIEndpoint(KEY, **arguments), BETA).headers == headers


@pytest.mark.parametrize("target", [MODEL, CALL, INTENT, TRANSLATION])
def test_no_other_dialect_says_beta(target: Target) -> None:  # pain 17
    endpoints: list[Endpoint] = [
        OpenAIEndpoint(EPHEMERAL),
        OpenAIEndpoint(EPHEMERAL, auth="subprotocol"),
    ]
    if target is not TRANSLATION:
        endpoints.append(AzureEndpoint(AZURE, api_key=KEY))
    for endpoint in endpoints:
        shaken = handshake_of(endpoint, target)
        assert "beta" not in str((shaken.headers, shaken.subprotocols)).lower()


def test_the_beta_dialect_is_asked_for_by_a_subprotocol_where_the_key_is_one() -> None:
    endpoint = OpenAIEndpoint(EPHEMERAL, auth="subprotocol", project="proj_1")
    shaken = handshake_of(endpoint, BETA)
    assert shaken.subprotocols == (
        "realtime",
        f"openai-insecure-api-key.{EPHEMERAL}",
        "openai-project.proj_1",
        "openai-beta.realtime-v1",
    )
    assert shaken.headers == (US,)


SUBPROTOCOLS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    (EPHEMERAL, {}, ("realtime", f"openai-insecure-api-key.{EPHEMERAL}")),
    (
        EPHEMERAL,
        {"organization": "org-1", "project": "proj_1"},
        (
            "realtime",
            f"openai-insecure-api-key.{EPHEMERAL}",
            "openai-organization.org-1",
            "openai-project.proj_1",
        ),
    ),
    (
        KEY,
        {"dangerously_allow_api_key_in_subprotocol": True},
        ("realtime", f"openai-insecure-api-key.{KEY}"),
    ),
]


@pytest.mark.parametrize(("key", "arguments", "subprotocols"), SUBPROTOCOLS)
def test_a_key_may_travel_as_a_subprotocol_instead(
    key: str, arguments: dict[str, Any], subprotocols: tuple[str, ...]
) -> None:
    for source in (key, lambda: key):
        shaken = handshake_of(OpenAIEndpoint(source, auth="subprotocol", **arguments))
        assert shaken.subprotocols == subprotocols
        assert shaken.headers == (US,)
        assert shaken.secrets == (key,)
        assert "CANARY" not in repr(shaken)


def test_the_safety_identifier_is_a_header_either_way() -> None:
    endpoint = OpenAIEndpoint(EPHEMERAL, auth="subprotocol", safety_identifier="hash")
    assert handshake_of(endpoint).headers == (US, ("OpenAI-Safety-Identifier", "hash"))


def test_a_lasting_key_does_not_travel_as_a_subprotocol_by_accident() -> None:
    with pytest.raises(ValueError, match="dangerously_allow_api_key_in_subprotocol") as caught:
        OpenAIEndpoint(KEY, auth="subprotocol")
    assert KEY not in str(caught.value)
    endpoint = OpenAIEndpoint(lambda: KEY, auth="subprotocol")
    with pytest.raises(ValueError, match="dangerously_allow_api_key_in_subprotocol") as caught:
        handshake_of(endpoint)
    assert KEY not in str(caught.value)


def test_a_key_that_is_no_subprotocol_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a subprotocol must be letters.*not shown") as caught:
        OpenAIEndpoint("ek_CANARY/x", auth="subprotocol")
    assert "CANARY" not in str(caught.value)


def test_other_ways_to_authenticate_are_refused() -> None:
    with pytest.raises(ValueError, match="auth must be 'header' or 'subprotocol', not 'query'"):
        OpenAIEndpoint(KEY, auth=any_of("query"))


# --- Values that cannot be sent

BAD_VALUES: list[tuple[object, type[Exception], str]] = [
    ("CANARY\n", ValueError, r"begins or ends with white space.*\.strip\(\)"),
    (" CANARY", ValueError, "begins or ends with white space"),
    ("CANARY\r\nX-Evil: 1", ValueError, "holds a line break or another control character"),
    ("CANARY\x00x", ValueError, "holds a line break or another control character"),
    ("CANARY\x7fx", ValueError, "holds a line break or another control character"),
    ("CANARYü", ValueError, "holds characters that are not ASCII"),
    ("CANARY\u2028x", ValueError, "holds characters that are not ASCII"),
    (b"CANARY", TypeError, "must be a str, not bytes"),
    (17, TypeError, "must be a str, not int"),
]


@pytest.mark.parametrize(("value", "error", "text"), BAD_VALUES)
def test_a_value_that_cannot_be_sent_is_refused_at_once_and_not_shown(
    value: object, error: type[Exception], text: str
) -> None:
    if isinstance(value, str):
        with pytest.raises(error, match=f"^api_key {text}") as caught:
            OpenAIEndpoint(value)
        assert "CANARY" not in str(caught.value)
        with pytest.raises(error, match=f"^token {text}") as caught:
            AzureEndpoint(AZURE, token=value)
        assert "CANARY" not in str(caught.value)
    with pytest.raises(error, match=f"^the header X-Mine {text}") as caught:
        OpenAIEndpoint(KEY, extra_headers={"X-Mine": any_of(value)})
    assert "CANARY" not in str(caught.value)
    for name in ("organization", "project", "safety_identifier"):
        with pytest.raises(error, match=f"^{name} {text}") as caught:
            OpenAIEndpoint(KEY, **{name: any_of(value)})
        assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "X Y", "X:Y", "X\r\nY", "Ü", "X\x00"])
def test_a_header_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a header name must be"):
        OpenAIEndpoint(KEY, extra_headers={name: "1"})


@pytest.mark.parametrize("name", ["Host", "upgrade", "Sec-WebSocket-Key", "Content-Length"])
def test_headers_of_the_upgrade_itself_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} belongs to the WebSocket upgrade"):
        AzureEndpoint(AZURE, api_key=KEY, extra_headers={name: "1"})


# --- Keys and tokens that are asked for


async def async_key() -> str:
    await trio.lowlevel.checkpoint()
    return KEY


@pytest.mark.parametrize("source", [KEY, lambda: KEY, async_key])
def test_keys_come_from_a_str_a_function_or_an_async_function(
    source: str | Callable[[], str | Awaitable[str]],
) -> None:
    assert handshake_of(OpenAIEndpoint(source)).headers == (US, BEARER)
    assert handshake_of(AzureEndpoint(AZURE, token=source)).headers == (US, BEARER)
    assert handshake_of(AzureEndpoint(AZURE, api_key=source)).headers == (US, ("api-key", KEY))


def test_a_key_is_asked_for_on_every_attempt() -> None:
    keys = iter(["sk-first", "sk-second"])
    endpoint = OpenAIEndpoint(lambda: next(keys))
    assert handshake_of(endpoint).secrets == ("Bearer sk-first", "sk-first")
    assert handshake_of(endpoint).secrets == ("Bearer sk-second", "sk-second")


def test_what_the_function_raises_leaves_unchanged() -> None:
    def vault() -> str:
        raise PermissionError("vault is sealed")

    with pytest.raises(PermissionError, match="vault is sealed"):
        handshake_of(OpenAIEndpoint(vault))


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        *BAD_VALUES,
        ("", ValueError, "is empty"),
        (None, TypeError, "must be a str, not NoneType"),
    ],
)
def test_a_bad_answer_of_the_function_is_told_and_not_shown(
    answer: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=rf"^what api_key\(\) returned {text}") as caught:
        handshake_of(OpenAIEndpoint(lambda: any_of(answer)))
    assert "CANARY" not in str(caught.value)
    with pytest.raises(error, match=rf"^what token\(\) returned {text}") as caught:
        handshake_of(AzureEndpoint(AZURE, token=lambda: any_of(answer)))
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("source", [None, b"CANARY", 3])
def test_a_key_that_can_be_none_is_refused_at_once(source: object) -> None:
    with pytest.raises(TypeError, match=r"^api_key must be a str or a function") as caught:
        OpenAIEndpoint(any_of(source))
    assert "CANARY" not in str(caught.value)


def test_an_empty_key_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"^api_key is empty$"):
        OpenAIEndpoint("")


# --- Azure

RESOURCE = "wss://res.openai.azure.com/openai/v1/realtime"
AZURE_URLS: list[tuple[str, Target, str]] = [
    *(
        (AZURE + spelling, Target(model="my deployment"), f"{RESOURCE}?model=my%20deployment")
        for spelling in (
            "",
            "/",
            "//",
            "/openai",
            "/openai/",
            "/OpenAI",
            "//openai//v1//",
            "/openai/v1",
            "/openai/v1/",
            "/openai/v1/realtime",
            "/openai/realtime?api-version=2025-04-01-preview&deployment=other",
        )
    ),
    (AZURE, CALL, f"{RESOURCE}?call_id=rtc_u1"),
    (AZURE, INTENT, f"{RESOURCE}?intent=transcription"),
    (f"{AZURE}?a=1&model=x", CALL, f"{RESOURCE}?a=1&call_id=rtc_u1"),
    ("https://gate.net/team", CALL, "wss://gate.net/team/openai/v1/realtime?call_id=rtc_u1"),
    ("https://gate.net/myopenai", CALL, "wss://gate.net/myopenai/openai/v1/realtime?call_id=rtc_u1"),
    ("https://gate.net/team/openai/v1/", CALL, "wss://gate.net/team/openai/v1/realtime?call_id=rtc_u1"),
    ("wss://res.services.ai.azure.com", CALL, "wss://res.services.ai.azure.com/openai/v1/realtime?call_id=rtc_u1"),
]  # fmt: skip


@pytest.mark.parametrize(("endpoint", "target", "url"), AZURE_URLS)
def test_any_spelling_of_an_azure_endpoint_works(  # pain 21
    endpoint: str, target: Target, url: str
) -> None:
    assert _azure.url_from_target(endpoint, target) == url
    assert handshake_of(AzureEndpoint(endpoint, api_key=KEY), target).url == url


PREVIEW = "wss://res.openai.azure.com/openai/realtime?api-version=2025-04-01-preview"
AZURE_PREVIEW_URLS: list[tuple[str, Target, str]] = [
    *(
        (
            AZURE + spelling,
            Target(model="my deployment", dialect="beta"),
            f"{PREVIEW}&deployment=my%20deployment",
        )
        for spelling in (
            "",
            "/",
            "/openai",
            "//openai//v1//",
            "/openai/v1/realtime",
            "/openai/realtime?api-version=2024-10-01-preview&deployment=other&model=x",
        )
    ),
    (AZURE, Target(intent="transcription", dialect="beta"), f"{PREVIEW}&intent=transcription"),
    (
        "https://gate.net/team/openai?a=1",
        BETA,
        "wss://gate.net/team/openai/realtime?a=1&api-version=2025-04-01-preview&deployment=m",
    ),
]


@pytest.mark.parametrize(("endpoint", "target", "url"), AZURE_PREVIEW_URLS)
def test_any_spelling_of_an_azure_endpoint_works_with_a_preview_version(  # pain 21
    endpoint: str, target: Target, url: str
) -> None:
    preview = AzureEndpoint(endpoint, api_key=KEY, api_version="2025-04-01-preview")
    shaken = handshake_of(preview, target)
    assert shaken.url == url
    assert shaken.headers == (US, ("OpenAI-Beta", "realtime=v1"), ("api-key", KEY))


def test_a_preview_version_resolves_its_deployment() -> None:
    endpoint = AzureEndpoint(AZURE, token=KEY, deployment="d", api_version="2025-04-01-preview")
    target = target_from_arguments(endpoint, dialect="beta")
    shaken = handshake_of(endpoint, target)
    assert shaken.url == f"{PREVIEW}&deployment=d"
    assert shaken.headers == (US, ("OpenAI-Beta", "realtime=v1"), BEARER)


def test_an_azure_token_is_asked_for_on_every_attempt() -> None:
    tokens = iter(["first", "second"])

    async def fetch() -> str:
        await trio.lowlevel.checkpoint()
        return next(tokens)

    for version, target in ((None, MODEL), ("2025-04-01-preview", BETA)):
        endpoint = AzureEndpoint(AZURE, token=fetch, api_version=version)
        assert handshake_of(endpoint, target).headers[-1][1].startswith("Bearer ")
    assert list(tokens) == []


@pytest.mark.parametrize(
    ("version", "target", "said"),
    [
        ("2025-04-01-preview", MODEL, r'speaks the beta dialect: give dialect="beta", or leave'),
        ("2025-04-01-preview", TRANSLATION, "Azure has no translation sessions"),
        (None, TRANSLATION, "Azure has no translation sessions: open them with an OpenAIEndpoint"),
        ("2025-04-01-preview", Target(call_id="c", dialect="beta"), "cannot attach to a call"),
        (None, BETA, "GA path does not speak the beta dialect.*api_version= of a preview"),
    ],
)
def test_an_azure_path_speaks_one_dialect(version: str | None, target: Target, said: str) -> None:
    endpoint = AzureEndpoint(AZURE, api_key=KEY, api_version=version)
    with pytest.raises(ValueError, match=said):
        handshake_of(endpoint, target)


def test_a_preview_version_that_can_be_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="api_version is empty; None is the GA path"):
        AzureEndpoint(AZURE, api_key=KEY, api_version="")
    with pytest.raises(TypeError, match="api_version must be a str, not int"):
        AzureEndpoint(AZURE, api_key=KEY, api_version=any_of(2025))
    for name in ("api-version", "deployment"):
        with pytest.raises(ValueError, match=f"extra_query must not hold {name}"):
            AzureEndpoint(
                AZURE, api_key=KEY, api_version="2025-04-01-preview", extra_query={name: "x"}
            )


def test_an_azure_query_can_be_extended() -> None:
    endpoint = AzureEndpoint(f"{AZURE}?a=1", api_key=KEY, extra_query={"api-version": "v1"})
    assert handshake_of(endpoint, CALL).url == f"{RESOURCE}?a=1&api-version=v1&call_id=rtc_u1"


def test_an_azure_key_never_goes_into_the_url() -> None:  # pain 21, promise 9
    for endpoint in (AzureEndpoint(AZURE, api_key=KEY), AzureEndpoint(AZURE, token=KEY)):
        shaken = handshake_of(endpoint)
        assert KEY not in shaken.url
        assert KEY in shaken.secrets


def test_an_azure_address_that_names_a_deployment_is_refused() -> None:
    with pytest.raises(ValueError, match="endpoint names a deployment"):
        AzureEndpoint(f"{AZURE}/openai/deployments/mine", api_key=KEY)


def test_a_deployment_allows_no_other_target() -> None:
    endpoint = AzureEndpoint(AZURE, api_key=KEY, deployment="mine")
    assert handshake_of(endpoint, Target(model="mine")).url == f"{RESOURCE}?model=mine"
    for target in (MODEL, CALL, INTENT):
        with pytest.raises(ValueError, match="deployment='mine', which counts as the model"):
            handshake_of(endpoint, target)
    with pytest.raises(ValueError, match="empty"):
        AzureEndpoint(AZURE, api_key=KEY, deployment="")


def test_azure_takes_a_key_or_a_token_or_a_header_of_yours() -> None:
    with pytest.raises(ValueError, match="give api_key or token, not both"):
        AzureEndpoint(AZURE, api_key=KEY, token=KEY)
    with pytest.raises(ValueError, match="give api_key or token, or a header"):
        AzureEndpoint(AZURE)
    with pytest.raises(ValueError, match="give api_key or token, or a header"):
        AzureEndpoint(AZURE, extra_headers={"X-Trace": "1"})
    own = AzureEndpoint(AZURE, extra_headers={"Ocp-Apim-Subscription-Key": KEY})
    assert handshake_of(own).headers == (US, ("Ocp-Apim-Subscription-Key", KEY))
    assert handshake_of(own).secrets == (KEY,)
    both = AzureEndpoint(AZURE, api_key=KEY, extra_headers={"API-KEY": "other", "user-agent": None})
    assert handshake_of(both).headers == (("API-KEY", "other"),)


# --- Plain text

NO_KEY: Mapping[str, str | None] = {"authorization": None}

EXPOSED = [
    "http://example.com",
    "ws://example.com",
    "http://localhost.example.com",
    "http://localhost.",
    "http://127.1",
    "http://2130706433",
    "http://0.0.0.0",
    "http://128.0.0.1",
    "http://192.168.0.7",
    "http://[::]",
    "http://[::ffff:127.0.0.1]",
    "http://[fe80::1]",
]
SAFE = [
    "https://example.com",
    "wss://192.168.0.7",
    "http://localhost",
    "http://LOCALHOST:8000",
    "ws://localhost",
    "http://127.0.0.1:80",
    "http://127.255.3.4",
    "http://[::1]:9",
    "http://[0:0:0:0:0:0:0:1]",
]


@pytest.mark.parametrize("base", EXPOSED)
def test_credentials_do_not_travel_in_plain_text(base: str) -> None:
    assert is_exposed(base)
    for make in (
        lambda: OpenAIEndpoint(KEY, base_url=base),
        lambda: OpenAIEndpoint(lambda: KEY, base_url=base),
        lambda: OpenAIEndpoint(EPHEMERAL, base_url=base, auth="subprotocol"),
        lambda: AzureEndpoint(base, api_key=KEY),
        lambda: AzureEndpoint(base, token=async_key),
        lambda: AzureEndpoint(base, extra_headers={"X-Auth-Token": KEY}),
        lambda: OpenAIEndpoint("none", base_url=f"{base}?token={KEY}", extra_headers=NO_KEY),
    ):
        with pytest.raises(ValueError, match=r"in plain text.*allow_insecure=True") as caught:
            make()
        assert "CANARY" not in str(caught.value)
    # Nothing secret travels, or you said that it may.
    for permitted in (
        OpenAIEndpoint("none", base_url=base, extra_headers=NO_KEY),
        OpenAIEndpoint(KEY, base_url=base, allow_insecure=True),
        AzureEndpoint(base, api_key=KEY, allow_insecure=True),
    ):
        assert handshake_of(permitted).url.startswith("ws://")


@pytest.mark.parametrize("base", SAFE)
def test_loopback_and_tls_need_no_permission(base: str) -> None:
    assert not is_exposed(base)
    assert handshake_of(OpenAIEndpoint(KEY, base_url=base)).secrets
    assert handshake_of(AzureEndpoint(base, api_key=KEY)).secrets


# --- Handshake


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"url": "https://e.com/CANARY"}, "must begin with wss://"),
        ({"url": "e.com/CANARY"}, "must begin with https://"),
        ({"url": "wss://u:CANARY@e.com"}, "user name or password"),
        ({"url": "wss://e.com/#CANARY"}, "no fragment"),
        ({"url": "wss://e.com/CANARYü"}, "ASCII"),
        ({"url": "wss://e.com", "headers": (("X", "CANARY\r\n"),)}, "the header X"),
        ({"url": "wss://e.com", "subprotocols": ("CAN ARY",)}, "a subprotocol"),
    ],
)
def test_a_handshake_of_yours_keeps_the_same_rules(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text) as caught:
        Handshake(**arguments)
    assert "CANARY" not in str(caught.value)


BASIC = base64.b64encode(b"me:CANARY:x").decode()


@pytest.mark.parametrize(
    ("arguments", "secrets"),
    [
        ({}, ()),
        ({"headers": (("User-Agent", "x"), ("X-Trace-Id", "1"))}, ()),
        ({"headers": (("authorization", "Bearer abc"),)}, ("Bearer abc", "abc")),
        ({"headers": (("Authorization", "abc"), ("Api-Key", "abc"))}, ("abc",)),
        (
            {"headers": (("Authorization", f"Basic {BASIC}"),)},
            (f"Basic {BASIC}", BASIC, "CANARY:x"),
        ),
        ({"headers": (("Authorization", "basic a"),)}, ("basic a", "a")),
        ({"headers": (("Cookie", "a=b; c=d"),)}, ("a=b; c=d", "c=d")),
        ({"subprotocols": ("realtime", "openai-insecure-api-key.ek_1")}, ("ek_1",)),
        ({"url": "wss://e.com/?model=m&access_token=abc%20d&x=1"}, ("abc d",)),
    ],
)
def test_a_handshake_knows_its_secrets(arguments: dict[str, Any], secrets: tuple[str, ...]) -> None:
    complete: dict[str, Any] = {"url": "wss://e.com", **arguments}
    assert Handshake(**complete).secrets == secrets


def test_a_handshake_shows_names_and_no_values() -> None:  # promise 9
    shaken = Handshake(
        url="wss://e.com/v1?model=m&x=CANARY",
        headers=(("Authorization", "Bearer CANARY"), ("X-Odd", "CANARY")),
        subprotocols=("realtime", "openai-insecure-api-key.CANARY"),
    )
    assert repr(shaken) == str(shaken) == (
        "Handshake(url='wss://e.com/v1?model=m&x=[redacted]', headers=['Authorization', 'X-Odd'], "
        "subprotocols=['realtime', 'openai-insecure-api-key'])"
    )  # fmt: skip


# --- The endpoints as objects


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (
            OpenAIEndpoint(
                KEY,
                base_url="https://e.com/v1?sig=CANARY",
                organization="o",
                extra_headers={"X": "CANARY"},
                extra_query={"q": "CANARY"},
            ),
            (
                "OpenAIEndpoint([redacted], base_url='https://e.com/v1?sig=[redacted]', "
                "organization='o', project=None, auth='header')"
            ),
        ),
        (
            AzureEndpoint(AZURE, api_key=KEY, deployment="d", extra_headers={"X": "CANARY"}),
            f"AzureEndpoint('{AZURE}', deployment='d', api_key=[redacted])",
        ),
        (
            AzureEndpoint(f"{AZURE}?k=CANARY", token=KEY),
            f"AzureEndpoint('{AZURE}?k=[redacted]', deployment=None, token=[redacted])",
        ),
        (
            AzureEndpoint(AZURE, token=KEY, api_version="v"),
            f"AzureEndpoint('{AZURE}', deployment=None, api_version='v', token=[redacted])",
        ),
    ],
)
def test_no_secret_is_in_the_repr_of_an_endpoint(endpoint: object, text: str) -> None:
    assert repr(endpoint) == str(endpoint) == text  # promise 9


def test_endpoints_are_frozen_copied_compared_and_hashed() -> None:
    headers: dict[str, str | None] = {"X-A": "1"}
    query: dict[str, str | None] = {"a": "1"}
    for kind, address in ((OpenAIEndpoint, "base_url"), (AzureEndpoint, "endpoint")):
        arguments = {"api_key": KEY, address: AZURE, "extra_headers": headers, "extra_query": query}
        endpoint = any_of(kind)(**arguments)
        assert endpoint == any_of(kind)(**arguments)
        assert hash(endpoint) == hash(any_of(kind)(**arguments))
        with pytest.raises(dataclasses.FrozenInstanceError):
            endpoint.api_key = "other"
        before = handshake_of(endpoint)
        headers["X-A"] = query["a"] = "\r\n"
        assert handshake_of(endpoint) == before
        headers["X-A"] = query["a"] = "1"
