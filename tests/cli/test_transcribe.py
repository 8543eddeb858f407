from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from pydantic import JsonValue
from rich.console import Console

from tests.cli.test_serve import PROGRAM
from trio_realtime import ServerError
from trio_realtime.audio import tone, wav_from_pcm
from trio_realtime.cli import _transcribe, main
from trio_realtime.cli._display import Display
from trio_realtime.cli._problem import ProblemError, leaves
from trio_realtime.cli._transcribe import Transcribing, transcribe
from trio_realtime.cli._transcribe_file import Wanted, transcribe_file
from trio_realtime.cli._transcribe_progress import Progress
from trio_realtime.cli._transcribe_recording import Span
from trio_realtime.cli._transcribe_result import FileTranscript, Passage
from trio_realtime.testing import (
    ScriptedConnection,
    ScriptedServer,
    Sighting,
    SimulatedServer,
    serve_simulated,
)

PREFIX = "conversation.item.input_audio_transcription"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")


def wav(folder: Path, name: str, seconds: float, rate: int = 24_000) -> Path:
    path = folder / name
    path.write_bytes(wav_from_pcm(tone(300, seconds * 1000, sample_rate_hz=rate), rate))
    return path


def wanted(server: SimulatedServer | ScriptedServer, model: str = "gpt-4o-transcribe") -> Wanted:
    return Wanted(server.endpoint, model, None, None)


async def test_several_files_are_printed_in_the_order_in_which_they_were_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        wav(tmp_path, "long.wav", 16),
        wav(tmp_path, "short.wav", 0.5),
        wav(tmp_path, "eight.wav", 1, rate=8_000),
    ]
    with trio.fail_after(60):
        async with serve_simulated() as server:
            await transcribe(Display(), Transcribing(files=files, base_url=server.base_url))
            assert len(server.sessions) == 3
    said = capsys.readouterr()
    assert said.err == ""
    first, *rest = said.out.splitlines()
    assert first == f"{files[0]}:"
    assert re.fullmatch(r"Speech of \d+\.\d seconds\.", rest[0])
    assert rest[2:] == [
        f"{files[1]}:",
        "Speech of 0.5 seconds.",
        f"{files[2]}:",
        "Speech of 1.0 seconds.",
    ]


async def test_what_is_asked_of_the_server_is_what_was_given(tmp_path: Path) -> None:
    path = wav(tmp_path, "one.wav", 0.3)
    async with SimulatedServer() as server:
        asked = Wanted(server.endpoint, "whisper-1", "en", "Names: Nansen")
        result = await transcribe_file(path, asked, Progress("one.wav"))
        (session,) = server.sessions
        audio = session.session["audio"]
        assert isinstance(audio, dict)
        heard = audio["input"]
        assert isinstance(heard, dict)
        assert heard["transcription"] == {
            "model": "whisper-1",
            "language": "en",
            "prompt": "Names: Nansen",
            "languages": None,
        }
        assert heard["turn_detection"] is None
    assert result.written("text") == "Speech of 0.3 seconds.\n"


async def test_a_bad_file_among_several_is_told_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        wav(tmp_path, "good.wav", 0.5),
        tmp_path / "nothing.wav",
        tmp_path / "song.mp3",
        wav(tmp_path, "better.wav", 0.7),
    ]
    files[2].write_bytes(b"ID3\x04" + bytes(100))
    async with serve_simulated() as server:
        with pytest.raises(ProblemError, match=r"2 of 4 files could not be transcribed"):
            asked = Transcribing(files=files, form="json", base_url=server.base_url, jobs=1)
            await transcribe(Display(), asked)
    said = capsys.readouterr()
    results = [json.loads(line) for line in said.out.splitlines()]
    assert [(each["file"], each["text"]) for each in results] == [
        (str(files[0]), "Speech of 0.5 seconds."),
        (str(files[3]), "Speech of 0.7 seconds."),
    ]
    missing, song = said.err.splitlines()
    assert missing == f"trio-realtime: {files[1]}: No such file or directory"
    assert song.startswith(f"trio-realtime: {files[2]}: not a WAV file but an MP3 file: convert")


async def test_results_are_written_into_a_folder_that_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [wav(tmp_path, "a.wav", 0.5), wav(tmp_path, "b.wav", 0.7)]
    output = tmp_path / "new" / "folder"
    async with serve_simulated() as server:
        for form in ("text", "srt", "json"):
            asked = Transcribing(
                files=files,
                form=form,
                output=output,
                base_url=server.base_url,
            )
            await transcribe(Display(), asked)
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{files[0]}: 0 s, written to {output / 'a.txt'}" in said.err
    assert sorted(path.name for path in output.iterdir()) == [
        *("a.json", "a.srt", "a.txt", "b.json", "b.srt", "b.txt")
    ]
    assert (output / "a.txt").read_text("utf-8") == "Speech of 0.5 seconds.\n"
    assert (output / "b.srt").read_text("utf-8").startswith("1\n00:00:00,000 --> 00:00:00,700\n")
    assert json.loads((output / "b.json").read_text("utf-8"))["seconds"] == 0.7


async def test_a_result_that_cannot_be_written_is_a_file_that_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wav(tmp_path, "a.wav", 0.5)
    (tmp_path / "a.txt").mkdir()
    async with serve_simulated() as server:
        with pytest.raises(ProblemError, match="1 of 1 file could not"):
            asked = Transcribing(files=[path], output=tmp_path, base_url=server.base_url)
            await transcribe(Display(), asked)
    assert f"trio-realtime: {path}: [Errno 21] Is a directory" in capsys.readouterr().err


async def test_only_so_many_files_are_under_way_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [wav(tmp_path, f"{number}.wav", 0.2) for number in range(5)]
    most = 0
    under_way: set[Path] = set()

    async def counted(path: Path, asked: Wanted, progress: Progress) -> FileTranscript:
        nonlocal most
        under_way.add(path)
        most = max(most, len(under_way))
        result = await transcribe_file(path, asked, progress)
        under_way.remove(path)
        return result

    monkeypatch.setattr(_transcribe, "transcribe_file", counted)
    async with serve_simulated() as server:
        await transcribe(Display(), Transcribing(files=files, jobs=2, base_url=server.base_url))
    assert most == 2


async def test_what_is_done_is_printed_though_the_file_before_it_was_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def hangs(path: Path, asked: Wanted, progress: Progress) -> FileTranscript:
        if path.name == "hangs.wav":
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        passages = [Passage(Span(0, 1), "Done.", is_over=True)]
        return FileTranscript(str(path), asked.model, 1.0, passages)

    monkeypatch.setattr(_transcribe, "transcribe_file", hangs)
    async with trio.open_nursery() as nursery:
        files = [Path("hangs.wav"), Path("done.wav")]
        nursery.start_soon(transcribe, Display(), Transcribing(files=files))
        await trio.testing.wait_all_tasks_blocked()
        assert capsys.readouterr().out == ""
        nursery.cancel_scope.cancel()
    assert capsys.readouterr().out == "done.wav:\nDone.\n"


async def test_a_file_without_sound_needs_no_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "empty.wav"
    path.write_bytes(wav_from_pcm(b""))
    await transcribe(Display(), Transcribing(files=[path], base_url="http://127.0.0.1:1/v1"))
    assert capsys.readouterr() == ("\n", "")


async def test_a_terminal_shows_how_far_each_file_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    display, to = Display(), io.StringIO()
    display.errors = Console(file=to, force_terminal=True, width=100, height=20)
    files = [wav(tmp_path, "a.wav", 0.5), tmp_path / "b.wav"]
    async with serve_simulated() as server:
        with pytest.raises(ProblemError):
            await transcribe(display, Transcribing(files=files, base_url=server.base_url))
    assert "0 of 2 files done" in to.getvalue()
    assert "b.wav: No such file or directory" in to.getvalue()
    assert re.search(r"0 s of audio in \d+\.\d s", to.getvalue())
    assert capsys.readouterr().out == f"{files[0]}:\nSpeech of 0.5 seconds.\n"


async def test_a_passage_that_fails_leaves_the_others_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wav(tmp_path, "long.wav", 16)

    def watch(sighting: Sighting) -> None:
        # The greeting: by then the session is there, and nothing was said in it.
        if sighting.kind == "sent" and "session.created" in str(sighting.data):
            server.sessions[0].transcription_fails("audio_unintelligible", "it is noise")

    async with serve_simulated(watch=watch) as server:
        with pytest.raises(ProblemError, match=r"1 of 1 file could not be .* in full"):
            await transcribe(Display(), Transcribing(files=[path], base_url=server.base_url))
    said = capsys.readouterr()
    (line,) = said.out.splitlines()
    assert line.startswith("Speech of ")
    assert said.err == (
        f"trio-realtime: {path}: 00:00:00 to 00:00:15 was not transcribed: it is noise\n"
    )


async def test_speakers_are_told_apart(tmp_path: Path) -> None:
    path = wav(tmp_path, "talk.wav", 0.5)
    async with SimulatedServer() as server:
        asked = wanted(server, "gpt-4o-transcribe-diarize")
        result = await transcribe_file(path, asked, Progress("talk.wav"))
    assert result.written("text") == "A: Speech of 0.5 seconds.\n"


@asynccontextmanager
async def answered_by(*transcripts: tuple[str, str, str]) -> AsyncGenerator[ScriptedServer]:
    """A server that answers one commit with these: kind, item and text; then it closes."""

    async def script(line: ScriptedConnection) -> None:
        async with line.expect("session.update") as request:
            await request.acknowledge()
        async with line.expect("input_audio_buffer.commit") as request:
            await request.acknowledge()
        for kind, item_id, text in transcripts:
            name = {"delta": "delta", "completed": "transcript"}[kind]
            await line.send(
                {
                    "type": f"{PREFIX}.{kind}",
                    "item_id": item_id,
                    "content_index": 0,
                    name: text,
                }
            )
        await line.close(1000)

    async with ScriptedServer(script, ignore=["input_audio_buffer.append"]) as server:
        yield server


async def test_a_server_that_closes_too_early_is_a_problem(tmp_path: Path) -> None:  # promise 3
    path = wav(tmp_path, "a.wav", 0.5)
    async with answered_by() as server:
        with pytest.RaisesGroup(ProblemError, flatten_subgroups=True) as caught:
            await transcribe_file(path, wanted(server), Progress("a.wav"))
    (problem,) = leaves(caught.value)
    assert str(problem) == "the server closed the connection before everything was transcribed"


async def test_more_items_than_there_were_commits_are_left_alone(tmp_path: Path) -> None:
    path = wav(tmp_path, "a.wav", 0.5)
    told = (
        ("delta", "of_its_own", "Um"),
        ("completed", "of_its_own_too", "Hm"),
        ("completed", "of_its_own", "Um, yes."),
    )

    async def script(line: ScriptedConnection) -> None:
        async with line.expect("session.update") as request:
            await request.acknowledge()
        for kind, item_id, text in told:
            if kind == "completed" and text == "Hm":
                await line.send({"type": "input_audio_buffer.committed", "item_id": item_id})
            name = "delta" if kind == "delta" else "transcript"
            fields: dict[str, JsonValue] = {"item_id": item_id, "content_index": 0, name: text}
            await line.send({"type": f"{PREFIX}.{kind}", **fields})
        async with line.expect("input_audio_buffer.commit") as request:
            await request.acknowledge()

    async with ScriptedServer(script, ignore=["input_audio_buffer.append"]) as server:
        result = await transcribe_file(path, wanted(server), Progress("a.wav"))
    assert result.written("text") == "Um, yes.\n"


async def test_a_refused_commit_fails_the_file(tmp_path: Path) -> None:
    path = wav(tmp_path, "a.wav", 0.5)

    async def script(line: ScriptedConnection) -> None:
        async with line.expect("session.update") as request:
            await request.acknowledge()
        async with line.expect("input_audio_buffer.commit") as request:
            await request.refuse("too_much", "enough for today")

    async with ScriptedServer(script, ignore=["input_audio_buffer.append"]) as server:
        with pytest.RaisesGroup(ServerError, flatten_subgroups=True):
            await transcribe_file(path, wanted(server), Progress("a.wav"))


async def test_what_was_transcribed_before_a_loss_is_kept(tmp_path: Path) -> None:  # promise 2
    path = wav(tmp_path, "long.wav", 16)

    def watch(sighting: Sighting) -> None:
        if sighting.kind == "sent" and f"{PREFIX}.completed" in str(sighting.data):
            server.sessions[0].close(1001, "Good night.")

    async with SimulatedServer(watch=watch) as server:
        result = await transcribe_file(path, wanted(server), Progress("long.wav"))
    assert result.written("text") == "Speech of 15.0 seconds.\n"
    (problem,) = result.problems
    assert problem.startswith(
        f"{path}: 00:00:15 to 00:00:16 was not transcribed: the server closed the connection: "
        "code 1001, Good night."
    )


async def test_a_lost_connection_fails_one_file_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = wav(tmp_path, "a.wav", 0.5)
    async with serve_simulated() as server:
        server.refuse_connection(status=429)
        with pytest.raises(ProblemError, match="1 of 1 file could not"):
            await transcribe(Display(), Transcribing(files=[path], base_url=server.base_url))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"trio-realtime: {path}: ")
    assert "429" in line


async def test_a_bug_is_not_taken_for_a_bad_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(_transcribe, "transcribe_file", broken)
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        await transcribe(Display(), Transcribing(files=[tmp_path / "a.wav"]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.wav", "--jobs=0"], "--jobs must be 1 or more; it is 0"),
        (["a.wav", "--model="], "--model must be a model, such as gpt-4o-transcribe; it is empty"),
        (["a.wav", "b.wav", "--format=srt"], "subtitles of several files need a folder: give --ou"),
        (
            ["x/a.wav", "b.wav", "y/a.wav", "-o", "out"],
            f"two of the files would be written to {Path('out') / 'a.txt'}",
        ),
        (["a.wav", "-o", "file"], "--output file: File exists"),
        (["a.wav", "--base-url=ftp://x"], "base_url must begin with https://"),
        (["a.wav", "--base-url=http://example.com/v1"], "credentials would travel to example.com"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert main(["transcribe", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith(f"trio-realtime: {said}")
    assert "canary" not in line


def refuse(path: object, mode: int) -> bool:
    """Say that something cannot be written: the superuser may write everywhere."""
    return False


async def test_a_folder_that_cannot_be_written_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", refuse)
    with pytest.raises(ProblemError, match=r"--output .* cannot be written"):
        await transcribe(Display(), Transcribing(files=[Path("a.wav")], output=tmp_path))


def test_without_a_key_one_line_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    assert main(["transcribe", "a.wav"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "OPENAI_API_KEY" in line


@pytest.mark.parametrize("arguments", [[], ["a.wav", "--format=pdf"], ["a.wav", "--jobs=x"]])
def test_a_wrong_call_is_a_usage_error(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transcribe", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("See trio-realtime --help.")


def test_each_option_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Transcribing] = []

    async def note(display: Display, asked: Transcribing) -> None:
        del display
        await trio.lowlevel.checkpoint()
        seen.append(asked)

    monkeypatch.setattr(_transcribe, "transcribe", note)
    assert main(["transcribe", "a.wav"]) == 0
    options = ["--model=m", "--language=en", "--prompt=p", "--format=json", "-j", "2"]
    assert main(["transcribe", "a.wav", "b.wav", *options, "-o", "x", "--base-url=u"]) == 0
    assert seen == [
        Transcribing(files=[Path("a.wav")]),
        Transcribing(
            files=[Path("a.wav"), Path("b.wav")],
            model="m",
            language="en",
            prompt="p",
            form="json",
            output=Path("x"),
            jobs=2,
            base_url="u",
        ),
    ]


async def test_ctrl_c_ends_it_at_once_with_what_was_done(tmp_path: Path) -> None:
    files = [wav(tmp_path, "done.wav", 0.3), wav(tmp_path, "hangs.wav", 0.3)]
    with trio.fail_after(60):
        async with serve_simulated() as server:
            process = await trio.lowlevel.open_process(
                [
                    *(sys.executable, "-c", PROGRAM, "transcribe", "--jobs=1"),
                    *(f"--output={tmp_path / 'out'}", f"--base-url={server.base_url}"),
                    *map(str, files),
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            assert process.stdout is not None
            assert process.stderr is not None
            async with process.stdout, process.stderr:
                while len(server.sessions) < 2:
                    await trio.testing.wait_all_tasks_blocked(0.01)
                server.sessions[1].pause()
                process.send_signal(signal.SIGINT)
                complaints = b"".join([chunk async for chunk in process.stderr])
                assert await process.wait() == 130
    assert b"Traceback" not in complaints
    assert (tmp_path / "out" / "done.txt").read_text() == "Speech of 0.3 seconds.\n"
    assert not (tmp_path / "out" / "hangs.txt").exists()
