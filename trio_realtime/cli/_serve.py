"""`trio-realtime serve`: the simulated server on a port, until Ctrl-C.

This module puts the parts together. It does not know what the server says:
`trio_realtime.testing` does, or the user's file.
"""

from __future__ import annotations

import errno
import math
import random
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

import trio

from trio_realtime.cli._display import Display
from trio_realtime.cli._journal import Journal
from trio_realtime.cli._live import show_journal
from trio_realtime.cli._problem import ProblemError
from trio_realtime.testing import (
    FaultPlan,
    ReplyFunction,
    SimulatedServer,
    SimulatedServerOptions,
)

if TYPE_CHECKING:
    import ssl

_HOST: Final = "127.0.0.1"
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
_SEED_MAX: Final = 2**32  # short enough to be typed again


@final
@dataclass(frozen=True, slots=True)
class Serving:
    """What `serve` was asked for."""

    port: int = 0
    host: str = _HOST
    reply: Path | None = None
    faults: str | None = None
    seed: int | None = None
    tls: bool = False
    quiet: bool = False
    server: SimulatedServerOptions = field(default_factory=SimulatedServerOptions)
    """What goes to the server as it is."""


async def serve(display: Display, asked: Serving) -> None:
    """Print the base URL, with TLS also the path of the CA certificate, and serve until cancelled.

    SIGTERM ends it too, as a job that is done. Nothing else goes to standard output.

    Raises:
        ProblemError: if something is wrong that the user can put right.
    """
    _check(asked)
    seed = random.randrange(_SEED_MAX) if asked.seed is None else asked.seed  # noqa: S311
    plan = _plan(asked.faults, seed)
    has_view = display.errors.is_terminal and not asked.quiet
    has_log = not (has_view or asked.quiet)
    journal = Journal(
        trio.current_time(), (lambda line: display.log(f"{line}")) if has_log else None
    )

    def tell(text: str) -> None:
        journal.note(trio.current_time(), text)
        if asked.quiet:
            display.log(text)

    reply = None if asked.reply is None else _replies(asked.reply, tell)
    options = asked.server.copy()
    options["seed"], options["faults"], options["watch"] = seed, plan, journal.see
    with ExitStack() as stack:
        # Before anything is printed: who reads it may end us at once.
        terminations = stack.enter_context(trio.open_signal_receiver(signal.SIGTERM))
        context, authority = _certificate(asked, stack)
        async with _server(reply, options) as server:
            await _listen(server, asked, context)
            display.line(server.base_url)
            if authority is not None:
                display.line(str(authority))
            if not asked.quiet:
                _greet(display, asked, seed, plan)
            async with trio.open_nursery() as nursery:
                if has_view:
                    title = f"{server.base_url}  seed {seed}"
                    nursery.start_soon(show_journal, journal, display.errors, title)
                stack.callback(journal.finish)
                await anext(terminations)
                nursery.cancel_scope.cancel()


def _check(asked: Serving) -> None:
    if not asked.host:
        raise ProblemError("--host must be an address, such as 127.0.0.1 or 0.0.0.0; it is empty")
    if asked.server.get("api_key") == "":
        raise ProblemError("--api-key must be a key; it is empty: leave it out to let in any")
    if not 0 <= asked.port <= 65535:
        raise ProblemError(f"--port must be from 0 to 65535; it is {asked.port}")
    above_zero = {
        "--tokens-per-second": asked.server.get("tokens_per_second", 1.0),
        "--audio-speed": asked.server.get("audio_speed", 1.0),
        "--session-seconds": asked.server.get("session_seconds", 1.0),
    }
    for name, value in above_zero.items():
        if not value > 0:
            raise ProblemError(f"{name} must be above 0; it is {value:g}")
    if not 0 <= (latency := asked.server.get("latency", 0)) < math.inf:
        raise ProblemError(f"--latency must be 0 or more; it is {latency:g}")


def _plan(faults: str | None, seed: int) -> FaultPlan | None:
    try:
        return None if faults is None else FaultPlan.parse(faults, seed=seed)
    except ValueError as exc:
        raise ProblemError(f"--faults: {exc}") from exc


def _replies(path: Path, tell: Callable[[str], None]) -> ReplyFunction:
    # Imported when it is asked for, as TLS is: most who serve need neither.
    from trio_realtime.cli._reply_file import replies_from_file

    return replies_from_file(path, tell)


def _server(reply: ReplyFunction | None, options: SimulatedServerOptions) -> SimulatedServer:
    try:
        return SimulatedServer(reply, **options)
    except RuntimeError as exc:  # a voice that is not installed
        raise ProblemError(f"--voice: {exc}") from exc


def _certificate(
    asked: Serving, stack: ExitStack
) -> tuple[ssl.SSLContext, Path] | tuple[None, None]:
    if not asked.tls:
        return None, None
    from trio_realtime.testing._certificate import certificate_for

    try:
        return stack.enter_context(certificate_for(*dict.fromkeys((*_LOCAL, asked.host))))
    except ValueError as exc:
        raise ProblemError(f"--host {asked.host}: no certificate can name it: {exc}") from exc


async def _listen(server: SimulatedServer, asked: Serving, context: ssl.SSLContext | None) -> None:
    try:
        await server.listen(asked.host, asked.port, ssl_context=context)
    except OSError as exc:
        known = {errno.EADDRINUSE: "it is in use", errno.EACCES: "it needs more privileges"}
        reason = known.get(exc.errno or 0) or exc.strerror or str(exc)
        where = f"port {asked.port}" if asked.host == _HOST else f"{asked.host}, port {asked.port}"
        raise ProblemError(f"cannot listen on {where}: {reason}") from exc


def _greet(display: Display, asked: Serving, seed: int, plan: FaultPlan | None) -> None:
    any_key = asked.server.get("api_key") is None
    keys = "any API key will do" if any_key else "it lets in the API key that you gave it"
    display.hint(f"Simulated server: {keys}. Ctrl-C ends it.")
    if plan is not None:
        # Together they are what a random plan has chosen.
        display.hint(f"Faults from the server: {plan.from_server}")
        display.hint(f"Faults from the client: {plan.from_client}")
        display.hint(f"Faults of the stream: {plan.stream}")
    if asked.seed is None:
        display.hint(f"Seed {seed}: with --seed {seed} it chooses the same ids and faults again.")
