"""The commands, their options and their exit statuses.

This module knows how a command is called and how it ends. What it does is in `_demo` and `_serve`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated

import trio
import typer

from trio_realtime._version import __version__
from trio_realtime.cli import _demo, _serve
from trio_realtime.cli._display import Display
from trio_realtime.cli._problem import verdict

app = typer.Typer(
    name="trio-realtime",
    help="OpenAI's Realtime API for Trio: try it, and serve a simulated one.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def run(arguments: Sequence[str]) -> int:
    """Run the command in `arguments` and return the exit status."""
    # What the library warns of reaches the user as our one line, not as a log's line before it.
    logging.getLogger("trio_realtime").addHandler(logging.NullHandler())
    try:
        status: object = app(
            args=list(arguments) or ["--help"], prog_name="trio-realtime", standalone_mode=False
        )
    except Exception as exc:
        # A usage error. Its class is typer's own copy of click's, or click's: by version.
        said = getattr(exc, "format_message", None)
        if said is None:
            raise
        return _complain(2, f"{str(said()).rstrip('.')}. See trio-realtime --help.")
    return status if isinstance(status, int) else 0


def _complain(status: int, line: str) -> int:
    if line:
        typer.echo(f"trio-realtime: {' '.join(line.split())}", err=True)
    return status


def _run(fn: Callable[[], Awaitable[None]]) -> None:
    try:
        trio.run(fn)
    except BaseException as exc:
        # The run is over: nothing is left to cancel.
        raise typer.Exit(_complain(*verdict(exc))) from exc  # noqa: ASYNC104


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"trio-realtime {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    wav: Annotated[
        Path | None,
        typer.Option(help="Say this PCM WAV file: mono or stereo, any rate. One is built in."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the spoken reply here. Default: a new temporary file."),
    ] = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Talk to OpenAI; needs OPENAI_API_KEY and costs money."),
    ] = False,
    model: Annotated[str, typer.Option(help="The model to ask for.")] = _demo.MODEL,
) -> None:
    """Show a text turn, a spoken turn and a tool call, and what they took.

    Without --live everything happens on this machine, over a real socket, against a simulated
    server.
    """
    _run(lambda: _demo.demo(Display(), wav=wav, out=out, live=live, model=model))


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="The port to listen on; 0 picks a free one.")] = 0,
) -> None:
    """Serve a simulated Realtime API on 127.0.0.1, for any client, until Ctrl-C.

    The first line printed is the base URL: what a client takes as OPENAI_BASE_URL. Any API key
    will do.
    """
    _run(lambda: _serve.serve(Display(), port))
