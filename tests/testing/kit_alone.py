"""The testing kit as a program without pytest and without our client.

`python kit_alone.py CASSETTE` serves a simulated server, a scripted one and a cassette, each on a
port of its own. It prints their URLs, serves until its input ends, and then prints what it used.
"""

from __future__ import annotations

import importlib.abc
import json
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn

import trio

OPTIONAL = ("pytest", "_pytest", "pytest_trio", "yaml", "rich", "typer", "trustme", "jsonschema")


class Absent(importlib.abc.MetaPathFinder):
    """An environment in which nothing optional is installed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] in OPTIONAL:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def refuse(*args: object, **kwargs: object) -> NoReturn:
    raise AssertionError("the client was used")


async def main() -> None:
    import trio_realtime._connection._link as link
    from trio_realtime.testing import ScriptedConnection, ScriptedServer, replay, serve_simulated

    vars(link)["Link"].__init__ = refuse

    async def script(line: ScriptedConnection) -> None:
        async with line.expect("response.create") as request:
            await request.say("scripted")

    async with (
        serve_simulated() as simulated,
        ScriptedServer(script) as scripted,
        replay(sys.argv[1]) as cassette,
    ):
        await scripted.listen()
        await cassette.listen()
        servers = (simulated, scripted, cassette)
        sys.stdout.write(json.dumps([server.base_url for server in servers]) + "\n")
        sys.stdout.flush()
        await trio.to_thread.run_sync(sys.stdin.read)
    used = [name for name in sys.modules if name.partition(".")[0] in OPTIONAL]
    sys.stdout.write(json.dumps(used) + "\n")


if __name__ == "__main__":
    sys.meta_path.insert(0, Absent())
    trio.run(main)
