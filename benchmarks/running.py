"""Runs the clients, one after the other and again, each measurement in a process of its own.

This module knows how each client is started. It does not know what the figures mean.
"""

from __future__ import annotations

import inspect
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Results, Sample
from benchmarks.rows import (
    NODE,
    OPENAI,
    OURS,
    OURS_WEBSOCKETS,
    TRIO_WEBSOCKET,
    WEBSOCKETS,
    Growth,
    Row,
    Work,
)

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 300
"""Seconds after which a measurement counts as hung."""

IMPORTS = {
    OURS: "from trio_realtime import open_realtime, events; events.ResponseDone",
    OPENAI: "from openai import AsyncOpenAI",
    TRIO_WEBSOCKET: "from trio_websocket import open_websocket_url",
    WEBSOCKETS: "from websockets.trio.client import connect",
}
IMPORT = """
import time
wall, cpu = time.perf_counter(), time.process_time()
{}
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print('{{"each": %r, "cpu": %r}}' % (wall, cpu))
"""


class MeasurementError(Exception):
    """A client did not report anything; the message says why."""


@dataclass(frozen=True, slots=True)
class Rivals:
    """Where the clients are that are not ours."""

    openai_python: str | None
    """An interpreter that has `openai[realtime]`."""

    openai_node: str | None
    """A folder whose `node_modules` has `openai` and `ws`."""

    def missing(self) -> dict[str, str]:
        """Return who cannot be measured, and why."""
        found = {
            OURS_WEBSOCKETS: why_not_on_websockets(),
            OPENAI: self._why_not_openai(),
            WEBSOCKETS: tried([sys.executable, "-c", IMPORTS[WEBSOCKETS]]),
            NODE: self._why_not_node(),
        }
        return {client: why for client, why in found.items() if why is not None}

    def _why_not_openai(self) -> str | None:
        if self.openai_python is None:
            return (
                "no interpreter named; pass --openai-python, or set TRIO_REALTIME_OPENAI_PYTHON, "
                "to one that has openai[realtime]"
            )
        return tried([self.openai_python, "-c", f"import websockets; {IMPORTS[OPENAI]}"])

    def _why_not_node(self) -> str | None:
        if self.openai_node is None:
            return (
                "optional; pass --openai-node, or set TRIO_REALTIME_OPENAI_NODE, to a folder "
                "where `npm install openai ws` was run"
            )
        if shutil.which("node") is None:
            return "node is not installed"
        load = "for (const n of ['openai/realtime/ws', 'ws']) require(n)"
        return tried(["node", "-e", load], self.openai_node)

    def command(self, client: str, work: Work) -> list[str]:
        """Return how to measure a client."""
        if work["load"] == "import":
            python = self.openai_python if client == OPENAI else sys.executable
            return [str(python), "-P", "-c", IMPORT.format(IMPORTS[client])]
        if client == NODE:
            return ["node", "benchmarks/clients/openai_node.cjs", json.dumps(work)]
        module, python, more = "bare", sys.executable, Work()
        if client in {OURS, OURS_WEBSOCKETS}:
            module = "ours"
            if client == OURS_WEBSOCKETS:
                more = {"transport": "websockets"}
        elif client == OPENAI:
            module, python = "openai_python", str(self.openai_python)
        else:
            more = {"library": "websockets" if client == WEBSOCKETS else client}
        if work["load"] == "hour":
            module, work = "hour", {"minutes": work["minutes"]}
        return [python, "-m", f"benchmarks.clients.{module}", json.dumps({**work, **more})]


def why_not_on_websockets() -> str | None:
    from trio_realtime import open_realtime

    if "transport" not in inspect.signature(open_realtime).parameters:
        return 'this version has no `open_realtime(transport="websockets")`'
    return tried([sys.executable, "-c", "import websockets.client"])


def tried(command: list[str], folder: str | None = None) -> str | None:
    """Run a command to see whether it works; return why not."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    return None if done.returncode == 0 else f"{command[0]}: {last_line(done.stderr)}"


def last_line(text: str) -> str:
    """Return what an error ends with: the line that names it."""
    lines = [line.strip(" |+-") for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith(("Node.js v", "at "))]
    return said[-1] if said else "it ended without a word"


@contextmanager
def load_server() -> Generator[str]:
    """Run the load server in a process of its own; yields the base URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.stdin.close()


class Bench:
    """One run: measures, and writes down what came of it."""

    def __init__(
        self,
        results: Results,
        rivals: Rivals,
        base_url: str,
        *,
        scale: float,
        say: Callable[[str], None],
    ) -> None:
        self.results = results
        self._rivals = rivals
        self._scale = scale
        self._say = say
        self._environment = os.environ | {
            "OPENAI_API_KEY": "test",
            "OPENAI_BASE_URL": base_url,
            "OPENAI_NODE": rivals.openai_node or "",
            "NO_PROXY": "127.0.0.1",
            "PYTHONDONTWRITEBYTECODE": "",  # unset: an installed package has its byte code
        }

    def there(self, clients: Iterable[str]) -> list[str]:
        """Return those of the clients that can be measured."""
        return [client for client in clients if client not in self.results.left_out]

    def run(self, row: Row, rounds: int) -> None:
        """Measure a row: all clients in turn, and again."""
        work = {
            key: max(1, round(value * self._scale))
            if key in row.scaled and isinstance(value, int)
            else value
            for key, value in row.work.items()
        }
        if row.name == "import":  # the first import writes byte code
            for client in self.there(row.clients):
                self._measure(client, work, f"{row.name}, {client}")
        for number in range(rounds):
            for client in self.there(row.clients):
                what = f"{row.name}, {client}"
                self._say(f"{row.name}: round {number + 1} of {rounds}: {client}")
                sample = self._measure(client, work, what)
                if sample is not None:
                    by_client = self.results.samples.setdefault(row.name, {})
                    by_client.setdefault(client, []).append(sample)

    def grow(self, growth: Growth) -> None:
        """Measure a cost at each of its points; at a small scale, the largest are left out."""
        most = growth.points[-1][0] * self._scale
        key = "cpu" if growth.total == "sessions" or self.results.clock == "cpu" else "each"
        for x, work in growth.points:
            if growth.total is not None and x > max(most, growth.points[1][0]):
                continue
            for client in self.there(growth.clients):
                self._say(f"{growth.name}: {x:,.0f}: {client}")
                sample = self._measure(client, work, f"{growth.name} at {x:,.0f}, {client}")
                if sample is not None:
                    many = 1 if growth.total is None else int(work[growth.total])
                    by_client = self.results.growth.setdefault(growth.name, {})
                    by_client.setdefault(client, []).append((x, sample[key] * many))

    def server_alone(self) -> float | None:
        """Return the seconds in which the server sends a text delta to somebody who only reads."""
        work: Work = {"load": "text", "count": 200_000, "library": "socket"}
        sample = self._run([sys.executable, "-m", "benchmarks.clients.bare", json.dumps(work)])
        return sample["each"]

    def _measure(self, client: str, work: Work, what: str) -> Sample | None:
        try:
            return self._run(self._rivals.command(client, work))
        except MeasurementError as error:
            self.results.failed[what] = str(error)
            return None

    def _run(self, command: list[str]) -> Sample:
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MeasurementError(f"not done after {PATIENCE} s") from None
        if done.returncode != 0:
            raise MeasurementError(last_line(done.stderr))
        sample: Sample = json.loads(done.stdout)
        return sample


def facts(rivals: Rivals) -> dict[str, str]:
    """Return what the figures depend on: the machine and the versions."""
    ours = "trio_realtime", "trio", "trio-websocket", "wsproto", "websockets", "pydantic"
    found = {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "processor": processor(),
        "python": platform.python_version(),
        **versions(sys.executable, ours),
    }
    if rivals.openai_python is not None:
        theirs = versions(rivals.openai_python, ("openai", "websockets", "pydantic"))
        found |= {f"openai-python's {name}": version for name, version in theirs.items()}
    return found


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2] for line in text.splitlines() if line.startswith("model name")]
    return names[0].strip() if names else "unknown"


def versions(python: str, names: Iterable[str]) -> dict[str, str]:
    code = (
        "import json, sys; from importlib.metadata import distributions; "
        "print(json.dumps({d.name: d.version for d in distributions()}))"
    )
    try:
        done = subprocess.run(
            [python, "-P", "-c", code], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return {}
    found: dict[str, str] = json.loads(done.stdout)
    return {name: found[name] for name in names if name in found}
