from __future__ import annotations

import io
import sys

import pytest

from trio_realtime.cli._display import Display, printable

ESCAPE = "\x1b"


def everything(display: Display) -> None:
    display.heading("1. A turn")
    display.said("you", "Hello")
    display.said("server")
    display.piece("Hi ")
    display.piece("there" + "!" * 150)
    display.line()
    display.table(["", "text turn"], [("bytes received", "1,234"), ("bytes sent", "56")])
    display.hint("for people")


def test_a_pipe_gets_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    everything(Display())
    said = capsys.readouterr()
    assert ESCAPE not in said.out + said.err
    assert said.out.isascii()
    assert "  you     Hello\n" in said.out
    assert f"  server  Hi there{'!' * 150}\n" in said.out  # never wrapped
    rows = [line.split() for line in said.out.splitlines()[-2:]]
    assert rows == [["bytes", "received", "1,234"], ["bytes", "sent", "56"]]
    assert said.err == "for people\n"


def test_a_terminal_gets_style(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich's way of saying: take this for a terminal
    monkeypatch.setenv("TERM", "xterm-256color")
    everything(Display())
    assert ESCAPE in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines", "two\nlines"),
        ("Grüße, 世界", "Grüße, 世界"),
        (f"{ESCAPE}[2J\x07gone", "\ufffd[2J\ufffdgone"),
        ("[bold]not markup[/bold]", "[bold]not markup[/bold]"),
    ],
)
def test_words_cannot_steer_a_terminal(
    text: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert printable(text) == shown
    Display().piece(text)
    assert capsys.readouterr().out == shown


def test_what_the_locale_cannot_write_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    display = Display()
    display.line("世界")
    sys.stdout.flush()
    assert raw.getvalue() == b"??\n"


def test_a_standard_output_of_another_kind_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    Display().line("hello")
    assert isinstance(sys.stdout, io.StringIO)
    assert sys.stdout.getvalue() == "hello\n"
