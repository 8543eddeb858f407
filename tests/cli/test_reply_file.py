"""The file that `serve --reply` takes: what may be in it, and what is said when it is wrong."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import JsonValue

from tests.core.simulated import at
from tests.testing.raw import raw_client
from trio_realtime.cli._problem import ProblemError
from trio_realtime.cli._reply_file import replies_from_file
from trio_realtime.cli._reply_format import PYTHON_EXAMPLE
from trio_realtime.testing import SimulatedServer

HEAD = "from trio_realtime.testing import *\n"


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file's folder goes on the path, as `python FILE` has it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)


def written(tmp_path: Path, text: str, name: str = "replies.py") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def complaint(path: Path) -> str:
    with pytest.raises(ProblemError) as caught:
        replies_from_file(path, print)
    said = str(caught.value)
    assert "\n" not in said
    return said.removeprefix(str(path))


async def said(path: Path, times: int = 1) -> tuple[list[JsonValue], list[str]]:
    """What the file's replies make a server say, or why they failed; and what was told."""
    told: list[str] = []
    answers: list[JsonValue] = []
    replies = replies_from_file(path, told.append)
    async with SimulatedServer(replies, tokens_per_second=math.inf) as server:
        async with raw_client(server) as client:
            await client.send(
                "session.update", session={"type": "realtime", "output_modalities": ["text"]}
            )
            await client.say("Hello")
            for _ in range(times):
                await client.send("response.create")
                done = await client.until("response.done")
                if at(done, "response", "status") == "completed":
                    answers.append(at(done, "response", "output", 0, "content", 0, "text"))
                else:
                    answers.append(at(done, "response", "status_details", "error", "type"))
    return answers, told


@pytest.mark.parametrize("name", ["replies.yaml", "replies.yml", "REPLIES.YAML", "replies.json"])
async def test_yaml_and_json_are_read(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, '["Hi", {"say": "there"}]', name)
    assert await said(path, 3) == (["Hi", "there", "Hi"], [])


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        (
            "def reply(session, conversation, create):\n    return f'{len(conversation)}'",
            ["1", "2"],
        ),
        ("async def reply(session, conversation, create):\n    return [Echo()]", None),
        ("REPLY = 'Hi'", ["Hi", "Hi"]),
        ("REPLY = [Say('one'), lambda *asked: 'two']", ["one", "two"]),
        ("REPLY = lambda *asked: ['Hi']", ["Hi", "Hi"]),
    ],
)
async def test_python_defines_a_function_or_answers(
    tmp_path: Path, text: str, answers: Sequence[str] | None
) -> None:
    expected = answers or ["You said: Hello"] * 2
    assert await said(written(tmp_path, HEAD + text), 2) == (expected, [])


async def test_python_may_import_its_neighbours_and_define_dataclasses(tmp_path: Path) -> None:
    written(tmp_path, "WORDS = 'from next door'", "neighbour_of_replies.py")
    text = (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from neighbour_of_replies import WORDS\n"
        "@dataclass\n"
        "class Mood:\n"
        "    good: bool = True\n"
        "REPLY = WORDS\n"
    )
    assert await said(written(tmp_path, text)) == (["from next door"], [])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = 1 +\n", ":1: invalid syntax"),
        ("\nx = 1 / 0\n", ":2: ZeroDivisionError: division by zero"),
        ("import no_such_module\n", ":1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("import yaml\nyaml.safe_load('[')\n", ":2: yaml.parser.ParserError: while parsing a flow"),
        ("raise SystemExit(3)", ":1: SystemExit: 3"),
        ("open('/no/such/file')", ":1: FileNotFoundError: [Errno 2]"),
        ("x = 1", ": it has neither reply nor REPLY: write reply(session, conversation, create)"),
        ("REPLY = None", ": it has neither reply nor REPLY"),
        ("REPLY = reply = 'x'", ": it has both reply and REPLY: leave one of them"),
        ("REPLY = 7", ": entry 1 of REPLY: a responder answers with an action or a text, not 7"),
        ("REPLY = ['a', {}]", ": entry 2 of REPLY: a responder answers with an action or a text"),
        ("raise LookupError('two\\nlines')", ":1: LookupError: two lines"),
    ],
)
def test_what_is_wrong_in_python_is_one_line_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    assert complaint(written(tmp_path, text)).startswith(told)


def test_a_mistake_in_a_neighbour_is_told_at_its_import(tmp_path: Path) -> None:
    written(tmp_path, "def (", "broken_neighbour_of_replies.py")
    path = written(tmp_path, "\nimport broken_neighbour_of_replies\n")
    assert complaint(path).startswith(":2: File ")


def test_a_file_that_cannot_be_read_or_is_of_another_kind_is_one_line(tmp_path: Path) -> None:
    for name in ("nothing.py", "nothing.yaml"):
        assert complaint(tmp_path / name) == ": No such file or directory"
    (tmp_path / "folder.py").mkdir()
    assert complaint(tmp_path / "folder.py") == ": Is a directory"
    path = written(tmp_path, "hello", "replies.txt")
    assert complaint(path) == ": --reply takes a file that ends in .yaml, .yml, .json or .py"


@pytest.mark.parametrize("define", ["def", "async def"])
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("return 1 / 0", ":3: ZeroDivisionError: division by zero"),
        # Where it happened, not who called for it.
        ("def f():\n        return 1 / 0\n    f()", ":4: ZeroDivisionError: division by zero"),
        ("return 7", ": TypeError: a responder answers with an action or a text, not 7"),
    ],
)
async def test_what_goes_wrong_while_serving_is_told_and_the_response_fails(
    tmp_path: Path, define: str, body: str, told: str
) -> None:
    text = f"{HEAD}{define} reply(session, conversation, create):\n    {body}\n"
    path = written(tmp_path, text)
    assert await said(path, 2) == (["server_error"] * 2, [f"{path}{told}"] * 2)


async def test_a_relative_path_is_told_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "def reply(*asked):\n    raise LookupError('lost')\n")
    monkeypatch.chdir(tmp_path)
    assert await said(Path("replies.py")) == (
        ["server_error"],
        ["replies.py:2: LookupError: lost"],
    )


async def test_the_format_that_is_shown_is_the_one_that_runs(tmp_path: Path) -> None:
    assert await said(written(tmp_path, PYTHON_EXAMPLE)) == (["You said: Hello"], [])
