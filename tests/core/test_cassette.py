"""The laws of cassettes: lines that survive, secrets that do not, and what counts as the same."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Sequence

import pytest
from pydantic import JsonValue

from trio_realtime._core.cassette import (
    Cassette,
    CassetteError,
    CassetteSecretError,
    Closed,
    Entry,
    Header,
    Message,
    MismatchError,
    Opened,
    Playback,
    Policy,
    Refused,
    Scrubber,
    Shelf,
    Side,
    What,
    cassette_from_text,
    line_from_entry,
    line_from_header,
)
from trio_realtime._core.cassette._matching import Match

KEY = "canary-key-0123456789-quux"
SILENCE = base64.b64encode(bytes(480)).decode()
SPEECH = base64.b64encode(bytes(range(240)) * 2).decode()


def text_of(cassette: Cassette) -> str:
    lines = [line_from_header(cassette.header), *map(line_from_entry, cassette.entries)]
    return "\n".join(lines) + "\n"


EVERYTHING: list[What] = [
    Opened("wss://api.test/v1/realtime?model=m", {"model": "m"}, "realtime"),
    Opened(),
    Refused(429, "wss://api.test", {"model": "m"}, {"retry-after": "2"}, '{"error": {}}'),
    Refused(999, headers={"x-a": "ü y", "x-b": ""}, body="ü"),
    Message("server", "frame", {"type": "error", "big": 10**30, "float": 1.5, "null": None}),
    Message("client", "frame", [1, "ünï 日本 \u2028 \n", True]),
    Message("client", "frame", "\ud800 alone"),
    Message("client", "text", "{not JSON"),
    Message("server", "binary_frame", {"type": "x"}),
    Message("server", "binary", "AAEC"),
    Message("server", "binary", {"$audio": {"bytes": 3}}),
    Closed("server", 1001, "the end"),
    Closed("client", None),
]


def test_what_is_written_is_read_again() -> None:
    entries = tuple(
        Entry(number / 3, number % 2 + 1, what, number + 2)
        for number, what in enumerate(EVERYTHING)
    )
    header = Header(recorded_with="a", recorded_at="b", audio="keep", text="cut", session_ids="cut")
    text = text_of(Cassette(header, entries))
    text.encode()  # lone surrogates are escaped
    read = cassette_from_text(text, "it")
    assert read.header == header
    assert [(entry.connection, entry.what, entry.line) for entry in read.entries] == [
        (entry.connection, entry.what, entry.line) for entry in entries
    ]
    assert [entry.at for entry in read.entries] == pytest.approx([n / 3 for n in range(13)])
    assert list(read.connections()) == [1, 2]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it is empty"),
        ("what", "it, line 1: not JSON"),
        ("[" * 100_000, "it, line 1: not JSON"),
        ("\n[]", "it, line 2: not a JSON object"),
        ("{}", 'it is no cassette: its first line has no "cassette" number'),
        ('{"cassette": 2}', "it has format 2, and this release reads 1"),
        ('{"cassette": 1, "audio": "loud"}', 'a policy is "cut" or "keep", not \'loud\''),
        ('{"cassette": 0}', "it has format 0, and this release reads 1"),
        ('{"cassette": true}', 'its first line has no "cassette" number'),
        ('{"cassette": 1}\n{"at": 1e999}', "it, line 2: not JSON (1e999 is no number)"),
        ('{"cassette": 1}\n{"at": NaN}', "it, line 2: not JSON (NaN is no number)"),
        ('{"cassette": 1, "text": 1}', 'a policy is "cut" or "keep", not 1'),
    ],
)
def test_what_is_no_cassette_is_said_to_be_none(text: str, complaint: str) -> None:
    with pytest.raises(CassetteError) as caught:
        cassette_from_text(text, "it")
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"connection": 1}, "there is no 'at'"),
        ({"at": "now", "connection": 1}, "`at` is a number"),
        ({"at": 0}, "there is no 'connection'"),
        ({"at": 0, "connection": "one"}, "`connection` is a number"),
        ({"at": 0, "connection": 1}, "there is no 'from'"),
        ({"at": 0, "connection": 1, "from": "me"}, '`from` is "client" or "server", not \'me\''),
        ({"at": 0, "connection": 1, "from": None}, '`from` is "client" or "server", not None'),
        ({"at": 0, "connection": 1, "from": "client"}, "a line holds one of"),
        ({"at": 0, "connection": 1, "from": "client", "frame": 1, "text": ""}, "holds one of"),
        ({"at": 0, "connection": 1, "from": "client", "text": 1}, "`text` is a string"),
        ({"at": 0, "connection": 1, "from": "client", "binary": 1}, "`binary` is base64"),
        ({"at": 0, "connection": 1, "from": "client", "binary": "ä"}, "ASCII"),
        ({"at": 0, "connection": 1, "open": 1}, "`open` is an object"),
        ({"at": 0, "connection": 1, "refused": {}}, "there is no 'status'"),
        ({"at": 0, "connection": 1, "from": "client", "close": {}}, "there is no 'code'"),
        # What could be read, and not be played.
        ({"at": 10**400, "connection": 1, "from": "client", "text": ""}, "too large"),
        ({"at": True, "connection": 1, "from": "client", "text": ""}, "`at` is a number"),
        ({"at": 0, "connection": True}, "`connection` is a number"),
        ({"at": 0, "connection": 1, "from": "server", "text": "\ud800"}, "`text` is no Unicode"),
        ({"at": 0, "connection": 1, "open": {"url": 1}}, "`url` is a string"),
        (
            {"at": 0, "connection": 1, "from": "server", "close": {"code": 65536}},
            "`code` is from 0 to 65535, not 65536",
        ),
        (
            {"at": 0, "connection": 1, "from": "server", "close": {"code": 1, "reason": "\ud800"}},
            "`reason` is no Unicode",
        ),
        (
            {"at": 0, "connection": 1, "refused": {"status": 199}},
            "`status` is from 200 to 999, not 199",
        ),
        (
            {"at": 0, "connection": 1, "refused": {"status": 429, "headers": {"a": "b\nc: d"}}},
            "no header is 'a': 'b\\nc: d'",
        ),
        (
            {"at": 0, "connection": 1, "refused": {"status": 429, "headers": {"a b": "c"}}},
            "no header is 'a b': 'c'",
        ),
        (
            {"at": 0, "connection": 1, "refused": {"status": 429, "body": "\udfff"}},
            "`body` is no Unicode",
        ),
    ],
)
def test_a_line_that_is_none_is_named(fields: JsonValue, complaint: str) -> None:
    with pytest.raises(CassetteError) as caught:
        cassette_from_text('{"cassette": 1}\n\n' + json.dumps(fields), "it")
    assert str(caught.value).startswith("it, line 3: ")
    assert complaint in str(caught.value)


def scrubbed(
    frame: JsonValue,
    *,
    audio: Policy = "cut",
    text: Policy = "keep",
    session_ids: Policy = "keep",
    side: Side = "server",
) -> JsonValue:
    header = Header(audio=audio, text=text, session_ids=session_ids)
    return Scrubber(header, [KEY, "word"]).message(side, json.dumps(frame)).content


@pytest.mark.parametrize(
    ("frame", "kept"),
    [
        # Known by value, and by shape; what only looks odd is kept.
        ({"text": f"my key is {KEY}"}, {"text": "my key is [redacted]"}),
        ({"text": "use sk-proj-abc123"}, {"text": "use [redacted]"}),
        ({"text": "the word is short"}, {"text": "the word is short"}),
        ({"text": "*** https://shop.test/?q=1"}, {"text": "*** https://shop.test/?q=1"}),
        ({"session": {"id": "sess_AbC123"}}, {"session": {"id": "sess_AbC123"}}),
        # By the name of the field.
        (
            {"tools": [{"type": "mcp", "authorization": "t", "headers": {"X": ["y", 1, None]}}]},
            {
                "tools": [
                    {
                        "type": "mcp",
                        "authorization": "[redacted]",
                        "headers": {"X": ["[redacted]", 1, None]},
                    }
                ]
            },
        ),
        (
            {"client_secret": {"value": "v", "expires_at": 7}},
            {"client_secret": {"value": "[redacted]", "expires_at": 7}},
        ),
        ({"offer": "v=0\r\no=- 1 2 IN IP4 10.0.0.1"}, {"offer": "[redacted]"}),
        ({"offer": " v=0\no=- 1 2 IN IP4 10.0.0.1"}, {"offer": "[redacted]"}),
        (
            {"X-Api-Key": "t", "set-cookie": ["t"]},
            {"X-Api-Key": "[redacted]", "set-cookie": ["[redacted]"]},
        ),
        # A URL may be all it takes to use what is there.
        (
            {"server_url": "https://me:pw@mcp.test/sse?key=abc&model=m"},
            {"server_url": "https://[redacted]@mcp.test/sse?key=[redacted]&model=m"},
        ),
        ({"image_url": "https://x.test/a?sig=1"}, {"image_url": "https://x.test/a?sig=[redacted]"}),
        ({"url": "data:image/png;base64,AAEC"}, {"url": "data:image/png;base64,AAEC"}),
        # What the server says about failures.
        (
            {"error": {"message": "bad sk-****quux in org-AbCdEfGhIj (req_0123456789), word"}},
            {"error": {"message": "bad [redacted] in [redacted] ([redacted]), [redacted]"}},
        ),
        ({"error": {"event_id": "req_0123456789"}}, {"error": {"event_id": "req_0123456789"}}),
        ({"error": None, "n": 1.5}, {"error": None, "n": 1.5}),
    ],
)
def test_secrets_are_taken_out_and_the_rest_is_kept(frame: JsonValue, kept: JsonValue) -> None:
    assert scrubbed(frame) == kept
    assert scrubbed(kept) == kept


def test_of_audio_its_length_and_its_digest_are_kept() -> None:
    frame: dict[str, JsonValue] = {"type": "input_audio_buffer.append", "audio": SPEECH}
    digest = hashlib.sha256(base64.b64decode(SPEECH)).hexdigest()
    cut = scrubbed(frame)
    mark: JsonValue = {"$audio": {"bytes": 480, "sha256": digest[:16]}}
    assert cut == {**frame, "audio": mark}
    assert scrubbed({"type": "response.output_audio.delta", "delta": SPEECH}) == {
        "type": "response.output_audio.delta",
        "delta": mark,
    }
    assert scrubbed({"audio": "not base64"}) == {"audio": {"$audio": {"characters": 10}}}
    assert scrubbed(frame, audio="keep") == frame


def test_words_are_cut_so_that_pieces_still_add_up() -> None:
    pieces = ["Gre", "at, wörld! ", "日本 4"]
    cut = [
        scrubbed({"type": "response.output_text.delta", "delta": piece}, text="cut")
        for piece in pieces
    ]
    assert [piece["delta"] for piece in cut if isinstance(piece, dict)] == [
        "xxx",
        "xx, xxxxx! ",
        "xx x",
    ]
    assert scrubbed({"text": "".join(pieces), "logprobs": [{"token": "Gre"}]}, text="cut") == {
        "text": "xxxxx, xxxxx! xx x",
        "logprobs": [],
    }
    # What tools are called with is needed to call them.
    call: JsonValue = {"type": "response.function_call_arguments.delta", "delta": '{"city":"Rome"}'}
    assert scrubbed(call, text="cut") == call


def test_session_ids_are_cut_if_asked() -> None:
    assert scrubbed({"id": "sess_AbC"}, session_ids="cut") == {"id": "sess_[redacted]"}


def test_what_cannot_be_taken_out_is_not_told_either() -> None:
    with pytest.raises(CassetteSecretError) as caught:
        scrubbed({"type": f"a {KEY}", "arguments": {KEY: 1}})
    assert str(caught.value) == "a a [redacted] of the server's has a key as a name, at arguments"


ENCODED = base64.b64encode(b"\0\0\0\0" + KEY.encode() * 2).decode()


@pytest.mark.parametrize(
    "audio",
    [
        ENCODED,
        KEY,
        "sk-proj-of-somebody-we-do-not-know",
        base64.b64encode(b"\xff sk-proj-of-somebody-we-do-not-know").decode(),
    ],
)
def test_a_key_in_audio_that_is_kept_is_found(audio: str) -> None:
    frame: JsonValue = {"type": "x", "session": [{"audio": audio}]}
    with pytest.raises(CassetteSecretError, match="a x of the server's has a key in its audio"):
        scrubbed(frame, audio="keep")
    assert audio not in json.dumps(scrubbed(frame))
    for kept in (SPEECH, "no base64"):
        frame = {"type": "response.output_audio.delta", "delta": kept, "n": 1}
        assert scrubbed(frame, audio="keep") == frame


def test_what_is_nested_too_deeply_is_kept_as_text() -> None:
    # Deeper than any Python reads: how deep that is differs from one to the next.
    data = '{"a":' * 100_000 + f'"{KEY}"' + "}" * 100_000
    message = Scrubber(Header(), [KEY]).message("client", data)
    assert message == Message("client", "text", data.replace(KEY, "[redacted]"))


def test_a_key_that_is_a_name_cannot_be_taken_out() -> None:
    with pytest.raises(CassetteSecretError) as caught:
        scrubbed({"type": "t", "item": {"content": [{"args": {"sk-proj-abc": 1}}]}}, side="client")
    assert str(caught.value) == ("a t of the client's has a key as a name, at item.content[0].args")
    with pytest.raises(CassetteSecretError, match=r"a message of the server's .* at its top"):
        scrubbed({KEY: 1})


@pytest.mark.parametrize("key", ["sk-proj-abcdefghijklmnopqrs", KEY])
def test_a_key_that_is_said_in_pieces_is_heard(key: str) -> None:
    scrubber = Scrubber(Header(), [KEY])

    def say(piece: JsonValue, item: str = "item_1") -> None:
        kind = "response.output_text.delta"
        scrubber.message("server", json.dumps({"type": kind, "delta": piece, "item_id": item}))

    middle = len(key) // 2
    say("here: " + key[:3])
    say(key[3:middle])
    say(7)  # no piece of a text
    say("something else", item="item_2")
    with pytest.raises(CassetteSecretError, match=r"output_text\.delta frames spell a key"):
        say(key[middle:])


def test_a_key_in_one_piece_is_taken_out_of_it_and_forgotten() -> None:
    scrubber = Scrubber(Header(), [KEY])
    for piece, kept in ((f"here: {KEY}", "here: [redacted]"), (" and so on", " and so on")):
        message = scrubber.message("server", json.dumps({"type": "a.delta", "delta": piece}))
        assert message.content == {"type": "a.delta", "delta": kept}


def test_a_beginning_that_is_taken_out_does_not_hide_the_end() -> None:
    scrubber = Scrubber(Header())
    scrubber.message("server", json.dumps({"type": "a.delta", "delta": "sk-proj-canary"}))
    with pytest.raises(CassetteSecretError):
        scrubber.message("server", json.dumps({"type": "a.delta", "delta": "0123456789quux"}))


def test_pieces_that_are_cut_spell_nothing() -> None:
    scrubber = Scrubber(Header(text="cut"), [KEY])
    for piece in (KEY[:9], KEY[9:]):
        frame = {"type": "response.output_text.delta", "delta": piece}
        assert KEY[-4:] not in str(scrubber.message("server", json.dumps(frame)).content)


def test_the_pieces_of_the_latest_streams_are_remembered_and_no_more() -> None:
    scrubber = Scrubber(Header(), [KEY])
    for number in range(70):
        frame = {"type": "x.delta", "delta": KEY[:20], "item_id": str(number)}
        scrubber.message("server", json.dumps(frame))
    old = {"type": "x.delta", "delta": KEY[20:], "item_id": "0"}
    scrubber.message("server", json.dumps(old))
    with pytest.raises(CassetteSecretError):
        scrubber.message("server", json.dumps({**old, "item_id": "69"}))


@pytest.mark.parametrize("data", ["{", '{"a": NaN}', "[" * 100_000, "hi"])
def test_what_is_no_json_is_kept_as_text(data: str) -> None:
    assert Scrubber(Header()).message("client", data) == Message("client", "text", data)


def test_texts_that_are_no_json_lose_keys_and_words_too() -> None:
    assert Scrubber(Header()).message("client", "so sk-abc!").content == "so [redacted]!"
    assert Scrubber(Header(text="cut")).message("client", "so it is!").content == "xx xx xx!"


def test_bytes_that_are_json_are_treated_like_it() -> None:
    message = Scrubber(Header()).message("client", b'{"text": "sk-abc"}')
    assert message == Message("client", "binary_frame", {"text": "[redacted]"})


def test_other_bytes_may_be_audio() -> None:
    cut = Scrubber(Header()).message("client", b"\x00\xff").content
    assert isinstance(cut, dict)
    keeping = Scrubber(Header(audio="keep"), [KEY])
    assert keeping.message("client", b"\x00\xff") == Message("client", "binary", "AP8=")
    for data in (b"\xff" + KEY.encode(), b"\xffsk-proj-abcdefghijklmnopqrs"):
        with pytest.raises(CassetteSecretError, match="a binary message of the client's"):
            keeping.message("client", data)


def entries_of(
    *messages: tuple[float, Side, JsonValue] | tuple[float, What],
) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for line, message in enumerate(messages, 2):
        if len(message) == 2:
            entries.append(Entry(message[0], 1, message[1], line))
        else:
            at, side, content = message
            entries.append(Entry(at, 1, Message(side, "frame", content), line))
    return tuple(entries)


def playback(
    entries: Sequence[Entry],
    *,
    match: Match = "exact",
    speed: float = 1.0,
    now: float = 0.0,
    header: Header | None = None,
) -> Playback:
    cassette = Cassette(header or Header(), tuple(entries))
    taken = Shelf(cassette, "it", match=match, speed=speed).take({}, now)
    assert isinstance(taken, Playback)
    return taken


def send(played: Playback, frame: JsonValue, now: float = 0.0) -> None:
    played.receive(json.dumps(frame), now)


def server_says(played: Playback) -> list[JsonValue]:
    """Everything the server says before it waits for the client."""
    said: list[JsonValue] = []
    while (step := played.next_step()) is not None:
        assert isinstance(step.what, Message)
        said.append(json.loads(played.data(step.what)))
        played.done(step.due)
    return said


def test_the_server_waits_for_the_client_and_then_as_long_as_it_did() -> None:
    played = playback(
        entries_of(
            (10.0, Opened()),
            (10.5, "server", {"n": 1}),
            (12.0, "client", {"type": "a"}),
            (12.25, "server", {"n": 2}),
            (13.25, Closed("server", 1001)),
        ),
        now=100.0,
    )
    first = played.next_step()
    assert first is not None
    assert first.due == 100.5
    assert played.next_step() == first
    played.done(100.5)
    assert played.next_step() is None
    send(played, {"type": "a"}, now=107.0)
    second = played.next_step()
    assert second is not None
    assert second.due == 107.25
    played.done(108.0)  # it could not be sent earlier
    last = played.next_step()
    assert last is not None
    assert (last.due, last.what) == (109.0, Closed("server", 1001))
    played.done(109.0)
    assert played.next_step() is None


@pytest.mark.parametrize(("speed", "due"), [(2.0, 0.5), (0.5, 2.0), (math.inf, 0.0)])
def test_time_passes_as_fast_as_one_likes(speed: float, due: float) -> None:
    step = playback(entries_of((0.0, Opened()), (1.0, "server", 1)), speed=speed).next_step()
    assert step is not None
    assert step.due == due


def test_what_the_client_sends_ahead_of_its_time_waits_for_it() -> None:
    played = playback(
        entries_of((0.0, "server", 1), (1.0, "client", {"type": "a"}), (2.0, "server", 2)),
        now=5.0,
    )
    send(played, {"type": "a"}, now=5.0)
    assert played.unplayed() == []
    step = played.next_step()
    assert step is not None
    assert step.due == 5.0
    played.done(6.5)
    step = played.next_step()
    assert step is not None
    assert step.due == 7.5


def test_audio_and_the_rest_do_not_wait_for_one_another() -> None:
    audio: list[JsonValue] = [
        {"type": "input_audio_buffer.append", "audio": SILENCE},
        {"type": "input_audio_buffer.commit"},
    ]
    rest: list[JsonValue] = [{"type": "response.create"}, {"type": "response.cancel"}]
    entries = entries_of(
        (0.0, "client", audio[0]), (0.0, "client", rest[0]), (0.0, "client", audio[1]),
        (0.0, "client", rest[1]), (0.0, "server", "end"),
    )  # fmt: skip
    for order in ([*audio, *rest], [*rest, *audio], [rest[0], audio[0], rest[1], audio[1]]):
        played = playback(entries, header=Header(audio="keep"))
        for frame in order:
            assert server_says(played) == []
            send(played, frame)
        assert server_says(played) == ["end"]
    with pytest.raises(MismatchError):
        send(playback(entries), audio[1])


def test_a_message_more_than_was_recorded_is_told() -> None:
    played = playback(entries_of((0.0, "client", {"type": "a"})))
    send(played, {"type": "a"})
    with pytest.raises(MismatchError) as caught:
        send(played, {"type": "b", "authorization": "canary"})
    assert "a message more than the cassette holds: b\n" in str(caught.value)
    assert "it, line 2, connection 1 is the last of this connection\n" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_what_it_still_waits_for_is_told_with_it() -> None:
    played = playback(entries_of((0.0, "client", {"type": "a"})))
    with pytest.raises(MismatchError, match=r"it still waits for a \(it, line 2, connection 1\)"):
        send(played, {"type": "input_audio_buffer.clear"})


@pytest.mark.parametrize(
    ("sent", "path", "expected", "actual"),
    [
        ({"type": "u"}, "type", '"t"', '"u"'),
        ({"type": "t", "a": {"b": [1]}}, "a.b[1]", '"x"', '"(absent)"'),
        ({"type": "t", "a": {"b": [1, "x", 3]}}, "a.b[2]", '"(absent)"', "3"),
        ({"type": "t", "a": {"b": [True, "x"]}}, "a.b[0]", "1", "true"),
        ({"type": "t", "a": {"b": [2, "x"]}}, "a.b[0]", "1", "2"),
        ({"type": "t", "a": {}}, "a.b", '[1, "x"]', '"(absent)"'),
        ({"type": "t", "a": {"b": [1, "x"]}, "c": None}, "c", '"(absent)"', "null"),
        ({"type": "t", "a": None}, "a", '{"b": [1, "x"]}', "null"),
        ([], "the whole message", '{"type": "t", "a": {"b": [1, "x"]}}', "[]"),
        ({"type": "t", "a": {"b": [1, "x" * 300]}}, "a.b[1]", '"x"', '"' + "x" * 199 + "…"),
    ],
)
def test_what_differs_is_told_with_its_place(
    sent: JsonValue, path: str, expected: str, actual: str
) -> None:
    played = playback(entries_of((0.0, "client", {"type": "t", "a": {"b": [1, "x"]}})))
    with pytest.raises(MismatchError) as caught:
        send(played, sent)
    told = str(caught.value).split("\n")
    assert told[:5] == [
        "the client sent something else than the cassette holds",
        "  cassette  it, line 2, connection 1, t",
        f"  at        {path}",
        f"  expected  {expected}",
        f"  actual    {actual}",
    ]
    assert told[6].startswith("expected")


def test_equal_numbers_are_equal_however_they_are_written() -> None:
    send(playback(entries_of((0.0, "client", {"rate": 24000}))), {"rate": 24000.0})


def test_a_message_of_another_kind_is_another() -> None:
    played = playback(entries_of((0.0, "client", {"type": "t"})))
    with pytest.raises(MismatchError) as caught:
        played.receive(b'{"type": "t"}', 0.0)
    assert 'expected  "JSON message"' in str(caught.value)
    assert 'actual    "binary message of JSON"' in str(caught.value)


@pytest.mark.parametrize(
    ("what", "data"),
    [
        (Message("client", "text", "{hello"), "{hello"),
        (Message("client", "binary", "AP8="), b"\x00\xff"),
        (Message("client", "binary_frame", {"a": 1}), b'{"a": 1}'),
    ],
)
def test_messages_that_are_no_json_texts_are_played_and_matched(
    what: Message, data: str | bytes
) -> None:
    echo = Message("server", what.kind, what.content)
    played = playback(entries_of((0.0, what), (0.0, echo)), header=Header(audio="keep"))
    played.receive(data, 0.0)
    step = played.next_step()
    assert step is not None
    assert isinstance(step.what, Message)
    assert played.data(step.what) == data


def test_texts_that_are_no_json_are_told_by_what_they_are() -> None:
    played = playback(entries_of((0.0, Message("client", "text", "a"))))
    with pytest.raises(MismatchError, match="connection 1, a text message that is no JSON\n"):
        played.receive("b", 0.0)


RECORDED = "item_recorded0recorded00"
OURS = "item_ours0ours0ours0ours"


def created(item_id: str, **fields: JsonValue) -> JsonValue:
    return {"type": "conversation.item.create", "item": {"id": item_id}, **fields}


def test_ids_that_the_client_chose_are_this_clients_in_everything() -> None:
    played = playback(
        entries_of(
            (0.0, "client", created(RECORDED, event_id="event_recorded0")),
            (0.0, "server", {"item": {"id": RECORDED}, "previous_item_id": None}),
            (0.0, "client", {"type": "conversation.item.delete", "item_id": RECORDED}),
            (
                0.0,
                "server",
                {"error": {"event_id": "event_recorded0", "message": f"no '{RECORDED}' here"}},
            ),
        )
    )
    send(played, created(OURS, event_id="event_ours"))
    assert server_says(played) == [{"item": {"id": OURS}, "previous_item_id": None}]
    send(played, {"type": "conversation.item.delete", "item_id": OURS, "event_id": "event_more"})
    assert server_says(played) == [
        {"error": {"event_id": "event_ours", "message": f"no '{OURS}' here"}}
    ]


def test_a_reference_to_another_item_is_a_difference() -> None:
    played = playback(
        entries_of(
            (0.0, "client", created(RECORDED)),
            (0.0, "client", created("item_second", previous_item_id=RECORDED)),
        )
    )
    send(played, created(OURS))
    with pytest.raises(MismatchError) as caught:
        send(played, created("item_of_ours", previous_item_id="root"))
    assert "at        previous_item_id\n" in str(caught.value)
    assert f'expected  "{OURS}"\n' in str(caught.value)


def test_an_id_that_is_a_word_too_stands_for_itself_where_it_is_said() -> None:
    played = playback(
        entries_of(
            (0.0, "client", created("one", text="one")),
            (0.0, "client", {"type": "t", "words": ["one"], "item_id": "one"}),
            (0.0, "client", "one"),
            (0.0, "server", {"item_id": "one", "delta": "one", "words": ["one"]}),
        )
    )
    send(played, created("two", text="one"))
    send(played, {"type": "t", "words": ["one"], "item_id": "two"})
    send(played, "one")
    assert server_says(played) == [{"item_id": "two", "delta": "one", "words": ["one"]}]


def test_two_recorded_ids_are_not_one() -> None:
    played = playback(
        entries_of((0.0, "client", created("item_a")), (0.0, "client", created("item_b")))
    )
    send(played, created(OURS))
    with pytest.raises(MismatchError, match=r"at        item\.id\n"):
        send(played, created(OURS))


def test_ids_of_the_server_stand_for_themselves() -> None:
    output: JsonValue = {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "call_1", "output": "4"},
    }
    entries = entries_of((0.0, "server", {"call_id": "call_1"}), (0.0, "client", output))
    send(playback(entries), output)
    with pytest.raises(MismatchError, match=r"at        item\.call_id\n"):
        send(playback(entries), json.loads(json.dumps(output).replace("call_1", "call_2")))


def test_responses_have_ids_in_their_input_and_tokens_in_their_metadata() -> None:
    def create(item: str, token: str, topic: str) -> JsonValue:
        metadata: JsonValue = {"token": token, "topic": topic}
        inputs: JsonValue = [{"id": item, "call_id": item + "_c", "type": "message"}]
        return {"type": "response.create", "response": {"input": inputs, "metadata": metadata}}

    entries = entries_of(
        (0.0, "client", create("a", "k3jd8fh2kd9fj3kd", "weather")),
        (0.0, "server", {"response": {"metadata": {"token": "k3jd8fh2kd9fj3kd"}}}),
    )
    played = playback(entries)
    send(played, create("b", "p0sk4jf7wq2mz8xn", "weather"))
    assert server_says(played) == [{"response": {"metadata": {"token": "p0sk4jf7wq2mz8xn"}}}]
    with pytest.raises(MismatchError, match=r"at        response\.metadata\.topic\n"):
        send(playback(entries), create("b", "p0sk4jf7wq2mz8xn", "windows"))


def test_what_was_redacted_stands_for_anything() -> None:
    entries = entries_of((0.0, "client", {"a": "key [redacted], [redacted]!"}))
    send(playback(entries), {"a": "key one\nline, two!"})
    send(playback(entries), {"a": "key one, , !, !"})
    for other in ("key one, two?", "key one two!", "a key one, two!", "key one, ", "key , "):
        with pytest.raises(MismatchError):
            send(playback(entries), {"a": other})
    entries = entries_of((0.0, "client", {"a": "a[redacted]a"}))
    with pytest.raises(MismatchError):
        send(playback(entries), {"a": "a"})
    # In a time that is bearable.
    entries = entries_of((0.0, "client", {"a": "[redacted] " * 30 + "."}))
    with pytest.raises(MismatchError):
        send(playback(entries), {"a": "a " * 5000})


def test_what_differs_elsewhere_than_in_ids_is_marked_and_ids_are_not() -> None:
    """Also those that stand behind the first difference."""
    played = playback(
        entries_of((0.0, "client", {"type": "t", "n": 1, "event_id": "event_recorded0"}))
    )
    with pytest.raises(MismatchError) as caught:
        send(played, {"type": "t", "n": 2, "event_id": "event_ours"})
    marked = [line for line in str(caught.value).split("\n") if " | " in line]
    assert len(marked) == 1
    assert '"n": 1' in marked[0]


def test_time_that_runs_backwards_stands_still() -> None:
    played = playback(entries_of((5.0, "server", 1), (1.0, "server", 2)), now=7.0)
    for _ in range(2):
        step = played.next_step()
        assert step is not None
        assert step.due == 7.0
        played.done(step.due)


def test_types_alone_may_count() -> None:
    entries = entries_of(
        (0.0, "client", {"type": "t", "event_id": "event_recorded0", "n": 1}),
        (0.0, "server", "about event_recorded0"),
    )
    played = playback(entries, match="type")
    send(played, {"type": "t", "event_id": "event_ours", "n": [2, 3]})
    assert server_says(played) == ["about event_ours"]
    with pytest.raises(MismatchError, match=r"at        type\n  expected  \"t\"\n"):
        send(playback(entries, match="type"), {"type": "u"})


def test_a_function_may_decide() -> None:
    def much_alike(recorded: JsonValue, sent: JsonValue) -> bool:
        return str(recorded)[:11] == str(sent)[:11]

    entries = entries_of((0.0, "client", {"type": "tuv"}))
    send(playback(entries, match=much_alike), {"type": "txx"})
    with pytest.raises(MismatchError, match="what match= takes for the same"):
        send(playback(entries, match=much_alike), {"type": "uuu"})


@pytest.mark.parametrize(
    ("kind", "fill"), [("audio/pcm", 0), ("audio/pcmu", 0xFF), ("audio/pcma", 0xD5)]
)
def test_cut_audio_is_played_as_silence_of_its_length(kind: str, fill: int) -> None:
    scrubber = Scrubber(Header())
    spoken: JsonValue = {"type": "response.output_audio.delta", "delta": SPEECH}
    played = playback(
        entries_of(
            (0.0, "server", {"session": {"audio": {"output": {"format": {"type": kind}}}}}),
            (0.0, scrubber.message("server", json.dumps(spoken))),
            (0.0, scrubber.message("server", json.dumps({"content": [{"audio": SPEECH}]}))),
        )
    )
    silence = base64.b64encode(bytes([fill]) * 480).decode()
    assert server_says(played)[1:] == [
        {"type": "response.output_audio.delta", "delta": silence},
        {"content": [{"audio": silence}]},
    ]


def test_cut_bytes_are_played_as_long_as_they_were() -> None:
    scrubber = Scrubber(Header())
    played = playback(entries_of((0.0, scrubber.message("server", b"\xff\xfe\xfd"))))
    step = played.next_step()
    assert step is not None
    assert isinstance(step.what, Message)
    assert played.data(step.what) == bytes(3)


def test_what_is_no_mark_is_played_as_it_is() -> None:
    frames: list[JsonValue] = [
        {"$audio": {"bytes": 3}, "more": 1},
        {"$audio": {"characters": 10}},
        {"$audio": {"bytes": -1}},
        {"$audio": {"bytes": 2**26 + 1}},
        {"$audio": 1},
        {"session": 1, "list": [{}]},
    ]
    messages = [Message("server", "frame", frame) for frame in frames]
    played = playback(entries_of(*((0.0, message) for message in messages)))
    assert server_says(played) == frames


def test_cut_audio_is_matched_by_its_length_and_its_digest() -> None:
    frame: dict[str, JsonValue] = {"type": "input_audio_buffer.append", "audio": SPEECH}
    entries = entries_of((0.0, Scrubber(Header()).message("client", json.dumps(frame))))
    send(playback(entries), frame)
    with pytest.raises(MismatchError, match=r"at        audio\.\$audio\.sha256\n"):
        send(playback(entries), {**frame, "audio": SILENCE})


def shelf_of(*parts: What, match: Match = "exact", speed: float = 1.0) -> Shelf:
    entries = tuple(Entry(0.0, number, what, number + 1) for number, what in enumerate(parts, 1))
    return Shelf(Cassette(Header(), entries), "it", match=match, speed=speed)


def test_each_client_gets_the_first_connection_that_asked_like_it() -> None:
    refused = Refused(429, query={"model": "b"})
    shelf = shelf_of(Opened(query={"model": "a"}), refused, Opened(query={"model": "a"}))
    assert shelf.take({"model": "b"}, 0.0) == refused
    assert shelf.take({"model": "c"}, 0.0) is None
    assert shelf.missing({"model": "c"}) == (
        "the client connected to something else than the cassette holds\n"
        "  cassette  it, line 2, connection 1\n  expected  model=a\n  actual    model=c"
    )
    assert isinstance(shelf.take({"model": "a"}, 0.0), Playback)
    assert isinstance(shelf.take({"model": "a"}, 0.0), Playback)
    assert shelf.take({"model": "a"}, 0.0) is None
    assert "a connection more than the cassette holds (nothing): it has 2" in shelf.missing({})
    assert shelf.unplayed() == []


def test_connections_that_nobody_made_are_missed_if_there_was_something_to_do() -> None:
    shelf = shelf_of(
        Refused(429), Opened(), Message("client", "frame", {"type": "t"}), Closed("server", 1000)
    )
    assert shelf.unplayed() == [
        "the connection itself (it, line 2, connection 1)",
        "the connection itself (it, line 4, connection 3)",
    ]


@pytest.mark.parametrize("speed", [0, -1, math.nan])
def test_a_speed_is_a_number_above_zero(speed: float) -> None:
    with pytest.raises(ValueError, match=r"speed must be a number above 0, or math\.inf"):
        shelf_of(speed=speed)


def test_a_match_is_one_of_two_words_or_a_function() -> None:
    with pytest.raises(ValueError, match='match must be "exact", "type" or a function'):
        shelf_of(match="loose")  # type: ignore[arg-type]
