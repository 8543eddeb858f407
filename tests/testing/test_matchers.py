"""Matching lists of events: what fits, and what is shown when it does not."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import TypeAlias

import pytest
from hypothesis import given, strategies as st

from trio_realtime._core.matching import EventPattern, Gap, Group, Repeat
from trio_realtime.events import (
    ResponseCancel,
    ResponseDone,
    ResponseOutputTextDelta,
    UnknownEvent,
    decode_server,
)
from trio_realtime.testing import (
    ANY,
    MISSING,
    Pattern,
    absent,
    any_order,
    assert_events,
    like,
    many,
    maybe,
)

pytestmark = pytest.mark.one_library

DONE: dict[str, object] = {
    "type": "response.done",
    "event_id": "event_1",
    "response": {"status": "failed", "metadata": None, "output": [{"id": "item_1"}], "count": 1},
}


def fits(events: str, *patterns: Pattern) -> bool:
    """Whether events, whose types are words, match."""
    try:
        assert_events([{"type": word} for word in events.split()], *patterns)
    except AssertionError:
        return False
    return True


def failure(events: Sequence[object], *patterns: Pattern) -> str:
    with pytest.raises(AssertionError) as caught:
        assert_events(events, *patterns)  # type: ignore[arg-type]
    return str(caught.value)


# pain 49
def test_all_events_are_matched_from_the_first_to_the_last() -> None:
    assert fits("a b", "a", "b")
    assert fits("")
    assert not fits("a b", "a")
    assert not fits("a b", "b")
    assert not fits("a", "a", "b")


def test_a_gap_is_any_number_of_events() -> None:
    assert fits("", ...)
    assert fits("a b c", ...)
    assert fits("a b c", "a", ..., "c")
    assert fits("a c", "a", ..., ..., "c")
    assert fits("x a b a b c", ..., "a", "b", "c")
    assert not fits("a b", ..., "a")


def test_names_may_hold_wildcards() -> None:
    assert fits("response.output_text.delta", "response.*")
    assert fits("response.output_text.delta", "*.delta")
    assert fits("a.b", ANY)
    assert not fits("responses.x", "response.*")
    assert not fits("response-done", "response.done")
    assert_events([{"type": "a\nb"}], ANY)


def test_what_must_not_be_there_is_excluded_from_its_gap() -> None:
    assert fits("a b c", "a", absent("error"), "c")
    assert fits("a c", "a", absent("error"), "c")
    assert fits("error a c error", ..., "a", absent("error"), "c", ...)
    assert not fits("a error c", "a", absent("error"), "c")
    assert not fits("a error c", "a", ..., absent("error"), ..., "c")
    assert not fits("a x c", "a", absent("error", "x"), "c")
    assert fits("a x a c", ..., "a", absent("x"), "c")
    assert fits("a b b", "a", absent("b"), "b", "b")
    assert not fits("a b c", "a", absent(ANY), "c")


def test_events_may_come_several_times_or_not_at_all() -> None:
    assert fits("d d d e", many("d"), "e")
    assert not fits("e", many("d"), "e")
    assert fits("e", many("d", at_least=0), "e")
    assert fits("d d", many("d", at_least=2))
    assert not fits("d", many("d", at_least=2))
    assert fits("d e", maybe("d"), "e")
    assert fits("e", maybe("d"), "e")
    assert not fits("d d e", maybe("d"), "e")
    assert fits("d d d", many("d"), "d", many("d"))


def test_events_may_come_in_any_order() -> None:
    group = any_order(many("text"), many("audio"), "done", maybe("rate"))
    assert fits("a text audio text done audio z", "a", group, "z")
    assert fits("done audio text", group)
    assert fits("rate text audio done", group)
    assert not fits("text audio", group)
    assert not fits("text audio done done", group)
    assert fits("a.1 a.2", any_order("a.*", "a.1"))


def test_events_of_every_kind_are_understood() -> None:
    text = json.dumps({"type": "response.output_text.delta", "delta": "hi", "response_id": "r"})
    delta = ResponseOutputTextDelta(
        response_id="r", item_id="i", output_index=0, content_index=0, delta="hi"
    )
    unknown = decode_server('{"type": "weather.changed", "sky": "grey"}')
    invalid = decode_server('{"type": "response.done", "event_id": 7}')
    assert isinstance(unknown, UnknownEvent)
    assert_events(
        [text, text.encode(), delta, unknown, invalid, ResponseCancel(response_id="r")],
        many(like(ResponseOutputTextDelta, delta="hi", response_id="r")),
        like("weather.changed", sky="grey"),
        like("response.done", event_id=7),
        like("response.cancel", event_id=MISSING),
    )
    for odd in ("no JSON", b"\xff", "[1]", '{"type": 7}', "{}", decode_server("not JSON")):
        assert_events([odd], "<invalid>")


def test_a_thing_that_is_no_event_is_refused() -> None:
    with pytest.raises(TypeError, match="not int"):
        assert_events([7], ...)  # type: ignore[list-item]
    with pytest.raises(TypeError, match="put it in a list"):
        assert_events('{"type": "a"}', "a")


FITTING: list[dict[str, object]] = [
    {"event_id": "event_1"},
    {"event_id": re.compile("_1$")},
    {"event_id": str},
    {"event_id": ANY},
    {"event_id": re.compile("event").match},
    {"item_id": MISSING},
    {"response__metadata": None},
    {"response__metadata": ANY},
    {"response__count": 1},
    {"response__count": int},
    {"response__output__0__id": "item_1"},
    {"response__output": [{"id": ANY}]},
    {"response__output": [{"id": str, "name": MISSING}]},
    {"response__output__1": MISSING},
    {"response": {"status": str, "metadata": None, "output": list, "count": ANY}},
]


@pytest.mark.parametrize("fields", FITTING)
def test_fields_may_be_described(fields: dict[str, object]) -> None:
    assert_events([DONE], like("response.done", **fields))


FAILING: list[tuple[dict[str, object], str]] = [
    ({"event_id": "event_2"}, "event_id: wanted 'event_2', got 'event_1'"),
    ({"event_id": re.compile("^_1")}, "wanted matches '^_1', got 'event_1'"),
    ({"event_id": re.compile("1"), "response": re.compile("1")}, 'got {"status": "failed"'),
    ({"event_id": int}, "wanted of type int, got 'event_1'"),
    ({"event_id": None}, "wanted None, got 'event_1'"),
    ({"event_id": MISSING}, "wanted no such field, got 'event_1'"),
    ({"event_id": str.isdigit}, "wanted accepted by str.isdigit, got 'event_1'"),
    ({"item_id": ANY}, "item_id: wanted anything, got -"),
    ({"response__metadata": MISSING}, "wanted no such field, got null"),
    ({"response__count": True}, "wanted True, got 1"),
    ({"response__count": bool}, "wanted of type bool, got 1"),
    (
        {"response__output__0__id__x": "item_1"},
        "response.output.0.id.x: wanted 'item_1', got -",
    ),
    ({"response__output": [{"id": ANY}, {}]}, 'got [{"id": "item_1"}]'),
    ({"response__output": [{}]}, 'wanted [{}], got [{"id": "item_1"}]'),
    ({"response__output": {}}, 'wanted {}, got [{"id": "item_1"}]'),
    ({"response__output__0": []}, 'wanted [], got {"id": "item_1"}'),
    ({"event_id": b"abc"}, "wanted 3 bytes as base64, got 'event_1'"),
]


@pytest.mark.parametrize(("fields", "shown"), FAILING)
def test_a_field_that_is_not_as_wanted_is_named(fields: dict[str, object], shown: str) -> None:
    assert shown in failure([DONE], like("response.done", **fields))


def test_booleans_are_no_numbers() -> None:
    assert not _field_fits(True, 1)
    assert not _field_fits(True, int)
    assert _field_fits(True, True)
    assert _field_fits(True, bool)
    assert _field_fits(1, 1.0)


def _field_fits(value: object, wanted: object) -> bool:
    try:
        assert_events([{"type": "a", "x": value}], like("a", x=wanted))
    except AssertionError:
        return False
    return True


def test_audio_is_compared_as_bytes_and_shown_by_its_length() -> None:
    for text, shown in (("A" * 63, "got 'AAA"), ("A" * 64, "got <48 bytes as base64>")):
        assert shown in failure([{"type": "a", "audio": text}], like("a", audio=7))
    audio = bytes(100)
    event = {"type": "a", "audio": base64.b64encode(audio).decode()}
    assert_events([event], like("a", audio=audio))
    assert "wanted 50 bytes as base64, got <100 bytes as base64>" in failure(
        [event], like("a", audio=bytes(50))
    )


def test_long_texts_are_shown_where_they_differ() -> None:
    same = "the same words again and again, " * 3
    shown = failure([{"type": "a", "text": same + "left"}], like("a", text=same + "right"))
    assert re.search(r"wanted …'\S*.* right', got …'.* left'", shown)
    shown = failure([{"type": "a", "text": same}], like("a", text=7))
    assert "got 'the same words again and again, the same words…" in shown


def test_secrets_are_not_shown() -> None:
    event = {"type": "a", "authorization": "hush", "url": "sk-abcdefghijklmnop", "token": None}
    shown = failure([event], like("a", authorization=7, url=7, token=7))
    assert "hush" not in shown
    assert "sk-abc" not in shown
    assert "token: wanted 7, got null" in shown
    key = "sk-abcdefghijklmnop"
    shown = failure([{"type": f"a.{key}", key: 1}], like("a.*", token="hush", x=key, y=b"hush"))
    assert "hush" not in shown.replace("y=b'hush'", "")
    assert "sk-abc" not in shown
    assert "token: wanted [redacted], got -" in shown
    assert repr(like("a", x__token="hush")) == "like('a', x__token='[redacted]')"
    assert repr(like("a", x__token=b"hush", y=key)) == (
        "like('a', x__token='[redacted]', y='[redacted]')"
    )


def test_what_is_no_text_for_people_is_escaped_and_cut() -> None:
    shown = failure(events_of("\x1b[31m", "x." * 500), "a")
    assert "\x1b" not in shown
    assert "\\x1b[31m" in shown
    assert f"{'x.' * 31}x…" in shown
    shown = failure([{"type": "a", "x": "y"}], like("a", x=re.compile("z" * 1000)))
    assert f"x: wanted matches '{'z' * 38}…, got 'y'" in shown


def test_a_pattern_may_be_made_of_another() -> None:
    pattern = like(like("response.*", response__status="failed"), event_id="event_1")
    assert repr(pattern) == "like('response.*', response__status='failed', event_id='event_1')"
    assert_events([DONE], pattern)
    assert_events([DONE], like(like(ANY, event_id=7), event_id="event_1"))


def test_a_predicate_that_raises_says_where() -> None:
    def broken(value: object) -> bool:
        raise LookupError("no idea")

    with pytest.raises(LookupError) as caught:
        assert_events([DONE], like(ANY, response__status=broken))
    assert caught.value.__notes__ == ["raised while looking at response.status of a response.done"]


def test_bad_patterns_are_refused() -> None:
    with pytest.raises(TypeError, match="not 7"):
        like(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="class 'int'"):
        like(int)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not empty"):
        like("")
    with pytest.raises(ValueError, match="'response____status'"):
        like("a", response____status=1)
    with pytest.raises(ValueError, match="needs to be told"):
        absent()
    with pytest.raises(ValueError, match="at_least is 0 or more"):
        many("a", at_least=-1)
    with pytest.raises(ValueError, match="1 to 10 events, not 0"):
        any_order()
    with pytest.raises(ValueError, match="1 to 10 events, not 11"):
        any_order(*"abcdefghijk")


def test_patterns_say_what_they_are() -> None:
    assert repr(like("a", b__c=1)) == "like('a', b__c=1)"
    assert repr(like(ANY)) == "ANY"
    assert repr(like(ResponseDone)) == "'response.done'"
    assert repr(many("a", at_least=2)) == "many('a', at_least=2)"
    assert repr(any_order(maybe("a"), "b")) == "any_order(maybe('a'), 'b')"
    assert repr(absent("a", ANY)) == "absent('a', ANY)"
    assert (repr(ANY), repr(MISSING)) == ("ANY", "MISSING")


def events_of(*types: str) -> list[dict[str, object]]:
    return [{"type": each} for each in types]


def test_the_cursor_stands_where_the_events_stop_matching() -> None:
    events = [
        *events_of("session.created", "response.created"),
        *events_of("response.output_text.delta") * 4,
        {"type": "error", "error": {"code": "odd"}},
        {"type": "error", "error": None},
        DONE,
    ]
    assert failure(
        events, ..., "response.created", many("*.delta"), like("response.done", response__count=2)
    ).splitlines() == [
        "event 6 of 9 does not match pattern 4 of 4, like('response.done', response__count=2)",
        "",
        "      events                                   patterns",
        "     0  session.created                        ...",
        "     1  response.created                       'response.created'",
        "     2  response.output_text.delta  (4 times)  many('*.delta')",
        ">    6  error 'odd'".ljust(47) + "<- wanted like('response.done', response__count=2)",
        "     7  error",
        "     8  response.done",
    ]


def test_events_that_are_nearly_the_wanted_one_are_explained() -> None:
    shown = failure([DONE] * 4, ..., like("response.done", response__status="completed"), ...)
    assert shown.startswith("the 4 events ended before pattern 2 of 3, like('response.done'")
    assert shown.count("response.status: wanted 'completed', got 'failed'") == 3
    assert shown.endswith("<- wanted like('response.done', response__status='completed')")
    shown = failure(
        [DONE, *events_of("a"), DONE], ..., any_order("b", like("response.done", event_id="x"))
    )
    assert shown.count("event_id: wanted 'x', got 'event_1'") == 2


def test_three_of_a_kind_are_one_line() -> None:
    assert "     1  a  (3 times)" in failure(events_of("b", "a", "a", "a"), "b", ..., "c")
    assert "times" not in failure(events_of("b", "a", "a"), "b", ..., "c")


def test_an_excluded_event_is_called_so() -> None:
    shown = failure(events_of("a", "error", "b"), "a", absent("x", "error"), "b")
    assert "event 1 of 3 does not match pattern 3 of 3, 'b'" in shown
    assert "          excluded by absent('x', 'error')" in shown


def test_events_beyond_the_last_pattern_are_pointed_at() -> None:
    shown = failure(events_of("a", "b", "c"), "a", maybe("b"))
    assert shown.startswith("the events go on after the last pattern: event 2 was not wanted")
    assert ">    2  c     <- nothing more was wanted" in shown
    assert "event 0 was not wanted" in failure(events_of("a"))
    shown = failure(events_of("a", "error"), "a", absent("error"))
    assert "event 1 was not wanted" in shown
    assert "excluded by absent('error')" in shown


def test_a_long_list_is_shown_around_the_cursor() -> None:
    events = events_of(*(f"{word}.{number}" for number in range(50) for word in ("a", "b")))
    shown = failure(events, many("*", at_least=60), "c").splitlines()
    assert shown[0] == "the 100 events ended before pattern 2 of 2, 'c', came"
    assert shown[3].strip() == "... 84 events before"
    patterns: list[Pattern] = ["a.*", "b.*"]
    shown = failure(events, *patterns * 30, "c", ...).splitlines()
    assert shown[0] == "event 60 of 100 does not match pattern 61 of 62, 'c'"
    assert shown[3].strip() == "... 44 events before"
    assert shown[-1].strip() == "... 32 events after"


def test_ten_thousand_events_are_matched_in_linear_time() -> None:
    looked = 0

    def look(value: object) -> bool:
        nonlocal looked
        looked += 1
        return False

    events = [{"type": "a", "x": 1}] * 10_000
    wanted = like("a", x=look)
    shown = failure(events, ..., many("a"), ..., many("a"), ..., wanted, ...)
    assert looked <= 4 * 10_000 + 10
    assert len(shown.splitlines()) < 30


@pytest.mark.sweep
def test_gaps_and_least_numbers_do_not_multiply() -> None:
    looked = 0

    def look(value: object) -> bool:
        nonlocal looked
        looked += 1
        return True

    events = [{"type": "a", "x": 1}] * 10_000
    wanted = like("a", x=look)
    pair: list[Pattern] = [..., wanted]
    failure(events, *pair * 500, "b")
    assert looked <= 4 * 10_000
    looked = 0
    failure(events, ..., many(wanted, at_least=9_000), "b")
    assert looked <= 4 * 10_000
    assert fits("a " * 600 + "b", ..., any_order(many("a", at_least=500), maybe("c")), "b")
    assert not fits("a " * 499 + "b", ..., any_order(many("a", at_least=500), maybe("c")), "b")


def test_too_many_ways_are_refused() -> None:
    with pytest.raises(ValueError, match="in too many ways: make them differ"):
        assert_events([{"type": "a"}] * 9, any_order(*[many("a", at_least=5)] * 10))
    assert fits("a " * 8, any_order(*["a"] * 8))
    assert fits("a " * 400, *[maybe("a")] * 400)


# A matcher that tries everything, to be compared with.

Plain: TypeAlias = tuple[Gap | Group, ...]


def by_trying(events: str, elements: Plain) -> bool:
    if not elements:
        return not events
    first, rest = elements[0], elements[1:]
    if isinstance(first, Gap):
        excluded = {each.type for each in first.excluded}
        return by_trying(events, rest) or (
            bool(events) and events[0] not in excluded and by_trying(events[1:], elements)
        )
    if all(member.least <= 0 for member in first.members) and by_trying(events, rest):
        return True
    return any(
        bool(events)
        and member.most != 0
        and member.pattern.type in (events[0], "*")
        and by_trying(events[1:], (Group(_taken(first.members, place)), *rest))
        for place, member in enumerate(first.members)
    )


def _taken(members: tuple[Repeat, ...], place: int) -> tuple[Repeat, ...]:
    member = members[place]
    most = None if member.most is None else member.most - 1
    taken = Repeat(member.pattern, member.least - 1, most)
    return (*members[:place], taken, *members[place + 1 :])


words = st.sampled_from("abc*")
repeats = words.flatmap(
    lambda word: st.sampled_from(
        [Repeat(EventPattern(word, {})), many(word), maybe(word), many(word, at_least=2)]
    )
)
pieces: st.SearchStrategy[Pattern] = st.one_of(
    st.just(...),
    st.sampled_from("abc").map(absent),
    repeats,
    st.lists(repeats, min_size=1, max_size=3).map(lambda members: any_order(*members)),
)


def plain(pattern: Pattern) -> Gap | Group:
    if pattern is ...:
        return Gap()
    if isinstance(pattern, Repeat):
        return Group((pattern,))
    assert isinstance(pattern, Gap | Group)
    return pattern


def merged(elements: Sequence[Gap | Group]) -> Plain:
    """One gap in place of several neighbours, with all that they exclude."""
    done: list[Gap | Group] = []
    for element in elements:
        before = done[-1] if done else None
        if isinstance(before, Gap) and isinstance(element, Gap):
            done[-1] = Gap(before.excluded + element.excluded)
        else:
            done.append(element)
    return tuple(done)


@given(st.text("abc", max_size=7), st.lists(pieces, max_size=5))
def test_it_finds_a_way_whenever_there_is_one(events: str, patterns: list[Pattern]) -> None:
    elements = merged([plain(each) for each in patterns])
    assert fits(" ".join(events), *patterns) == by_trying(events, elements)
