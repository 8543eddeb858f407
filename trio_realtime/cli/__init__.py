"""The command line: `trio-realtime demo`, `serve` and `transcribe`. Needs the extra `cli`.

This module knows only how to say that the extra is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: What follows the program's name; None takes it from `sys.argv`.
    """
    try:
        from trio_realtime.cli import _app

        return _app.run(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        return 130  # what a shell reports for Ctrl-C: 128 + SIGINT
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in {"rich", "trustme", "typer", "yaml"}:
            raise
        text = "trio-realtime: the command line needs an extra: pip install 'trio-realtime[cli]'"
        print(text, file=sys.stderr)  # noqa: T201 - there is no console without the extra
        return 1
