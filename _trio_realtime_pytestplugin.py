"""The pytest plugin of trio_realtime: options, markers and fixtures, and nothing else until used.

It is a module beside the package because pytest imports it in every run of every project where the
package is installed: it imports pytest and the standard library only. What it does with them is in
`trio_realtime.testing.pytest_plugin`, which is imported when a test asks for it; the documentation
is there too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Final, cast

import pytest

if TYPE_CHECKING:
    from trio_realtime.testing import CassetteServer, RecordMode, SimulatedServer

RECORD_MODES: Final[tuple[RecordMode, ...]] = ("none", "once", "new_episodes", "all")

_MARKERS: Final = {
    "realtime_server(reply, **options)": (
        "what the fixture realtime_server is made with, as for "
        "trio_realtime.testing.SimulatedServer."
    ),
    "realtime_cassette(path, **options)": (
        "the cassette of the fixture realtime_cassette, beside the test's file, and the options of "
        "trio_realtime.testing.use_cassette."
    ),
    "realtime_seed(seed)": (
        "run the test on the schedule of this seed: same seed, same interleaving."
    ),
    "realtime_schedules(count)": (
        "run the test on so many schedules, one for each seed from 0, or from that of "
        "realtime_seed."
    ),
}

_ASYNC_FIXTURES: Final = ("realtime_server", "realtime_cassette")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; they change nothing by being there."""
    group = parser.getgroup("trio_realtime", "Realtime API tests (trio_realtime)")
    group.addoption(
        "--realtime-record",
        choices=RECORD_MODES,
        help="when the fixture realtime_cassette records: never (none), where there is no cassette "
        "(once), what a cassette lacks (new_episodes), or anew (all); default: the ini option "
        "realtime_record, or none",
    )
    group.addoption(
        "--realtime-seed",
        type=int,
        metavar="N",
        help="run every test on the schedule of this seed, in place of those of its markers",
    )
    parser.addini(
        "realtime_record",
        "when the fixture realtime_cassette records: none, once, new_episodes or all",
        default="none",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for marker, meaning in _MARKERS.items():
        config.addinivalue_line("markers", f"{marker}: {meaning}")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what was asked for on the command line."""
    seed, mode = _option_seed(config), config.getoption("--realtime-record")
    told = [] if seed is None else [f"seed {seed}"]
    if mode is not None:
        told.append(f"record {mode}")
    return f"trio_realtime: {', '.join(told)}" if told else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test one run for each schedule it asks for."""
    marker = metafunc.definition.get_closest_marker("realtime_schedules")
    if marker is None:
        return
    count = marker.args[0] if len(marker.args) == 1 and not marker.kwargs else None
    if not isinstance(count, int) or count < 1:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid}: realtime_schedules takes the number of schedules, such "
            "as realtime_schedules(50)"
        )
    first, option = _marked_seed(metafunc.definition) or 0, _option_seed(metafunc.config)
    seeds = range(first, first + count) if option is None else [option]
    if "realtime_seed" not in metafunc.fixturenames:
        metafunc.fixturenames.append("realtime_seed")
    metafunc.parametrize("realtime_seed", seeds, indirect=True, ids=[f"seed{n}" for n in seeds])


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
) -> None:
    """Say clearly what a fixture needs, in place of what pytest would say."""
    if fixturedef.argname not in _ASYNC_FIXTURES or fixturedef.func not in (
        realtime_server_function,
        realtime_cassette_function,
    ):
        return
    lacking = _lacking(request)
    if lacking is None:
        return
    failed = pytest.fail.Exception(f"the fixture {fixturedef.argname} {lacking}", pytrace=False)
    # As pytest does where a fixture fails: without it, the next test that asks for it fails too.
    key: object = getattr(request, "param", None)
    fixturedef.cached_result = (None, key, (failed, None))
    raise failed


def _lacking(request: pytest.FixtureRequest) -> str | None:
    plugins = request.config.pluginmanager
    if not (plugins.hasplugin("trio") or plugins.hasplugin("pytest_trio.plugin")):
        return "needs the plugin pytest-trio: install it, and run pytest without `-p no:trio`"
    if cast("pytest.Item", request.node).get_closest_marker("trio") is None:
        return (
            "is for async tests that pytest-trio runs: set `trio_mode = true` in pytest's "
            "configuration, or mark them with @pytest.mark.trio"
        )
    return None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that has a seed on its schedule."""
    seed = _seed_of(item)
    if seed is None or not isinstance(item, pytest.Function):
        return (yield)
    from trio_realtime.testing.pytest_plugin import scheduled

    with scheduled(item, seed):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell how to run a failed test on the same schedule again."""
    report = yield
    seed = _seed_of(item)
    if report.failed and report.when == "call" and seed is not None:
        told = f"pytest '{item.nodeid}' --realtime-seed={seed}"
        report.sections.append(("Schedule (trio_realtime)", f"seed {seed}; again: {told}"))
    return report


@pytest.fixture
def realtime_seed(request: pytest.FixtureRequest) -> int | None:
    """The seed of the schedule this test runs on; None where nobody asked for one."""
    return _seed_of(cast("pytest.Item", request.node))


async def realtime_server_function(
    request: pytest.FixtureRequest,
) -> AsyncGenerator[SimulatedServer]:
    """A simulated server in memory, made as the marker `realtime_server` says."""
    from trio_realtime.testing.pytest_plugin import server_of

    async with server_of(request) as server:
        yield server  # noqa: ASYNC119 - pytest-trio resumes it in any case


async def realtime_cassette_function(
    request: pytest.FixtureRequest,
) -> AsyncGenerator[CassetteServer]:
    """A server that plays the test's cassette, or records it, as `--realtime-record` says."""
    from trio_realtime.testing.pytest_plugin import cassette_of

    async with cassette_of(request, _record_mode(request.config)) as server:
        yield server  # noqa: ASYNC119 - pytest-trio resumes it in any case


realtime_server = pytest.fixture(name="realtime_server")(realtime_server_function)
realtime_cassette = pytest.fixture(name="realtime_cassette")(realtime_cassette_function)


def _record_mode(config: pytest.Config) -> RecordMode:
    asked = config.getoption("--realtime-record") or config.getini("realtime_record")
    for mode in RECORD_MODES:
        if asked == mode:
            return mode
    raise pytest.UsageError(f"realtime_record is one of {', '.join(RECORD_MODES)}, not {asked!r}")


def _option_seed(config: pytest.Config) -> int | None:
    return cast("int | None", config.getoption("--realtime-seed"))


def _marked_seed(item: pytest.Item) -> int | None:
    marker = item.get_closest_marker("realtime_seed")
    if marker is None:
        return None
    seed = marker.args[0] if len(marker.args) == 1 and not marker.kwargs else None
    if not isinstance(seed, int):
        raise pytest.UsageError(f"{item.nodeid}: realtime_seed takes a number")
    return seed


def _seed_of(item: pytest.Item) -> int | None:
    option = _option_seed(item.config)
    if option is not None:
        return option
    callspec = getattr(item, "callspec", None)
    if callspec is not None and "realtime_seed" in callspec.params:
        return cast("int", callspec.params["realtime_seed"])
    return _marked_seed(item)
