"""What answers are read as: typed, tolerant, without a key in what is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final, cast

import pytest
from pydantic import JsonValue
from trio.testing import MockClock

from tests.core.simulated import at
from tests.rest.servers import KEY, SECRET, Behaviour, asking, error, hang_up, said
from tests.wire import canonical, needs_recordings, shared_lines, unknown_things
from trio_realtime import AuthenticationError, Options, RestError
from trio_realtime.rest import Call, ClientSecret
from trio_realtime.rest._models import TranslationClientSecret
from trio_realtime.types import Session

OFFER: Final = "v=0\r\nm=audio 9 RTP/AVP 0\r\n"


async def test_a_key_comes_with_its_end_and_its_session() -> None:
    async with asking() as (rest, _):
        secret = await rest.client_secrets.create()
    assert isinstance(secret, ClientSecret)
    assert secret.value == "ek_CANARY0123456789abcd"
    assert secret.expires_at == 1_800_000_060
    assert isinstance(secret.session, Session)
    assert secret.session.model == "gpt-realtime-2.1"


async def test_no_key_is_in_what_is_shown() -> None:  # promise 9
    flat: JsonValue = {"id": "sess_1", "client_secret": {"value": "ek_CANARY", "expires_at": 1}}
    async with asking(said(200, SECRET), said(200, SECRET), said(200, flat)) as (rest, _):
        results: list[object] = [
            await rest.client_secrets.create(),
            await rest.translations.client_secrets.create({"model": "m"}),
            await rest.beta.sessions.create(),
            await rest.beta.transcription_sessions.create(),
        ]
    for result in results:
        assert "CANARY" not in repr(result)
        assert "CANARY" not in str(result)


async def test_an_answer_to_an_offer_holds_a_password_and_is_not_shown() -> None:  # promise 9
    answer = (
        b"HTTP/1.1 201 Created\r\nLocation: /v1/realtime/calls/rtc_u0_1\r\n\r\nv=0\r\na=ice-pwd:x"
    )
    async with asking(answer) as (rest, _):
        call = await rest.calls.create(OFFER)
    assert call == Call(sdp="v=0\r\na=ice-pwd:x", call_id="rtc_u0_1")
    assert repr(call) == "Call(call_id='rtc_u0_1')"


@pytest.mark.parametrize(
    ("location", "call_id"),
    [
        ("/v1/realtime/calls/rtc_1", "rtc_1"),
        ("/v1/realtime/calls/rtc_1/", "rtc_1"),
        ("https://api.openai.com/v1/realtime/calls/rtc_1?x=1", "rtc_1"),
        ("calls/rtc_1", None),
        ("/calls/a%2Fb", "a/b"),
        ("/v1/realtime/calls", None),
        ("/v1/realtime/calls/", None),
        ("/v1/realtime/sessions/s_1", None),
        ("/", None),
        (None, None),
    ],
)
async def test_the_id_of_a_call_is_the_end_of_its_location(
    location: str | None, call_id: str | None
) -> None:
    headers = {} if location is None else {"Location": location}
    async with asking(said(201, **headers)) as (rest, _):
        assert (await rest.calls.create(OFFER)).call_id == call_id


async def test_what_is_not_known_is_kept_and_what_cannot_be_read_is_left_out() -> None:
    body: JsonValue = {
        "value": "ek_1",
        "expires_at": 5,
        "session": {"type": "realtime", "tools": "many", "audio": 7},
        "colour": "blue",
    }
    async with asking(said(200, body)) as (rest, _):
        secret = await rest.client_secrets.create()
    assert (secret.value, secret.expires_at, secret.session) == ("ek_1", 5, None)
    assert secret.model_extra == {"colour": "blue"}


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (said(200), "the whole: json_invalid"),
        (said(200, ["ek_CANARY"]), "the whole: model"),
        (said(200, {"expires_at": 1}), "value: missing"),
        (said(200, {"value": "ek_CANARY", "expires_at": "soon"}), "expires_at: int_parsing"),
        (said(200, {"value": None, "expires_at": 1}), "value: string_type"),
    ],
)
async def test_an_answer_without_what_was_asked_for_is_an_error_that_shows_none_of_it(
    answer: bytes, complaint: str
) -> None:
    async with asking(answer) as (rest, server):
        with pytest.raises(RestError, match=complaint) as caught:
            await rest.client_secrets.create()
    assert caught.value.status_code == 200
    assert caught.value.uncertain
    assert "CANARY" not in str(caught.value)
    assert len(server.asked) == 1


async def test_an_answer_to_an_offer_that_is_no_text_is_an_error() -> None:
    answer = b"HTTP/1.1 201 Created\r\nX-Request-Id: req_7\r\n\r\n\xff\xfe"
    async with asking(answer) as (rest, _):
        with pytest.raises(RestError, match="not text") as caught:
            await rest.calls.create(OFFER)
    assert caught.value.request_id == "req_7"


async def test_an_answer_has_a_limit(autojump_clock: MockClock) -> None:  # promise 7
    options = Options(max_message_bytes=1000)
    async with asking(said(200, "x" * 2000), options=options, max_retries=0) as (rest, _):
        with pytest.raises(RestError, match="larger than 1000 bytes") as caught:
            await rest.client_secrets.create()
    assert caught.value.uncertain


async def test_a_refusal_says_what_the_server_said() -> None:
    body: JsonValue = {
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": f"Bad thing: {KEY}",
            "param": "session.voice",
        }
    }
    async with asking(said(400, body, X_Request_Id="req_1")) as (rest, _):
        with pytest.raises(RestError) as caught:
            await rest.client_secrets.create()
    refusal = caught.value
    assert (refusal.type, refusal.code) == ("invalid_request_error", "invalid_value")
    assert (refusal.param, refusal.request_id) == ("session.voice", "req_1")
    assert refusal.message == "Bad thing: [redacted]"
    assert refusal.url == "http://localhost/v1/realtime/client_secrets"
    assert KEY not in repr(refusal)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no reason given"),
        (b"<html>", "no reason given"),
        (b"[" * 100_000, "no reason given"),
        (b"[1]", "no reason given"),
        (b'"gone"', "gone"),
        (b'{"detail": "gone"}', "gone"),
        (b'{"error": "gone"}', "gone"),
        (b'{"error": {"code": 7, "message": "gone"}}', "gone"),
    ],
)
async def test_a_refusal_of_any_shape_is_understood(body: bytes, message: str) -> None:
    head = f"HTTP/1.1 418 I'm a Teapot\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    async with asking(head + body) as (rest, _):
        with pytest.raises(RestError) as caught:
            await rest.calls.hangup("rtc_1")
    assert (caught.value.status_code, caught.value.message) == (418, message)


async def test_what_the_server_says_of_a_key_is_redacted() -> None:  # promise 9
    answer = said(
        401, {"error": {"message": f"Incorrect API key provided: sk-proj-****ueba. {KEY}"}}
    )
    async with asking(answer) as (rest, _):
        with pytest.raises(AuthenticationError) as caught:
            await rest.client_secrets.create()
    assert "ueba" not in str(caught.value)


@pytest.mark.parametrize("behaviour", [hang_up, error(500)], ids=["lost", "500"])
async def test_what_is_lost_says_that_it_may_have_been_done(behaviour: bytes | Behaviour) -> None:
    async with asking(behaviour, max_retries=0) as (rest, _):
        with pytest.raises(RestError, match="may have done it all the same") as caught:
            await rest.calls.create(OFFER)
    assert caught.value.uncertain


async def test_interim_answers_are_skipped() -> None:
    async with asking(b"HTTP/1.1 103 Early Hints\r\n\r\n" + said(200, SECRET)) as (rest, _):
        assert (await rest.client_secrets.create()).value == SECRET["value"]


async def test_a_refusal_is_read_also_when_the_server_did_not_want_the_whole_request() -> None:
    async with asking(said(413, {"error": {"message": "Too big."}})) as (rest, _):
        with pytest.raises(RestError, match="Too big"):
            await rest.client_secrets.create({"instructions": "x" * 1_000_000})


def recorded(part: str) -> Iterator[Mapping[str, JsonValue]]:
    for line in shared_lines("recorded_rest.jsonl"):
        if str(line["url"]).partition("?")[0].endswith(part):
            yield line


def status_of(exchange: Mapping[str, JsonValue]) -> int:
    status = exchange["status"]
    return cast("int", at(status, "code") if isinstance(status, dict) else status)


@needs_recordings
async def test_recorded_keys_round_trip() -> None:
    exchanges = list(recorded("/client_secrets"))
    assert len(exchanges) > 5
    for exchange in exchanges:
        request = exchange["request"]
        assert isinstance(request, dict)
        session = request["session"]
        assert isinstance(session, dict)
        after = request.get("expires_after")
        async with asking(said(status_of(exchange), exchange["response"])) as (rest, server):
            secret = await rest.client_secrets.create(
                session, expires_after=after if isinstance(after, dict) else None
            )
        assert canonical(server.asked[0].json) == canonical(request)
        assert list(unknown_things(secret)) == []
        assert isinstance(secret.session, Session)
        written = json.loads(secret.model_dump_json(exclude_unset=True))
        assert canonical(written) == canonical(exchange["response"])


@needs_recordings
async def test_recorded_calls_are_made_as_they_were() -> None:
    exchanges = list(recorded("/calls"))
    assert len(exchanges) > 5
    for exchange in exchanges:
        headers = cast("Mapping[str, list[str]]", exchange["response_headers"])
        (location,) = headers["location"]
        body = str(exchange["response"]).encode()
        head = f"HTTP/1.1 {status_of(exchange)} Created\r\nLocation: {location}\r\n\r\n"
        request = str(exchange["request"])
        offer, session = request, None
        if request.startswith("--"):
            _, first, second, _ = request.split(request.partition("\r\n")[0])
            offer = first.partition("\r\n\r\n")[2].removesuffix("\r\n")
            session = json.loads(second.partition("\r\n\r\n")[2].removesuffix("\r\n"))
        async with asking(head.encode() + body) as (rest, server):
            call = await rest.calls.create(offer, session)
        assert call.sdp.encode() == body
        assert call.call_id == location.rpartition("/")[2]
        # The boundary is anybody's choice.
        sent = server.asked[0].body.decode()
        if session is None:
            assert sent == request
        else:
            boundary = sent.partition("\r\n")[0]
            parts = [part.partition("\r\n\r\n") for part in sent.split(boundary)]
            asked = [
                part.partition("\r\n\r\n") for part in request.split(request.partition("\r\n")[0])
            ]
            assert [part[0] for part in parts] == [part[0] for part in asked]
            assert parts[1] == asked[1]
            assert json.loads(parts[2][2]) == session


def test_a_key_for_translation_is_read_with_its_session() -> None:
    secret = TranslationClientSecret.model_validate_json(
        '{"value": "ek_1", "expires_at": 1, "session": {"type": "translation", "model": "m"}}'
    )
    assert secret.session is not None
    assert secret.session.type == "translation"
