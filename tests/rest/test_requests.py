"""What goes over the wire: where to, as whom, and what is said."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import pytest
import trio
from pydantic import JsonValue

from tests.rest.servers import ENDPOINT, KEY, asking, said
from trio_realtime import AzureEndpoint, Endpoint, Handshake, OpenAIEndpoint, Target
from trio_realtime.beta import SessionConfig, TranscriptionSessionConfig
from trio_realtime.rest import ExpiresAfter, RestClient, TranslationSessionConfig
from trio_realtime.rest._urls import url_from_handshake
from trio_realtime.translation import TranslationAudio, TranslationAudioOutput
from trio_realtime.types import RealtimeSessionConfig, TranscriptionSessionConfig as WritingConfig

OFFER: Final = "v=0\r\nm=audio 9 RTP/AVP 0\r\n"
SERVER: Final = "http://localhost"

Asking: TypeAlias = Callable[[RestClient], Awaitable[object]]


IN_JSON: Final[list[tuple[Asking, str, JsonValue]]] = [
    (lambda rest: rest.client_secrets.create(), "client_secrets", {}),
    (
        lambda rest: rest.client_secrets.create({"model": "m"}, expires_after=60),
        "client_secrets",
        {
            "session": {"type": "realtime", "model": "m"},
            "expires_after": {"anchor": "created_at", "seconds": 60},
        },
    ),
    (
        lambda rest: rest.client_secrets.create(
            WritingConfig(), expires_after=ExpiresAfter(seconds=10)
        ),
        "client_secrets",
        {
            "session": {"type": "transcription"},
            "expires_after": {"anchor": "created_at", "seconds": 10},
        },
    ),
    (
        lambda rest: rest.client_secrets.create(
            {"type": "transcription", "new": None}, expires_after={"hours": 1}
        ),
        "client_secrets",
        {"session": {"type": "transcription", "new": None}, "expires_after": {"hours": 1}},
    ),
    (
        lambda rest: rest.translations.client_secrets.create(
            TranslationSessionConfig(
                model="m",
                audio=TranslationAudio(output=TranslationAudioOutput(language="es")),
            ),
            expires_after=600,
        ),
        "translations/client_secrets",
        {
            "session": {"model": "m", "audio": {"output": {"language": "es"}}},
            "expires_after": {"anchor": "created_at", "seconds": 600},
        },
    ),
    (
        lambda rest: rest.translations.client_secrets.create({"model": "m"}),
        "translations/client_secrets",
        {"session": {"model": "m"}},
    ),
    (
        lambda rest: rest.calls.accept("rtc_1", RealtimeSessionConfig(tracing=None)),
        "calls/rtc_1/accept",
        {"type": "realtime", "tracing": None},
    ),
    (
        lambda rest: rest.calls.accept("rtc_1", {"instructions": "Hï"}),
        "calls/rtc_1/accept",
        {"type": "realtime", "instructions": "Hï"},
    ),
    (lambda rest: rest.calls.reject("rtc_1"), "calls/rtc_1/reject", {}),
    (lambda rest: rest.calls.reject("rtc_1", 486), "calls/rtc_1/reject", {"status_code": 486}),
    (
        lambda rest: rest.calls.refer("rtc_1", "tel:+1"),
        "calls/rtc_1/refer",
        {"target_uri": "tel:+1"},
    ),
    (lambda rest: rest.beta.sessions.create(), "sessions", {}),
    (
        lambda rest: rest.beta.sessions.create(SessionConfig(modalities=["text"])),
        "sessions",
        {"modalities": ["text"]},
    ),
    (
        lambda rest: rest.beta.transcription_sessions.create(
            TranscriptionSessionConfig(turn_detection=None)
        ),
        "transcription_sessions",
        {"turn_detection": None},
    ),
]


@pytest.mark.parametrize(("ask", "path", "body"), IN_JSON)
async def test_what_is_asked_for_in_json(ask: Asking, path: str, body: JsonValue) -> None:
    async with asking() as (rest, server):
        await ask(rest)
    (asked,) = server.asked
    assert asked.line == f"POST /v1/realtime/{path} HTTP/1.1"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["host"] == "localhost"
    assert asked.headers["connection"] == "close"
    assert asked.headers["user-agent"].startswith("trio-realtime/")
    assert asked.json == body
    beta = asked.headers.get("openai-beta")
    assert beta == ("assistants=v2" if path.endswith("sessions") else None)
    assert asked.headers["accept"] == ("*/*" if "rtc_1" in path else "application/json")


async def test_hanging_up_says_nothing_more() -> None:
    async with asking(said(200)) as (rest, server):
        await rest.calls.hangup("rtc_1")
    (asked,) = server.asked
    assert asked.line == "POST /v1/realtime/calls/rtc_1/hangup HTTP/1.1"
    assert (asked.body, asked.headers["content-length"]) == (b"", "0")
    assert "content-type" not in asked.headers


async def test_an_offer_alone_is_the_body_itself() -> None:
    async with asking(said(201, Location="/v1/realtime/calls/rtc_1")) as (rest, server):
        await rest.calls.create(OFFER)
    (asked,) = server.asked
    assert asked.line == "POST /v1/realtime/calls HTTP/1.1"
    assert asked.headers["content-type"] == "application/sdp"
    assert asked.headers["accept"] == "application/sdp"
    assert asked.body == OFFER.encode()


async def test_an_offer_with_a_session_is_a_form_of_two_parts() -> None:
    async with asking(said(201, Location="/v1/realtime/calls/rtc_1")) as (rest, server):
        await rest.calls.create(OFFER, {"model": "m", "instructions": "Hï"})
    (asked,) = server.asked
    boundary = re.fullmatch("multipart/form-data; boundary=(.+)", asked.headers["content-type"])
    assert boundary is not None
    start, first, second, end = asked.body.split(b"--" + boundary[1].encode())
    assert (start, end) == (b"", b"--\r\n")
    parts = [part.strip(b"\r\n").split(b"\r\n\r\n", 1) for part in (first, second)]
    # Without a file name: the real server takes a part with one for a file.
    assert [head.decode().split("\r\n") for head, _ in parts] == [
        ['Content-Disposition: form-data; name="sdp"', "Content-Type: application/sdp"],
        ['Content-Disposition: form-data; name="session"', "Content-Type: application/json"],
    ]
    assert parts[0][1] == OFFER.strip().encode()
    assert json.loads(parts[1][1]) == {"type": "realtime", "model": "m", "instructions": "Hï"}


# promise 9
async def test_credentials_are_in_headers_and_nowhere_else() -> None:
    endpoint = OpenAIEndpoint(
        KEY,
        base_url=f"{SERVER}/v1",
        organization="org-1",
        project="proj_1",
        safety_identifier="user-1",
        extra_headers={"X-Mine": "yes", "accept": "text/plain", "user-agent": None},
    )
    async with asking(endpoint=endpoint) as (rest, server):
        await rest.client_secrets.create()
        shown = repr(rest)
    (asked,) = server.asked
    assert asked.headers["openai-organization"] == "org-1"
    assert asked.headers["openai-project"] == "proj_1"
    assert asked.headers["openai-safety-identifier"] == "user-1"
    assert asked.headers["x-mine"] == "yes"
    assert asked.headers["accept"] == "text/plain"
    assert "user-agent" not in asked.headers
    assert KEY not in asked.line
    assert KEY not in shown
    assert shown.startswith("RestClient(OpenAIEndpoint(")


@pytest.mark.parametrize("kind", ["ga", "beta"])
async def test_credentials_of_subprotocols_become_headers(kind: str) -> None:
    endpoint = OpenAIEndpoint(
        "ek_0123456789abcdef",
        base_url=f"{SERVER}/v1",
        organization="org-1",
        project="proj_1",
        auth="subprotocol",
    )
    async with asking(endpoint=endpoint) as (rest, server):
        await (rest.beta.sessions.create() if kind == "beta" else rest.client_secrets.create())
    headers = server.asked[0].headers
    assert headers["authorization"] == "Bearer ek_0123456789abcdef"
    assert headers["openai-organization"] == "org-1"
    assert headers["openai-project"] == "proj_1"
    assert headers.get("openai-beta") == ("assistants=v2" if kind == "beta" else None)
    assert "sec-websocket-protocol" not in headers


async def test_a_beta_header_of_yours_is_yours() -> None:
    endpoint = OpenAIEndpoint(
        KEY, base_url=f"{SERVER}/v1", extra_headers={"openai-beta": "mine=v3"}
    )
    async with asking(endpoint=endpoint) as (rest, server):
        await rest.beta.sessions.create()
        await rest.client_secrets.create()
    assert [asked.headers["openai-beta"] for asked in server.asked] == ["mine=v3"] * 2


RESOURCE: Final = f"{SERVER}/openai/v1/realtime"


@pytest.mark.parametrize(
    ("endpoint", "line"),
    [
        (AzureEndpoint(SERVER, api_key=KEY), "/openai/v1/realtime/calls"),
        (AzureEndpoint(RESOURCE, api_key=KEY), "/openai/v1/realtime/calls"),
        (AzureEndpoint(SERVER, api_key=KEY, deployment="d"), "/openai/v1/realtime/calls"),
        (
            AzureEndpoint(SERVER, api_key=KEY, extra_query={"webrtcfilter": "on"}),
            "/openai/v1/realtime/calls?webrtcfilter=on",
        ),
        (OpenAIEndpoint(KEY, base_url=SERVER), "/realtime/calls"),
        (OpenAIEndpoint(KEY, base_url=f"{SERVER}/v1/"), "/v1/realtime/calls"),
        (
            OpenAIEndpoint(KEY, base_url=f"{SERVER}/a%2Fb?x=1&model=m&&y=%20"),
            "/a%2Fb/realtime/calls?x=1&y=%20",
        ),
    ],
)
async def test_where_calls_are_made(endpoint: Endpoint, line: str) -> None:
    async with asking(said(201), endpoint=endpoint) as (rest, server):
        call = await rest.calls.create(OFFER)
        assert call.call_id is None
        await rest.calls.create(OFFER, {})
    assert [asked.line for asked in server.asked] == [f"POST {line} HTTP/1.1"] * 2


async def test_azure_takes_its_key_in_its_own_header_and_a_token_as_a_bearer() -> None:
    for endpoint, name, value in (
        (AzureEndpoint(SERVER, api_key=KEY), "api-key", KEY),
        (AzureEndpoint(SERVER, token=lambda: "token-1234"), "authorization", "Bearer token-1234"),
    ):
        async with asking(endpoint=endpoint) as (rest, server):
            await rest.calls.hangup("rtc_1")
        assert server.asked[0].headers[name] == value


async def test_azures_preview_has_its_sessions_beside_the_websocket() -> None:
    endpoint = AzureEndpoint(SERVER, api_key=KEY, deployment="d", api_version="2025-04-01-preview")
    async with asking(endpoint=endpoint) as (rest, server):
        await rest.beta.sessions.create({"model": "d"})
        # The rest of it is GA's.
        with pytest.raises(ValueError, match="dialect"):
            await rest.client_secrets.create()
    (asked,) = server.asked
    assert asked.line == (
        "POST /openai/realtimeapi/sessions?api-version=2025-04-01-preview HTTP/1.1"
    )


async def test_azures_ga_path_says_that_it_has_nothing_of_the_beta() -> None:
    async with asking(endpoint=AzureEndpoint(SERVER, api_key=KEY)) as (rest, server):
        with pytest.raises(ValueError, match="beta"):
            await rest.beta.sessions.create()
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("wss://e.com/v1/realtime?model=m", "https://e.com/v1/realtime/calls"),
        ("wss://e.com:8443/realtime", "https://e.com:8443/realtime/calls"),
        ("ws://[::1]:80/v1/realtime/?call_id=c", "http://[::1]:80/v1/realtime/calls"),
        ("wss://e.com/v1/realtime/translations?model=m", "https://e.com/v1/realtime/calls"),
        (
            "wss://e.com/openai/realtime?api-version=1&deployment=d",
            "https://e.com/openai/realtimeapi/calls?api-version=1",
        ),
        ("wss://e.com/openai/realtime?intent=x", "https://e.com/openai/realtime/calls"),
    ],
)
def test_where_to_is_what_the_websockets_url_says(url: str, asked: str) -> None:
    assert url_from_handshake(url, "calls") == asked


class Relay:
    """An endpoint of somebody's own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.targets: list[Target] = []

    async def handshake(self, target: Target) -> Handshake:
        self.targets.append(target)
        return Handshake(self.url, (("X-Token", "t-0123456789"),))


async def test_an_endpoint_of_your_own_serves_both() -> None:
    relay = Relay("ws://localhost/relay/realtime?model=m&tenant=7")
    async with asking(endpoint=relay) as (rest, server):
        await rest.calls.hangup("rtc_1")
        await rest.translations.client_secrets.create({"model": "m"})
    assert server.asked[0].line == ("POST /relay/realtime/calls/rtc_1/hangup?tenant=7 HTTP/1.1")
    assert server.asked[0].headers["x-token"] == "t-0123456789"
    assert relay.targets[0] == Target(call_id="rtc_1")
    assert relay.targets[1].dialect == "translation"


async def test_an_endpoint_whose_path_says_nothing_is_refused() -> None:
    async with asking(endpoint=Relay("ws://localhost/socket")) as (rest, server):
        with pytest.raises(ValueError, match="must end in /realtime"):
            await rest.calls.hangup("rtc_1")
    assert server.asked == []


@pytest.mark.parametrize(
    ("call_id", "path"),
    [
        ("a/b", "a%2Fb"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("...", "..."),
        ("%2e", "%252e"),
        ("ü", "%C3%BC"),
    ],
)
async def test_an_id_cannot_leave_its_segment(call_id: str, path: str) -> None:
    async with asking(said(200)) as (rest, server):
        await rest.calls.hangup(call_id)
        await rest.calls.accept(call_id, {})
        await rest.calls.reject(call_id)
        await rest.calls.refer(call_id, "tel:+1")
    assert [asked.line.split()[1] for asked in server.asked] == [
        f"/v1/realtime/calls/{path}/{action}" for action in ("hangup", "accept", "reject", "refer")
    ]


@pytest.mark.parametrize(
    ("call_id", "complaint"),
    [("", "is empty"), (" ", "is empty"), (".", "another path"), ("..", "another path")],
)
async def test_an_id_that_is_none_is_refused_before_anything_is_asked(
    call_id: str, complaint: str
) -> None:
    async with asking() as (rest, server):
        for ask in (
            rest.calls.hangup(call_id),
            rest.calls.accept(call_id, {}),
            rest.calls.reject(call_id),
            rest.calls.refer(call_id, "tel:+1"),
        ):
            with pytest.raises(ValueError, match=f"call_id .*{complaint}"):
                await ask
    assert server.asked == []


MISTAKES: Final[list[tuple[Asking, type[Exception], str]]] = [
    (lambda rest: rest.calls.hangup(7), TypeError, "call_id must be a str, not int"),  # type: ignore[arg-type]
    (lambda rest: rest.calls.create(b"v=0"), TypeError, "sdp must be a str, not bytes"),  # type: ignore[arg-type]
    (lambda rest: rest.calls.create(""), ValueError, "sdp is empty"),
    (lambda rest: rest.calls.create(OFFER, "m"), TypeError, "a mapping, not str"),  # type: ignore[arg-type]
    (lambda rest: rest.calls.accept("rtc_1", None), TypeError, "a mapping, not NoneType"),  # type: ignore[arg-type]
    (lambda rest: rest.calls.refer("rtc_1", " "), ValueError, "such as tel:"),
    (lambda rest: rest.client_secrets.create(["m"]), TypeError, "a mapping, not list"),  # type: ignore[arg-type]
    (lambda rest: rest.client_secrets.create({"a": b"b"}), TypeError, "bytes is not JSON"),  # type: ignore[dict-item]
]


@pytest.mark.parametrize(("ask", "kind", "complaint"), MISTAKES)
async def test_bad_arguments_are_told_before_anything_is_asked(
    ask: Asking, kind: type[Exception], complaint: str
) -> None:
    async with asking() as (rest, server):
        with pytest.raises(kind, match=complaint):
            await ask(rest)
    assert server.asked == []


UNSENDABLE: Final[list[Asking]] = [
    lambda rest: rest.calls.create(f"{OFFER}\ud800"),
    lambda rest: rest.calls.create(f"{OFFER}\ud800", {"model": "m"}),
    lambda rest: rest.client_secrets.create({"instructions": f"{OFFER}\ud800"}),
]


@pytest.mark.parametrize("ask", UNSENDABLE, ids=["raw", "form", "json"])
async def test_a_text_that_cannot_be_sent_opens_nothing_and_is_not_shown(ask: Asking) -> None:
    opened = 0

    async def connect(host: str, port: int) -> trio.abc.Stream:
        nonlocal opened
        opened += 1
        raise OSError

    async with RestClient(ENDPOINT, stream_factory=connect, max_retries=0) as rest:
        with pytest.raises(ValueError, match="half of a surrogate pair") as caught:
            await ask(rest)
    assert not opened
    assert "AVP" not in repr(caught.value)


def test_a_proxys_password_is_in_no_repr_of_a_client() -> None:  # promise 9
    rest = RestClient(ENDPOINT, proxy="http://me:swordfish@localhost:1")
    requests: object = vars(rest)["_requests"]
    assert "_network" in vars(requests)
    assert "swordfish" not in f"{rest!r} {vars(rest)!r} {vars(requests)!r}"


def test_a_key_in_the_place_of_an_endpoint_is_refused_and_not_shown() -> None:  # promise 9
    with pytest.raises(TypeError, match=r"such as OpenAIEndpoint\(key\), not str$"):
        RestClient(KEY)  # type: ignore[arg-type]


def test_a_client_without_a_key_says_where_it_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ValueError, match="OPENAI_API_KEY"):
        RestClient()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert "api.openai.com" in repr(RestClient())
    with pytest.raises(ValueError, match="max_retries must be 0 or more"):
        RestClient(max_retries=-1)


async def test_after_its_block_a_client_asks_nothing() -> None:
    async with asking() as (rest, server):
        async with RestClient(ENDPOINT) as other:
            pass
        with pytest.raises(RuntimeError, match="its block has been left"):
            await other.client_secrets.create()
        await rest.client_secrets.create()
    assert len(server.asked) == 1
