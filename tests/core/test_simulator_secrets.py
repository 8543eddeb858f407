from __future__ import annotations

import itertools
import json
from collections.abc import Callable

import pytest
from pydantic import JsonValue

from tests.core.simulated import at
from trio_realtime._core.simulator import ClientHandshake, Manner, Object, RefusedError, Simulation
from trio_realtime._core.simulator._secrets import SECRETS_MAX, Secret, Secrets

UNIX_TIME = 1_800_000_000.5


def letters() -> Callable[[int], str]:
    numbers = itertools.count()
    return lambda count: str(next(numbers)).zfill(count)


def made(asked: JsonValue, *, now: float = 0.0) -> tuple[Object, Secret]:
    """The answer to a request for a key, and the key."""
    secrets = Secrets(letters())
    answer = secrets.create(asked, now=now, unix_time=UNIX_TIME)
    secret = secrets.find(str(answer["value"]))
    assert secret is not None
    return answer, secret


def test_a_key_is_answered_with_its_end_and_the_whole_session() -> None:
    answer, secret = made({"session": {"type": "realtime", "model": "m", "instructions": "Hi"}})
    assert list(answer) == ["value", "expires_at", "session"]
    assert answer["value"] == "ek_" + "0" * 32
    assert answer["expires_at"] == 1_800_000_600
    assert at(answer, "session", "id") == "sess_" + "1".zfill(21)
    assert at(answer, "session", "expires_at") == 0
    assert at(answer, "session", "model") == "m"
    assert at(answer, "session", "instructions") == "Hi"
    assert at(answer, "session", "audio", "output", "voice") == "marin"
    assert "ek_" not in repr(secret)


@pytest.mark.parametrize(
    ("expires_after", "seconds"),
    [
        (None, 600),
        ({}, 600),
        ({"anchor": None, "seconds": None}, 600),
        ({"seconds": 10}, 10),
        ({"anchor": "created_at", "seconds": 7200}, 7200),
    ],
)
def test_a_key_is_good_for_as_long_as_was_asked(expires_after: JsonValue, seconds: int) -> None:
    answer, secret = made({"expires_after": expires_after}, now=5.0)
    assert answer["expires_at"] == 1_800_000_000 + seconds
    assert secret.due == 5.0 + seconds


@pytest.mark.parametrize(
    ("session", "kind", "model"),
    [
        (None, "realtime", "gpt-realtime"),
        ({"type": "realtime", "model": None}, "realtime", "gpt-realtime"),
        ({"type": "realtime", "model": "gpt-any"}, "realtime", "gpt-any"),
        ({"type": "transcription"}, "transcription", None),
    ],
)
def test_a_key_is_for_sessions_of_one_kind(
    session: JsonValue, kind: str, model: str | None
) -> None:
    answer, _ = made({"session": session})
    assert isinstance(answer["session"], dict)
    assert answer["session"]["type"] == kind
    assert answer["session"].get("model") == model


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ([], "invalid_type", "body"),
        ({"zession": {}}, "unknown_parameter", "zession"),
        ({"session": "realtime"}, "invalid_type", "session"),
        ({"session": {"model": "m"}}, "missing_required_parameter", "session.type"),
        ({"session": {"type": "voice"}}, "invalid_value", "session.type"),
        ({"session": {"type": "realtime", "model": 4}}, "invalid_type", "session.model"),
        ({"session": {"type": "realtime", "colour": 1}}, "unknown_parameter", "session.colour"),
        ({"expires_after": 600}, "invalid_type", "expires_after"),
        ({"expires_after": {"minutes": 1}}, "unknown_parameter", "expires_after.minutes"),
        ({"expires_after": {"anchor": "first_use"}}, "invalid_value", "expires_after.anchor"),
        ({"expires_after": {"seconds": "60"}}, "invalid_type", "expires_after.seconds"),
        ({"expires_after": {"seconds": True}}, "invalid_type", "expires_after.seconds"),
        ({"expires_after": {"seconds": 9}}, "integer_below_min_value", "expires_after.seconds"),
        ({"expires_after": {"seconds": 7201}}, "integer_above_max_value", "expires_after.seconds"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(asked: JsonValue, code: str, param: str) -> None:
    secrets = Secrets(letters())
    with pytest.raises(RefusedError) as caught:
        secrets.create(asked, now=0.0, unix_time=UNIX_TIME)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_keys_that_were_never_given_out_are_not_found_and_the_oldest_are_forgotten() -> None:
    secrets = Secrets(letters())
    first = secrets.create({}, now=0.0, unix_time=UNIX_TIME)["value"]
    assert secrets.find(None) is secrets.find("ek_other") is None
    for _ in range(SECRETS_MAX - 1):
        secrets.create({"session": {"type": "transcription"}}, now=0.0, unix_time=UNIX_TIME)
    assert secrets.find(str(first)) is not None
    last = secrets.create({}, now=0.0, unix_time=UNIX_TIME)["value"]
    assert secrets.find(str(first)) is None
    assert secrets.find(str(last)) is not None


def opened(secret: Secret, query: str, *, now: float = 0.0) -> Simulation:
    simulation = Simulation(
        ClientHandshake("/v1/realtime", query, (("authorization", f"Bearer {secret.value}"),)),
        Manner(api_key="sk-server"),
        letters(),
        now=now,
        unix_time=UNIX_TIME,
        secret=secret,
    )
    simulation.open()
    return simulation


def first_frame(simulation: Simulation) -> dict[str, JsonValue]:
    frame: dict[str, JsonValue] = json.loads(simulation.outbox[0])
    return frame


def test_a_session_begins_as_its_key_says_whatever_the_url_says() -> None:
    audio: JsonValue = {"input": {"format": {"type": "audio/pcmu"}}}
    _, secret = made({"session": {"type": "realtime", "model": "m", "audio": audio}})
    for query in ("model=other", ""):
        session = first_frame(opened(secret, query))["session"]
        assert at(session, "model") == "m"
        assert at(session, "expires_at") == 1_800_003_600
        assert at(session, "audio", "input", "format", "type") == "audio/pcmu"
    _, secret = made({"session": {"type": "transcription"}})
    assert at(first_frame(opened(secret, "model=m")), "session", "type") == "transcription"


def test_audio_is_taken_in_the_format_of_the_key() -> None:
    audio: JsonValue = {"input": {"format": {"type": "audio/pcmu"}, "turn_detection": None}}
    _, secret = made({"session": {"type": "realtime", "audio": audio}})
    simulation = opened(secret, "")
    simulation.outbox.clear()
    # 100 ms of G.711: as PCM it would be 17, too little to commit.
    append = {"type": "input_audio_buffer.append", "audio": "f39/" * 267}
    simulation.receive(json.dumps(append), 0.0)
    simulation.receive('{"type": "input_audio_buffer.commit"}', 0.0)
    assert first_frame(simulation)["type"] == "input_audio_buffer.committed"


def test_an_expired_key_is_a_bad_one() -> None:
    _, secret = made({"expires_after": {"seconds": 10}})
    assert first_frame(opened(secret, "model=m", now=9.99))["type"] == "session.created"
    late = opened(secret, "model=m", now=10.0)
    assert at(first_frame(late), "error", "code") == "invalid_api_key"
    assert late.closing is not None
    assert late.closing[0] == 3000
