from __future__ import annotations

import os
import re
import socket
import wave
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import trio

from trio_realtime.audio import wav_from_pcm
from trio_realtime.cli import _demo, main
from trio_realtime.cli._display import Display
from trio_realtime.testing import Fail, Say, SimulatedServer, SimulatedSession, serve_simulated

ROWS = [
    "time to first event",
    "time to first words",
    "time to first audio",
    "time to end of reply",
    "events received",
    "bytes received",
    "bytes sent",
    "audio received",
]


def one_line(said: str) -> str:
    (line,) = said.splitlines()
    assert line.startswith("trio-realtime: ")
    return line.removeprefix("trio-realtime: ")


def rows_of(said: str) -> dict[str, list[str]]:
    """The table's cells by the name of the row."""
    split = (re.split(r"\s{2,}", line.strip()) for line in said.splitlines())
    return {name: cells for name, *cells in split if name in ROWS}


def seconds_of(path: Path) -> float:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 24_000)
        frames: int = file.getnframes()
    return frames / 24_000


def test_the_demo_shows_three_turns_and_what_they_took(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "reply.wav"
    assert main(["demo", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.isascii()
    assert "\x1b" not in said.out
    assert "server  You said: Say hello to Trio, please!\n" in said.out
    assert re.search(r"server  You spoke for 1\.\d seconds\.\n", said.out)
    assert 'server  calls get_weather({"city": "Paris"})\n' in said.out
    assert 'server  get_weather returned {"city": "Paris"' in said.out
    rows = rows_of(said.out)
    assert list(rows) == ROWS
    assert all(len(cells) == 3 for cells in rows.values())
    assert rows["time to first audio"][0] == rows["audio received"][2] == "-"
    assert rows["audio received"][1] == f"{seconds_of(out):.2f} s"
    assert int(rows["bytes received"][1].replace(",", "")) > seconds_of(out) * 48_000
    assert str(out) in said.out
    assert "server  You said: Tell me about a\n" in said.out
    assert "server  You said: Thank you. And now say goodbye!\n" in said.out
    assert "status  the first was cancelled, the second began " in said.out


def test_the_reply_is_as_long_as_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question, out = tmp_path / "question.wav", tmp_path / "reply.wav"
    question.write_bytes(wav_from_pcm(b"\x00\x10\x00\xf0" * 12_000))
    assert main(["demo", "--wav", str(question), "--out", str(out)]) == 0
    assert "question.wav: 1.00 s" in capsys.readouterr().out
    assert 0.5 < seconds_of(out) < 5  # `You spoke for 1.0 seconds.`, five words


def test_without_out_the_reply_is_in_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["demo"]) == 0
    found = re.search(r"written to (.*reply\.wav)", capsys.readouterr().out)
    assert found
    assert Path(found[1]).is_relative_to(tmp_path)
    assert seconds_of(Path(found[1])) > 0.5


def test_live_without_a_key_names_the_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--live"]) == 1
    assert "OPENAI_API_KEY" in one_line(capsys.readouterr().err)


def test_a_missing_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--wav", "nothing.wav"]) == 1
    assert one_line(capsys.readouterr().err) == "nothing.wav: No such file or directory"


def test_a_file_that_is_no_wav_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--wav", __file__]) == 1
    assert "not a WAV file" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize("out", [".", "no/such/folder/reply.wav"])
def test_an_out_that_cannot_be_written_is_one_line_before_anything_is_said(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--out", out]) == 1
    said = capsys.readouterr()
    assert one_line(said.err) == f"{out}: cannot be written"
    assert said.out == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", "/dev/full"]) == 1
    assert one_line(capsys.readouterr().err) == "/dev/full: No space left on device"


@pytest.mark.parametrize(
    ("base_url", "said"),
    [("ftp://example.com", "base_url must"), ("http://example.com/v1", "allow_insecure")],
)
def test_an_unusable_base_url_is_one_line(
    base_url: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    assert main(["demo", "--live"]) == 1
    line = one_line(capsys.readouterr().err)
    assert said in line
    assert "canary" not in line


def test_a_server_that_is_not_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        name: tuple[str, int] = gone.getsockname()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{name[1]}/v1")
    assert main(["demo", "--live"]) == 1
    line = one_line(capsys.readouterr().err)
    assert f"127.0.0.1:{name[1]}" in line
    assert "canary" not in line


@pytest.fixture
async def live(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[SimulatedServer]:
    """What `--live` finds instead of OpenAI; the demo runs in a thread, as trio.run is its own."""
    async with serve_simulated() as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


async def run_live() -> int:
    return await trio.to_thread.run_sync(main, ["demo", "--live"])


async def test_live_holds_the_same_turns_with_another_server(
    live: SimulatedServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with trio.fail_after(20):
        await _demo.demo(
            Display(), wav=None, out=tmp_path / "reply.wav", live=True, model="gpt-any"
        )
    assert "You spoke for" in capsys.readouterr().out
    assert live.sessions[0].handshake.query == {"model": "gpt-any"}


async def test_a_server_that_goes_away_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def go_away(session: SimulatedSession, *question: object) -> Say:
        session.drop()
        return Say("Too late.")

    async with serve_simulated(reply=go_away) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        with trio.fail_after(20):
            assert await run_live() == 1
    line = one_line(capsys.readouterr().err)
    assert "connection was lost" in line
    assert "canary" not in line


async def test_a_refusal_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(session: SimulatedSession, *question: object) -> Say:
        session.refuse_next("input_audio_buffer.commit", "quota_exceeded", "Not today.")
        return Say("Yes?")

    async with serve_simulated(reply=refuse) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        with trio.fail_after(20):
            assert await run_live() == 1
    assert "quota_exceeded: Not today." in one_line(capsys.readouterr().err)


async def test_a_response_that_fails_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve_simulated(reply=Fail()) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        with trio.fail_after(20):
            assert await run_live() == 1
    assert one_line(capsys.readouterr().err) == "the response ended failed"


async def test_a_server_that_never_answers_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def think(*question: object) -> Say:
        await trio.sleep_forever()

    monkeypatch.setattr(_demo, "_LIVE_DEADLINE", 0.5)
    async with serve_simulated(reply=think) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        with trio.fail_after(20):
            assert await run_live() == 1
    assert one_line(capsys.readouterr().err) == ("not done after 0.5 s: the server does not answer")


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        ('{"city": "Oslo"}', '{"city": "Oslo", "celsius": 21, "sky": "clear"}'),
        ("[]", '{"city": null, "celsius": 21, "sky": "clear"}'),
        ('{"city": ', '{"error": "the arguments are not JSON"}'),
    ],
)
def test_the_tool_answers_whatever_the_model_asks(arguments: str, output: str) -> None:
    assert _demo.weather(arguments) == output
