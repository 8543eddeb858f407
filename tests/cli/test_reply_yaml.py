"""Replies written in YAML: what they stand for, and what is said about mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from trio_realtime.cli._problem import ProblemError
from trio_realtime.cli._replies import Heard, Replies
from trio_realtime.cli._reply_format import FORMAT, YAML_EXAMPLE
from trio_realtime.cli._reply_yaml import replies_from_yaml
from trio_realtime.testing import (
    Answer,
    CallMcp,
    CallTool,
    Echo,
    Fail,
    Incomplete,
    Refuse,
    Say,
    Silence,
    Together,
)


def read(tmp_path: Path, text: str | bytes) -> Replies:
    path = tmp_path / "replies.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return replies_from_yaml(path)


def complaint(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(ProblemError) as caught:
        read(tmp_path, text)
    said = str(caught.value)
    assert "\n" not in said
    return said.removeprefix(str(tmp_path / "replies.yaml"))


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        ("- Hello, you!", Say("Hello, you!")),
        ("- no", Say("no")),
        ("\ufeff- by an editor on Windows", Say("by an editor on Windows")),
        ("- 42", Say("42")),
        ("- silence", Silence()),
        ("- 'silence'", Say("silence")),
        ("- echo", Echo()),
        ("- |\n  Two\n  lines", Say("Two\nlines")),
        ("- say: silence", Say("silence")),
        ("- say: 'null'", Say("null")),
        ("- say: {text: Well, phase: commentary}", Say("Well", phase="commentary")),
        ("- call: get_weather", CallTool("get_weather")),
        ("- call: {name: f}", CallTool("f")),
        (
            "- call:\n    name: f\n    arguments: {city: Oslo, at: 12:30, n: [1, 2.5, true, ~]}",
            CallTool("f", {"city": "Oslo", "at": "12:30", "n": [1, 2.5, True, "~"]}),
        ),
        ("- call: {name: f, arguments: '{broken'}", CallTool("f", "{broken")),
        (
            "- call: {name: f, arguments: {on: no, none: null, empty: , big: 1e999, d: 26-01-02}}",
            CallTool(
                "f", {"on": "no", "none": None, "empty": None, "big": "1e999", "d": "26-01-02"}
            ),
        ),
        ("- fail:", Fail()),
        ("- fail: server_error", Fail("server_error")),
        ("- fail: {type: rate_limit, code: c}", Fail("c", "rate_limit")),
        ("- fail: {code: c, message: Later.}", Fail("c", message="Later.")),
        ("- refuse: rate_limit_exceeded", Refuse("rate_limit_exceeded")),
        ("- refuse: {code: c, message: m, type: t}", Refuse("c", "m", "t")),
        ("- incomplete:", Incomplete()),
        ("- incomplete: max_output_tokens", Incomplete("max_output_tokens")),
        ("- silence: 1.5", Silence(1.5)),
        ("- silence:", Silence()),
        (
            "- call_mcp: {name: f, output: o, server_label: s, seconds: 2}",
            CallMcp("f", output="o", server_label="s", seconds=2.0),
        ),
        ("- together: [Well, call: f]", Together(Say("Well"), CallTool("f"))),
        ("- [One moment., {call: f}, echo]", [Say("One moment."), CallTool("f"), Echo()]),
        ("say: Hello", Say("Hello")),
        ("Hello", Say("Hello")),
        ('[{"say": "JSON is YAML"}]', Say("JSON is YAML")),
        ("- &hi Hello\n", Say("Hello")),
    ],
)
def test_a_reply_is_written_in_a_word_or_with_its_fields(
    tmp_path: Path, text: str, reply: Answer
) -> None:
    replies = read(tmp_path, text)
    assert list(replies.replies) == [reply]
    assert replies.default is None
    assert not replies.rules


def test_replies_rules_and_a_default_stand_in_one_list(tmp_path: Path) -> None:
    replies = read(
        tmp_path,
        """\
- &hello Hello
- when: {text: "weather|rain"}
  reply: {call: get_weather}
- when: {output_of: get_weather}
  reply: [It rains., silence]
- *hello
- default: echo
""",
    )
    assert list(replies.replies) == [Say("Hello"), Say("Hello")]
    assert replies.default == Echo()
    first, second = replies.rules
    assert first.reply == CallTool("get_weather")
    assert first.fits(Heard("How is the WEATHER?"))
    assert second.reply == [Say("It rains."), Silence()]
    assert second.fits(Heard(functions=("get_weather",)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- say: hi\n- sya: hi", ":2: a reply has no 'sya': did you mean say? it takes say, call,"),
        ("- zzz: 1", ":1: a reply has no 'zzz': it takes say, call, call_mcp, fail, incomplete,"),
        ("- say:", ":1: say text takes a text"),
        ("- say: [a]", ":1: say text takes a text"),
        ("-", ":1: a reply takes a text"),
        ("- {}", ":1: a reply is one of say, call,"),
        ("- say: a\n  call: b", ":1: a reply is one of say, call,"),
        ("- say: a\n  say: b", ":2: say stands here twice"),
        ("- [a, [b]]", ":1: a list in a list is no reply: write a text, silence, echo, or one of"),
        ("- say: {txt: a}", ":1: say has no 'txt': did you mean text? it takes text, phase"),
        ("- say: {phase: commentary}", ":1: say needs text"),
        ("- say: {text: a, phase: middle}", ":1: say phase is commentary or final_answer, not 'm"),
        ("- call: {arguments: {}}", ":1: call needs name"),
        ("- call:\n    name: f\n    arguments: [1]", ":3: call arguments takes names with values"),
        ("- incomplete: bored", ":1: incomplete reason is content_filter or max_output_tokens, n"),
        ("- silence: long", ":1: silence seconds takes a number, from 0 to 86400"),
        ("- silence: true", ":1: silence seconds takes a number"),
        ("- silence: [1]", ":1: silence seconds takes a number"),
        ("- silence: -1", ":1: silence seconds takes a number"),
        ("- together: Hello", ":1: together takes a list of say, call and call_mcp"),
        ("- together: [silence]", ":1: together takes a list of say, call and call_mcp"),
        ("- when: {text: a}", ":1: a rule needs reply"),
        ("- a\n- reply: b", ":2: a rule needs when"),
        ("- when: {text: a}\n  replies: b\n  reply: c", ":2: a rule has no 'replies': did you mea"),
        ("- when: weather\n  reply: a", ":1: when takes one of text: REGEX and output_of:"),
        ("- when: {text: a, output_of: b}\n  reply: a", ":1: when takes one of"),
        ("- when: {txet: a}\n  reply: a", ":1: when has no 'txet': did you mean text?"),
        ("- when: {text: }\n  reply: a", ":1: text takes a text"),
        ("- reply: a\n  when:\n    text: '('", ":3: '(' is no regular expression: missing )"),
        ("- default: a\n- default: b", ":2: there is a default already"),
        ("- default: a\n  say: b", ":2: a default has no 'say': it takes default"),
        ("", ": it holds no replies: write a text, silence, echo, or one of say, call,"),
        ("# nothing\n", ": it holds no replies"),
        ("- a\n- [b", ":2: not YAML: expected ',' or ']'"),
        ("- a\n---\n- b", ":2: not YAML: but found another document"),
        ("- a\n- b: *c", ":2: not YAML: found undefined alias 'c'"),
        ("- [1, 2]: a", ":1: a name is a word or a text"),
        ("- &a\n  - *a", ":1: it holds itself"),
        (b"- a\n- \x07", ":2: not YAML: special characters are not allowed"),
        (b"- \xff", ": not UTF-8: invalid start byte at byte 2"),
        ("- " * 600 + "a", ": it is nested too deeply"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_what_is_allowed(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    assert complaint(tmp_path, text).startswith(said)


def test_a_name_that_stands_in_a_list_of_replies_is_kept_in_order(tmp_path: Path) -> None:
    replies: Sequence[object] = read(tmp_path, "- one\n- two\n- one").replies
    assert replies == [Say("one"), Say("two"), Say("one")]


def test_the_format_that_is_shown_is_the_one_that_is_read(tmp_path: Path) -> None:
    replies = read(tmp_path, YAML_EXAMPLE)
    assert len(replies.replies) == 9
    assert len(replies.rules) == 2
    assert replies.default == Echo()
    shapes = {name for name in FORMAT.split() if name.endswith(":")}
    assert {f"{name}:" for name in ("say", "call", "call_mcp", "fail", "refuse")} <= shapes
