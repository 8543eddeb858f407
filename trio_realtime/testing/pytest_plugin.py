"""What the pytest plugin does: servers, cassettes and schedules for tests that ask for them.

The plugin is active where the package is installed, and does nothing until it is asked. It works
with pytest-trio, and with its `autojump_clock`::

    @pytest.mark.realtime_server(reply="Hello!", latency=0.2)
    async def test_my_application(realtime_server, autojump_clock):
        await my_application(endpoint=realtime_server.endpoint)

* The fixture `realtime_server` is a `SimulatedServer`. The marker `realtime_server(...)` gives its
  arguments; those of the test are merged into those of its class and module. (A function has to
  be named, `reply=function`: pytest takes a marker with nothing but a function for a decorator.)
  It can be
  parametrised too, with replies or with mappings of arguments, by
  `@pytest.mark.parametrize("realtime_server", [...], indirect=True)`.
* The fixture `realtime_cassette` is the server of `use_cassette`, with the cassette
  `cassettes/MODULE/TEST.jsonl` beside the test's file. The marker `realtime_cassette(path, ...)`
  gives another path, and the other arguments of `use_cassette`. `--realtime-record=MODE` says
  whether cassettes are recorded: `none` (the default), `once`, `new_episodes` or `all`; the ini
  option `realtime_record` changes the default.
* `@pytest.mark.realtime_seed(7)` runs a test inside `seeded(7)`, on one schedule;
  `@pytest.mark.realtime_schedules(50)` runs it on fifty, of the seeds 0 to 49. Async tests begin
  the schedule when their fixtures are there; of Hypothesis each example begins it anew. A test that
  fails says how to run it on the same schedule again: with `--realtime-seed N`, which goes before
  the markers. The fixture `realtime_seed` is the seed.

`-p no:trio_realtime` switches all of this off. This module knows pytest; nothing else in the
package does.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypedDict, cast

import pytest

from trio_realtime.testing._cassettes import use_cassette
from trio_realtime.testing._seeding import seeded
from trio_realtime.testing._server import SimulatedServer

if TYPE_CHECKING:
    from trio_realtime._core.cassette import Match, Policy
    from trio_realtime._endpoint import Endpoint
    from trio_realtime.testing._cassette_server import CassetteServer
    from trio_realtime.testing._cassettes import RecordMode
    from trio_realtime.testing._responders import Responder
    from trio_realtime.testing._server import SimulatedServerOptions

P = ParamSpec("P")


class _CassetteOptions(TypedDict, total=False):
    mode: RecordMode
    endpoint: Endpoint | None
    audio: Policy
    text: Policy
    session_ids: Policy
    secrets: Collection[str]
    match: Match
    speed: float
    allow_unplayed: bool


def server_of(request: pytest.FixtureRequest) -> SimulatedServer:
    """Make the server that a test's markers and parameters describe."""
    args, options = _marked(request, "realtime_server")
    given: object = getattr(request, "param", None)
    if isinstance(given, Mapping):
        options.update(cast("Mapping[str, object]", given))
    elif given is not None:
        options["reply"] = given
    reply = options.pop("reply", args[0] if args else None)
    return SimulatedServer(
        cast("Responder", reply), **cast("SimulatedServerOptions", cast("object", options))
    )


def cassette_of(request: pytest.FixtureRequest, mode: RecordMode) -> CassetteServer:
    """Open the cassette that a test's marker or name tells."""
    args, options = _marked(request, "realtime_cassette")
    here = cast("pytest.Item", request.node).path.parent
    path = here / str(args[0]) if args else here / _cassette_path(request)
    options.setdefault("mode", mode)
    return use_cassette(path, **cast("_CassetteOptions", cast("object", options)))


def _cassette_path(request: pytest.FixtureRequest) -> Path:
    """`cassettes/MODULE/[CLASS.]TEST[PARAMETERS].jsonl`; schedules share one cassette."""
    item = cast("pytest.Function", request.node)
    name = f"{item.cls.__name__}.{item.name}" if item.cls else item.name
    callspec = getattr(item, "callspec", None)
    if callspec is not None and "realtime_seed" in callspec.params:
        name = re.sub(rf"(?<=[\[-])seed{callspec.params['realtime_seed']}(?=[\]-])", "", name)
        name = name.replace("[]", "").replace("--", "-").replace("[-", "[").replace("-]", "]")
    return Path("cassettes", item.path.stem, re.sub(r"[^\w.\[\]=,+-]+", "_", name) + ".jsonl")


def _marked(
    request: pytest.FixtureRequest, name: str
) -> tuple[tuple[object, ...], dict[str, object]]:
    """The arguments of a test's markers: what is nearest to the test goes before the rest."""
    args: tuple[object, ...] = ()
    options: dict[str, object] = {}
    for marker in reversed(list(cast("pytest.Item", request.node).iter_markers(name))):
        if len(marker.args) > 1:
            raise pytest.UsageError(
                f"{request.node.nodeid}: {name} takes one argument without a name, not "
                f"{len(marker.args)}: the others are name=value"
            )
        args = marker.args or args
        options.update(marker.kwargs)
    return args, options


@contextmanager
def scheduled(item: pytest.Function, seed: int) -> Generator[None]:
    """Run a test on the schedule of a seed, with the fixtures that are set up while it runs."""
    # Hypothesis runs the function many times; each begins the schedule anew.
    holder = getattr(item.obj, "hypothesis", None)
    holder, name = (item, "obj") if holder is None else (holder, "inner_test")
    function = getattr(holder, name)
    setattr(holder, name, _beginning(function, seed))
    try:
        with seeded(seed):
            yield
    finally:
        # As it was: pytest-trio has put its runner around ours, and would keep it.
        setattr(holder, name, function)


def _beginning(function: Callable[P, object], seed: int) -> Callable[P, object]:
    """Begin the schedule where the test begins.

    pytest-trio sets fixtures up in an order of its own, which is another each time.
    """
    if iscoroutinefunction(function):
        test = cast("Callable[P, Awaitable[None]]", function)

        @wraps(function)
        async def asynchronous(*args: P.args, **kwargs: P.kwargs) -> None:
            with seeded(seed):
                await test(*args, **kwargs)

        return asynchronous

    @wraps(function)
    def synchronous(*args: P.args, **kwargs: P.kwargs) -> object:
        with seeded(seed):
            return function(*args, **kwargs)

    return synchronous
