from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import pytest

from trio_realtime._version import __version__
from trio_realtime.cli import _app, _serve, main
from trio_realtime.cli._display import Display
from trio_realtime.cli._serve import Serving

PROGRAM = "import sys; from trio_realtime.cli import main; sys.exit(main())"


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"trio-realtime {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_the_commands(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert "demo" in said
    assert "serve" in said
    assert "transcribe" in said


@pytest.mark.parametrize("command", ["demo", "serve", "transcribe"])
def test_each_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"trio-realtime {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["sing"], "sing"),
        (["demo", "--loud"], "--loud"),
        (["serve", "--port", "eighty"], "--port"),
        (["serve", "--port"], "--port"),
        (["demo", "extra"], "extra"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("trio-realtime: ")
    assert named in line


def test_the_programs_own_arguments_are_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["trio-realtime", "--version"])
    assert main() == 0
    assert __version__ in capsys.readouterr().out


def forbid(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Make importing `missing` fail as it does where it is not installed."""
    ours = ("trio_realtime.cli.", "trio_realtime.testing._certificate")
    for name in [name for name in sys.modules if name.startswith(ours)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("trio_realtime.cli._app")
    monkeypatch.setitem(sys.modules, missing, None)


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        ("typer", ["demo"]),
        ("rich", ["demo"]),
        ("rich", ["transcribe", "speech.wav"]),
        ("yaml", ["serve", "--reply=replies.yaml"]),
        ("trustme", ["serve", "--tls"]),
    ],
)
def test_without_the_extra_one_line_names_it(
    missing: str,
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    forbid(monkeypatch, missing)
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "pip install 'trio-realtime[cli]'" in line


def test_a_missing_module_of_the_core_is_no_missing_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid(monkeypatch, "trio")
    with pytest.raises(ModuleNotFoundError, match="trio"):
        main(["demo"])


def test_ctrl_c_while_starting_is_an_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(arguments: Sequence[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(_app, "run", interrupted)
    assert main(["demo"]) == 130


def test_ctrl_c_in_a_command_is_an_exit_status_and_no_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def interrupted(display: Display, asked: Serving) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_serve, "serve", interrupted)
    assert main(["serve"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(display: Display, asked: Serving) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(_serve, "serve", broken)
    with pytest.raises(ZeroDivisionError):
        main(["serve"])


def test_the_program_runs_as_a_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"trio-realtime {__version__}\n"
    assert done.stderr == ""
