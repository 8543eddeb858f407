"""Every example runs as a user would run it, against the simulated server on a real port."""

from __future__ import annotations

import json
import os
import re
import sys
import wave
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from trio_realtime.testing import serve_simulated

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
QUESTION = ROOT / "trio_realtime" / "cli" / "question.wav"
README = (ROOT / "README.md").read_text(encoding="utf-8")


async def said_by(*command: str, cwd: Path = ROOT, key: str = "test") -> str:
    """Run a Python program against the simulated server and return what it prints."""
    with trio.fail_after(60):
        async with serve_simulated() as server:
            environment = os.environ | {
                "OPENAI_API_KEY": key,
                "OPENAI_BASE_URL": server.base_url,
                "PYTHONWARNINGS": "error",
            }
            done = await trio.run_process(
                [sys.executable, *command],
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                cwd=cwd,
                env=environment,
            )
    assert done.returncode == 0, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    return done.stdout.decode()


def programs() -> Sequence[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


async def test_the_text_example_prints_the_answer() -> None:
    said = await said_by(str(EXAMPLES / "01_text.py"))
    assert said == "You said: Say a couple of paragraphs!\n"


async def test_the_voice_example_writes_the_reply(tmp_path: Path) -> None:
    reply = tmp_path / "reply.wav"
    said = await said_by(str(EXAMPLES / "02_voice_file.py"), str(QUESTION), str(reply))
    words, length = said.splitlines()
    assert re.fullmatch(r"You spoke for 1\.\d seconds\.", words)
    with wave.open(str(reply)) as file:
        seconds = file.getnframes() / file.getframerate()
    assert seconds > 0.5
    assert length == f"{seconds:.1f} s of speech in {reply}"


async def test_the_voice_example_says_how_it_is_called() -> None:
    done = await trio.run_process(
        [sys.executable, str(EXAMPLES / "02_voice_file.py")], capture_stderr=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.decode() == "usage: 02_voice_file.py QUESTION.wav REPLY.wav\n"


async def test_the_error_example_shows_where_errors_surface() -> None:
    request, event = (await said_by(str(EXAMPLES / "03_errors.py"))).splitlines()
    assert request.startswith("raised at the request: ")
    assert event.startswith("delivered as an event: ")
    assert "item_never_made" in request
    assert "item_never_made" in event


async def test_the_error_example_survives_a_server_that_is_gone() -> None:
    async with serve_simulated() as server:
        base_url = server.base_url
    done = await trio.run_process(
        [sys.executable, str(EXAMPLES / "03_errors.py")],
        capture_stdout=True,
        env=os.environ | {"OPENAI_API_KEY": "test", "OPENAI_BASE_URL": base_url},
    )
    assert done.stdout.decode().startswith("not connected: ")


async def test_the_scope_example_leaves_answers_early() -> None:
    said = await said_by(str(EXAMPLES / "04_response_scope.py"))
    whole, broken_off, *colours, ending = said.splitlines()
    assert whole == "You said: Say hello to Trio! [completed]"
    assert broken_off == "You said: Tell me about the sea,..."
    # How far it comes in 0.1 s is the machine's affair; it begins with what was asked.
    cut_short = colours.pop(0)
    assert cut_short.endswith("...")
    assert "You said: Tell me about the sea, the wind, the rain,".startswith(cut_short[:-3][:50])
    # Tasks that start together run in any order, but one response at a time.
    assert sorted(colours) == [f"You said: What is {name}?" for name in ("blue", "green", "red")]
    assert re.fullmatch(r"The story was cancelled; [56] responses have ended\.", ending)


async def test_the_parallel_example_moderates_and_sums_up_beside_the_conversation() -> None:
    said = await said_by(str(EXAMPLES / "05_parallel_responses.py"))
    by: dict[str, list[str]] = {"model": [], "moderator": [], "summary": []}
    for line in said.splitlines():
        who, text = line.split(": You said: ")
        by[who].append(text)
    turns = ["I would like to hire a boat.", "A red one, for two.", "And may we bring a dog?"]
    assert by["model"] == turns
    # `input` was all that the moderator saw, and the conversation what was summed up: the
    # simulated model repeats the newest thing it was told.
    assert sorted(by["moderator"]) == sorted(
        f"Is there anything unkind in this? {text}" for text in turns
    )
    assert by["summary"] == [turns[-1]]


async def test_the_voice_loop_is_interrupted_and_tells_what_was_heard() -> None:
    said = await said_by(str(EXAMPLES / "06_voice_loop.py"))
    assert said.splitlines() == [
        "user: (speaks)",
        "model: We have herring, salmon, cod, halibut, reindeer, and of course potatoes.",
        "user: (speaks)",
        "server: 2.1 s of it were heard",
        "model: As you like it.",
    ]


async def test_the_testing_example_passes_by_itself_and_with_pytest() -> None:
    program = str(EXAMPLES / "08_testing_your_app.py")
    said = await said_by(program)
    assert said.splitlines() == [
        "passed: test_an_answer",
        "passed: test_an_interruption",
        "passed: test_a_lost_network",
    ]
    said = await said_by(*("-m", "pytest", "-q", "-o", "trio_mode=true"), program)
    assert "3 passed" in said


async def test_the_faults_example_meets_a_fault_and_plays_a_cassette(tmp_path: Path) -> None:
    cassette = tmp_path / "hello.jsonl"
    said = await said_by(str(EXAMPLES / "09_faults_and_cassettes.py"), str(cassette))
    assert said.splitlines() == [
        "answered: Here I am. on connection 2",
        "fault: cut on connection 1",
        "recorded: I was recorded.",
        "played: I was recorded.",
        "told: the client sent something else than the cassette holds",
    ]
    assert cassette.exists()


async def test_the_guides_first_example_prints_what_comes() -> None:
    connected, *received = (await said_by(str(EXAMPLES / "20_connect.py"))).splitlines()
    assert connected == "Connected to server."
    (event,) = (json.loads(line.removeprefix("Received event: ")) for line in received)
    assert event["type"] == "session.created"
    assert event["session"]["model"] == "gpt-realtime-2.1"


async def test_the_guides_second_example_changes_the_session() -> None:
    said = await said_by(str(EXAMPLES / "21_session_update.py"))
    assert said.splitlines() == [
        "session.created",
        "session.updated",
        "Be extra nice tomorrow, too!",
    ]


async def test_the_guides_browser_example_offers_its_key_as_a_subprotocol() -> None:
    said = await said_by(str(EXAMPLES / "22_subprotocols.py"))
    assert said.splitlines() == [
        "Connected to server, which speaks: realtime",
        "Received event: session.created",
        "offered: realtime",
        "offered: openai-insecure-api-key.",
        "offered: openai-organization.org_1",
        "offered: openai-project.proj_1",
    ]


async def test_the_example_of_function_keys_asks_for_every_connection() -> None:
    shown, *said = (await said_by(str(EXAMPLES / "23_function_keys.py"))).splitlines()
    assert said == ["asked for key 1", "You said: Hello!", "asked for key 2", "You said: Hello!"]
    assert shown.startswith("OpenAIEndpoint([redacted], ")


async def test_the_text_example_of_the_beta_prints_what_openais_own_prints() -> None:
    said = await said_by(str(EXAMPLES / "24_beta_text.py"))
    assert said.splitlines() == [
        "Connection opened!",
        "session created! gpt-4o-realtime-preview-2024-12-17",
        "You said: Say a couple paragraphs!",
        "Connection closed!",
    ]


async def test_the_browser_example_of_the_beta_uses_the_key_of_its_session() -> None:
    said = await said_by(str(EXAMPLES / "25_beta_browser.py"))
    assert said.splitlines() == ["made for alloy", "Session started: alloy", "You said: Hello!"]


async def test_the_azure_example_talks_to_a_deployment_by_both_paths() -> None:
    said = await said_by(str(EXAMPLES / "26_azure.py"))
    assert said.splitlines() == [
        "You said: Hello!",
        "v1/realtime?model=my-realtime-deployment",
        "You said: Hello!",
        "realtime?api-version=2025-04-01-preview&deployment=my-realtime-deployment",
    ]


async def test_the_error_example_of_the_beta_shows_where_errors_surface() -> None:
    logged, goes_on, request, created, stream = (
        await said_by(str(EXAMPLES / "27_beta_errors.py"))
    ).splitlines()
    assert logged.startswith("logged: ")
    assert goes_on == "You said: Still there?"
    assert request.startswith("raised at the request: ")
    assert created == "session.created"
    assert stream.startswith("raised from the stream: ")
    for line in (logged, request, stream):
        assert "item_never_made" in line


async def test_the_transcription_example_writes_down_each_file() -> None:
    said = await said_by(str(EXAMPLES / "10_transcription.py"), str(QUESTION), str(QUESTION))
    first, second, tokens = said.splitlines()
    assert first == second
    assert re.fullmatch(r" Speech of 1\.\d seconds\.", first)
    assert re.fullmatch(r"[1-9]\d* tokens of audio", tokens)


async def test_the_transcription_example_says_how_it_is_called() -> None:
    done = await trio.run_process(
        [sys.executable, str(EXAMPLES / "10_transcription.py")], capture_stderr=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.decode() == "usage: 10_transcription.py FILE.wav...\n"


async def test_the_translation_example_reads_while_it_speaks(tmp_path: Path) -> None:
    translated = tmp_path / "translated.wav"
    program = str(EXAMPLES / "11_translation.py")
    said = await said_by(program, "es", str(QUESTION), str(translated))
    *words, length = said.splitlines()
    # Two tasks tell them: in any order.
    heard, spoken = sorted(words)
    assert re.fullmatch(r"heard: word1( word\d)+", heard)
    assert re.fullmatch(r"said: word1-es( word\d-es)+", spoken)
    with wave.open(str(translated)) as file:
        seconds = file.getnframes() / file.getframerate()
    assert length == f"{seconds:.1f} s of speech in {translated}"


async def test_the_translation_example_says_how_it_is_called() -> None:
    done = await trio.run_process(
        [sys.executable, str(EXAMPLES / "11_translation.py")], capture_stderr=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.decode() == (
        "usage: 11_translation.py LANGUAGE QUESTION.wav TRANSLATED.wav\n"
    )


def test_the_readmes_first_program_is_the_first_example() -> None:
    first = (EXAMPLES / "01_text.py").read_text(encoding="utf-8")
    assert programs()[0] == first
    assert len(first.splitlines()) <= 25
    assert "RealtimeSessionConfig" not in first  # the session type is named nowhere
    assert '"type"' not in first


async def test_the_readmes_response_is_a_block(tmp_path: Path) -> None:
    (program,) = (text for text in programs() if "as reply:" in text and "trio.run" in text)
    assert len(program.splitlines()) <= 20
    (tmp_path / "story.py").write_text(program, encoding="utf-8")
    story, ending = (await said_by("story.py", cwd=tmp_path)).splitlines()
    assert story == "You said: Tell me a story!"
    assert re.fullmatch(r"completed, \d+ tokens", ending)


async def test_the_readmes_test_passes(tmp_path: Path) -> None:
    (program,) = (text for text in programs() if "async def test_" in text)
    (tmp_path / "test_readme.py").write_text(program, encoding="utf-8")
    (tmp_path / "pytest.toml").write_text("[pytest]\ntrio_mode = true\n", encoding="utf-8")
    said = await said_by("-m", "pytest", "-q", "test_readme.py", cwd=tmp_path)
    assert "1 passed" in said


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_opens_with_its_one_new_idea(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "The new idea: " in text.splitlines()[0]
    assert len(text.splitlines()) <= 80
    assert "environ" not in text  # open_realtime reads the environment
