"""The commands, their options and their exit statuses.

This module knows how a command is called and how it ends. What it does is in `_demo`, `_serve` and
`_transcribe`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import trio
import typer

from trio_realtime._version import __version__
from trio_realtime.cli import _demo, _reply_format, _serve, _transcribe
from trio_realtime.cli._display import Display
from trio_realtime.cli._problem import verdict

app = typer.Typer(
    name="trio-realtime",
    help="OpenAI's Realtime API for Trio: try it, transcribe files, and serve a simulated one.",
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
    """Show three turns and what they took, and a response that is left early.

    Without --live everything happens on this machine, over a real socket,
    against a simulated server.
    """
    _run(lambda: _demo.demo(Display(), wav=wav, out=out, live=live, model=model))


def _print_reply_format(wanted: bool) -> None:
    if wanted:
        typer.echo(_reply_format.FORMAT, nl=False)
        raise typer.Exit


_REPLIES: Final = "What the model says"
_PACE: Final = "Pace"
_FAULTS: Final = "What goes wrong"
_VARIANTS: Final = "Variants of a server"


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="The port to listen on; 0 picks a free one.")] = 0,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    tls: Annotated[
        bool,
        typer.Option(
            "--tls",
            help="Serve https and wss. The second line printed is the file of the CA certificate,"
            " for clients to trust; it is removed in the end.",
        ),
    ] = False,
    api_key: Annotated[
        str | None,
        typer.Option(
            help="Let in only this key, and the ephemeral keys it has asked for. Default: any.",
            metavar="KEY",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show nothing of what passes.")
    ] = False,
    reply: Annotated[
        Path | None,
        typer.Option(
            help="Take the replies from this YAML or Python file. Default: repeat what is said.",
            metavar="FILE",
            rich_help_panel=_REPLIES,
        ),
    ] = None,
    reply_format: Annotated[
        bool,
        typer.Option(
            "--reply-format",
            help="Show how such a file is written.",
            callback=_print_reply_format,
            is_eager=True,
            rich_help_panel=_REPLIES,
        ),
    ] = False,
    voice: Annotated[
        bool,
        typer.Option(
            "--voice",
            help="Let espeak-ng speak, where it is installed. Default: a tone per word.",
            rich_help_panel=_REPLIES,
        ),
    ] = False,
    tokens_per_second: Annotated[
        float,
        typer.Option(help="Words a second; inf for no wait.", rich_help_panel=_PACE),
    ] = 100.0,
    audio_speed: Annotated[
        float,
        typer.Option(help="Seconds of audio made in a second.", rich_help_panel=_PACE),
    ] = 10.0,
    latency: Annotated[
        float,
        typer.Option(help="Seconds before a response's first output.", rich_help_panel=_PACE),
    ] = 0.0,
    session_seconds: Annotated[
        float, typer.Option(help="How long a session lasts.", rich_help_panel=_PACE)
    ] = 3600.0,
    faults: Annotated[
        str | None,
        typer.Option(
            help="Spoil connections: random, or settings such as"
            " delay=0.1,client.duplicate=0.02,drop_after=response.done.",
            metavar="TEXT",
            rich_help_panel=_FAULTS,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Choose the same ids and the same faults again. Default: another each time.",
            rich_help_panel=_FAULTS,
        ),
    ] = None,
    rate_limits: Annotated[
        bool,
        typer.Option(
            "--rate-limits",
            help="Send rate_limits.updated after each response.",
            rich_help_panel=_VARIANTS,
        ),
    ] = False,
    omit_session_created: Annotated[
        bool,
        typer.Option(
            "--omit-session-created",
            help="Begin without session.created.",
            rich_help_panel=_VARIANTS,
        ),
    ] = False,
    rewrite_item_ids: Annotated[
        bool,
        typer.Option(
            "--rewrite-item-ids",
            help="Give items ids of the server's, whatever the client chose.",
            rich_help_panel=_VARIANTS,
        ),
    ] = False,
    omit_metadata: Annotated[
        bool,
        typer.Option(
            "--omit-metadata",
            help="Never give a response's metadata back.",
            rich_help_panel=_VARIANTS,
        ),
    ] = False,
    omit_event_ids: Annotated[
        bool,
        typer.Option(
            "--omit-event-ids",
            help="Send events without event_id.",
            rich_help_panel=_VARIANTS,
        ),
    ] = False,
    late_errors: Annotated[
        float,
        typer.Option(
            help="Seconds until a commit of too little audio is refused; the real server's took"
            " 0.8 to 1.0.",
            rich_help_panel=_VARIANTS,
        ),
    ] = 0.0,
    event_order: Annotated[
        Literal["openai", "xai"],
        typer.Option(help="Send events in the order of this server.", rich_help_panel=_VARIANTS),
    ] = "openai",
    never_close: Annotated[
        bool,
        typer.Option(
            "--never-close",
            help="Never answer a client's CLOSE, nor hang up.",
            rich_help_panel=_VARIANTS,
        ),
    ] = False,
) -> None:
    """Serve a simulated Realtime API, for any client, until Ctrl-C.

    The first line printed is the base URL: what a client takes as
    OPENAI_BASE_URL. On a terminal you see the sessions and their events;
    otherwise they are lines on standard error.

    POST /v1/realtime/client_secrets gives out ephemeral keys.
    """
    asked = _serve.Serving(
        port=port,
        host=host,
        reply=reply,
        faults=faults,
        seed=seed,
        tls=tls,
        quiet=quiet,
        server={
            "api_key": api_key,
            "voice": "espeak-ng" if voice else None,
            "tokens_per_second": tokens_per_second,
            "audio_speed": audio_speed,
            "latency": latency,
            "session_seconds": session_seconds,
            "rate_limits": rate_limits,
            "omit_session_created": omit_session_created,
            "rewrite_item_ids": rewrite_item_ids,
            "echo_metadata": not omit_metadata,
            "omit_event_ids": omit_event_ids,
            "late_errors": late_errors,
            "event_order": event_order,
            "answer_close": not never_close,
        },
    )
    _run(lambda: _serve.serve(Display(), asked))


@app.command()
def transcribe(
    files: Annotated[
        list[Path], typer.Argument(help="PCM WAV files: any rate, any channels.", metavar="FILE")
    ],
    model: Annotated[str, typer.Option(help="The model that transcribes.")] = _transcribe.MODEL,
    language: Annotated[
        str | None,
        typer.Option(
            help="The language spoken, such as en: more accurate, and faster.", metavar="CODE"
        ),
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="A text that guides the style, with names to expect.")
    ] = None,
    form: Annotated[
        Literal["text", "srt", "json"],
        typer.Option("--format", help="Plain text, subtitles, or JSON."),
    ] = "text",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write one file each into this folder. Default: print.",
            metavar="FOLDER",
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", help="Files under way at a time.")
    ] = _transcribe.JOBS,
    base_url: Annotated[
        str | None,
        typer.Option(
            help="Where the API is. Default: OPENAI_BASE_URL, or else OpenAI.", metavar="URL"
        ),
    ] = None,
) -> None:
    """Write down what is said in WAV files. Needs OPENAI_API_KEY.

    Each file has a connection of its own. Its audio is cut at pauses, 5 to
    15 s apart, and sent as fast as the server takes it. A file that cannot
    be transcribed is told, the others go on, and the exit status is 1.

    Printed JSON is one line a file. Other kinds of files: convert them first,
    for example with ffmpeg -i FILE -c:a pcm_s16le out.wav
    """
    asked = _transcribe.Transcribing(
        files=files,
        model=model,
        language=language,
        prompt=prompt,
        form=form,
        output=output,
        jobs=jobs,
        base_url=base_url,
    )
    _run(lambda: _transcribe.transcribe(Display(), asked))
