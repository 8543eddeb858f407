"""The pytest plugin, as the projects see it that use it."""

from __future__ import annotations

import json
import re
from importlib.metadata import entry_points

import pytest

pytestmark = pytest.mark.one_library

MODULE = "_trio_realtime_pytestplugin"

HEAD = """
import pytest
import trio
from trio_realtime import open_realtime
from trio_realtime.events import ResponseDone

async def ask(server):
    texts = []
    async with open_realtime("m", endpoint=server.endpoint, session=TEXT) as conn:
        await conn.conversation.item.create(role="user", text="Hello")
        await conn.response.create()
        async for event in conn:
            if isinstance(event, ResponseDone):
                return event.response.output[0].content[0].text

TEXT = {"output_modalities": ["text"]}
"""


def configured(pytester: pytest.Pytester) -> None:
    """Have a configuration, lest pytest takes one from above: the folder may lie in a checkout."""
    if not (pytester.path / "tox.ini").exists():
        pytester.makeini("[pytest]\n")


def run(pytester: pytest.Pytester, *args: str) -> pytest.RunResult:
    """Run pytest where we are, as a project of its own."""
    configured(pytester)
    loaded = any(each.value == MODULE for each in entry_points(group="pytest11"))
    chosen = () if loaded else ("-p", MODULE)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *chosen, *args)


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\ntrio_mode = true\nstrict_markers = true\nstrict_config = true\n")
    return pytester


# pain 49
def test_a_server_is_a_fixture(project: pytest.Pytester) -> None:
    project.makepyfile(
        HEAD
        + """
pytestmark = pytest.mark.realtime_server("From the module", tokens_per_second=1)

async def test_module(realtime_server, autojump_clock):
    start = trio.current_time()
    assert await ask(realtime_server) == "From the module"
    assert trio.current_time() - start >= 3

@pytest.mark.realtime_server(reply="From the class", latency=5)
class TestClass:
    async def test_class(self, realtime_server, autojump_clock):
        start = trio.current_time()
        assert await ask(realtime_server) == "From the class"
        assert trio.current_time() - start >= 8

@pytest.mark.realtime_server("From the test")
async def test_nearest(realtime_server, autojump_clock):
    assert await ask(realtime_server) == "From the test"

@pytest.mark.parametrize(
    "realtime_server", ["One", {"reply": "Two"}, {"latency": 1}], indirect=True
)
async def test_parameters(realtime_server, autojump_clock):
    assert await ask(realtime_server) in ("One", "Two", "From the module")
"""
    )
    run(project).assert_outcomes(passed=6)


def test_a_failing_responder_fails_the_test(project: pytest.Pytester) -> None:
    project.makepyfile(
        HEAD
        + """
def no_idea(session, conversation, create):
    raise LookupError("no idea")

@pytest.mark.realtime_server(reply=no_idea)
async def test_it(realtime_server, autojump_clock):
    await ask(realtime_server)
"""
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*LookupError: no idea*"])
    result.stdout.no_fnmatch_line("*Schedule (trio_realtime)*")


def test_a_fixture_without_pytest_trio_says_what_it_needs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("async def test_it(realtime_server): pass")
    result = run(pytester, "-p", "no:trio")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the fixture realtime_server needs the plugin pytest-trio:*"])
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["the fixture realtime_server is for async tests that*"])


def test_a_fixture_in_a_test_that_is_not_async_says_so(project: pytest.Pytester) -> None:
    project.makepyfile(
        "def test_it(realtime_cassette): pass\n"
        "def test_one(realtime_server): pass\n"
        "async def test_after_it(realtime_server): pass"
    )
    result = run(project)
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.fnmatch_lines(["the fixture realtime_cassette is for async tests that*"])


def test_a_fixture_of_the_projects_own_goes_before_ours(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
import pytest

@pytest.fixture
def realtime_server():
    return 7

def test_it(realtime_server):
    assert realtime_server == 7
"""
    )
    run(project).assert_outcomes(passed=1)


INTERLEAVED = (
    HEAD
    + """
import json
from pathlib import Path

async def interleaving(server):
    seen = []

    async def talk(name):
        async with open_realtime("m", endpoint=server.endpoint) as conn:
            await conn.response.create()
            async for event in conn:
                seen.append(f"{name} {event.type} {event.event_id}")
                if isinstance(event, ResponseDone):
                    break

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(talk, name)
    return seen

@pytest.fixture
async def one():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        yield
        nursery.cancel_scope.cancel()

@pytest.fixture
async def another(one):
    await trio.lowlevel.checkpoint()

def note(seed, seen):
    with Path("seen.jsonl").open("a") as file:
        file.write(json.dumps([seed, seen]) + "\\n")
"""
)


def seen_by_seed(project: pytest.Pytester) -> dict[int, list[list[str]]]:
    """What was noted by tests, by their seeds; forgotten then."""
    path = project.path / "seen.jsonl"
    seen: dict[int, list[list[str]]] = {}
    for line in path.read_text().splitlines():
        seed, lines = json.loads(line)
        seen.setdefault(seed, []).append(lines)
    path.unlink()
    return seen


def test_a_seed_is_a_schedule(project: pytest.Pytester) -> None:
    project.makepyfile(
        INTERLEAVED
        + """
@pytest.mark.realtime_schedules(3)
async def test_it(realtime_server, one, another, realtime_seed, autojump_clock):
    note(realtime_seed, await interleaving(realtime_server))
"""
    )
    for _ in range(2):
        run(project).assert_outcomes(passed=3)
    result = run(project, "-v")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*::test_it[[]seed2[]]*"])
    seen = seen_by_seed(project)
    assert sorted(seen) == [0, 1, 2]
    for runs in seen.values():
        assert runs[0] == runs[1] == runs[2]
    assert seen[0][0] != seen[1][0] != seen[2][0]

    result = run(project, "--realtime-seed=1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["trio_realtime: seed 1"])
    assert seen_by_seed(project) == {1: seen[1][:1]}


def test_seeds_are_named_by_markers(project: pytest.Pytester) -> None:
    project.makepyfile(
        INTERLEAVED
        + """
@pytest.mark.realtime_seed(7)
@pytest.mark.realtime_schedules(2)
async def test_two(realtime_server, autojump_clock, request):
    seed = request.getfixturevalue("realtime_seed")
    note(seed, await interleaving(realtime_server))

@pytest.mark.realtime_seed(8)
async def test_one(realtime_server, autojump_clock, realtime_seed):
    note(realtime_seed, await interleaving(realtime_server))

async def test_none(realtime_seed):
    assert realtime_seed is None
"""
    )
    run(project).assert_outcomes(passed=4)
    seen = seen_by_seed(project)
    assert sorted(seen) == [7, 8]
    assert seen[8][0] == seen[8][1]


def test_synchronous_tests_have_schedules_too(project: pytest.Pytester) -> None:
    project.makepyfile(
        INTERLEAVED
        + """
from trio.testing import MockClock
from trio_realtime.testing import SimulatedServer

async def main():
    async with SimulatedServer() as server:
        return await interleaving(server)

@pytest.mark.realtime_seed(5)
def test_it(realtime_seed):
    note(realtime_seed, trio.run(main, clock=MockClock(autojump_threshold=0)))
"""
    )
    for _ in range(2):
        run(project).assert_outcomes(passed=1)
    (first, second) = seen_by_seed(project)[5]
    assert first == second


def test_every_example_of_hypothesis_begins_the_schedule(project: pytest.Pytester) -> None:
    project.makepyfile(
        INTERLEAVED
        + """
from hypothesis import given, settings, strategies as st
from trio_realtime.testing import SimulatedServer

@pytest.mark.parametrize("again", [1, 2])
@pytest.mark.realtime_seed(5)
@settings(max_examples=3, database=None, deadline=None)
@given(st.integers())
async def test_it(again, number):
    async with SimulatedServer(tokens_per_second=1e9, audio_speed=1e9) as server:
        note(5, await interleaving(server))
"""
    )
    run(project).assert_outcomes(passed=2)
    runs = seen_by_seed(project)[5]
    assert len(runs) >= 6
    orders = [[line.rsplit(" ", 1)[0] for line in lines] for lines in runs]
    assert all(order[:6] == orders[0][:6] for order in orders)


def test_a_failure_says_how_to_run_the_schedule_again(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
import pytest

@pytest.mark.realtime_schedules(3)
async def test_it(realtime_seed):
    assert realtime_seed != 2
"""
    )
    result = run(project)
    result.assert_outcomes(passed=2, failed=1)
    told = re.search(r"seed 2; again: pytest '(.*)' (--realtime-seed=2)", result.stdout.str())
    assert told is not None
    again = run(project, told[1], told[2])
    again.assert_outcomes(failed=1)


def test_markers_that_make_no_sense_are_refused(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
import pytest

@pytest.mark.realtime_schedules
def test_it(): pass
"""
    )
    result = run(project)
    result.stdout.fnmatch_lines(["*test_it: realtime_schedules takes the number of schedules*"])
    project.makepyfile(
        """
import pytest

@pytest.mark.realtime_seed("seven")
def test_it(): pass
"""
    )
    text = run(project).stdout.str()
    assert "test_it: realtime_seed takes a number" in text


def test_markers_of_fixtures_take_one_argument_without_a_name(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
import pytest

@pytest.mark.realtime_server("one", "two")
async def test_it(realtime_server): pass
"""
    )
    text = run(project).stdout.str()
    assert "test_it: realtime_server takes one argument without a name, not 2: the oth" in text


CASSETTES = (
    HEAD
    + """
from trio_realtime.testing import SimulatedServer

servers = []

class Upstream:
    async def handshake(self, target):
        return await servers[-1].endpoint.handshake(target)

@pytest.fixture
async def upstream():
    async with SimulatedServer("From upstream") as server:
        servers.append(server)
        yield server
"""
)


def test_cassettes_are_named_by_their_tests(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_talk=CASSETTES
        + """
pytestmark = pytest.mark.realtime_cassette(endpoint=Upstream())

async def test_it(realtime_cassette, upstream, autojump_clock):
    assert await ask(realtime_cassette) == "From upstream"

class TestClass:
    @pytest.mark.parametrize("way", ["a/b"])
    @pytest.mark.realtime_schedules(1)
    @pytest.mark.parametrize("number", [1])
    async def test_it(self, realtime_cassette, upstream, autojump_clock, way, number):
        assert await ask(realtime_cassette) == "From upstream"

@pytest.mark.realtime_schedules(2)
async def test_schedules(realtime_cassette, upstream, autojump_clock):
    assert await ask(realtime_cassette) == "From upstream"

@pytest.mark.realtime_cassette("tapes/mine.jsonl", speed=2.0, allow_unplayed=True)
async def test_mine(realtime_cassette, upstream, autojump_clock):
    assert await ask(realtime_cassette) == "From upstream"
"""
    )
    result = run(project)
    result.assert_outcomes(failed=5)
    result.stdout.fnmatch_lines(["*FileNotFoundError*cassettes/test_talk/test_it.jsonl*"])
    result = run(project, "--realtime-record=once")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(["trio_realtime: record once"])
    made = {str(path.relative_to(project.path)) for path in project.path.rglob("*.jsonl")}
    assert made == {
        "cassettes/test_talk/test_it.jsonl",
        "cassettes/test_talk/TestClass.test_it[1-a_b].jsonl",
        "cassettes/test_talk/test_schedules.jsonl",
        "tapes/mine.jsonl",
    }
    run(project).assert_outcomes(passed=5)


def test_the_record_mode_can_be_configured(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CASSETTES
        + """
@pytest.mark.realtime_cassette(endpoint=Upstream())
async def test_it(realtime_cassette, upstream, autojump_clock):
    assert await ask(realtime_cassette) == "From upstream"
"""
    )
    pytester.makeini("[pytest]\ntrio_mode = true\nrealtime_record = sometimes\n")
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*realtime_record is one of none, once, *, not 'sometimes'*"])
    pytester.makeini("[pytest]\ntrio_mode = true\nrealtime_record = once\n")
    run(pytester).assert_outcomes(passed=1)
    run(pytester, "--realtime-record=none").assert_outcomes(passed=1)
    assert run(pytester, "--realtime-record=now").ret == pytest.ExitCode.USAGE_ERROR


def test_matchers_show_their_list_and_nothing_of_their_insides(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
from trio_realtime.testing import assert_events

def test_it():
    assert_events([{"type": "a"}, {"type": "b"}], "a", "c")
"""
    )
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*>*1*b*<- wanted 'c'"])
    result.stdout.no_fnmatch_line("*_matchers.py*")


def test_until_it_is_asked_nothing_is_imported(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the other plugins around here some import Trio.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(
        f"""
import sys

def test_it():
    assert {MODULE!r} in sys.modules
    assert not {{"trio", "pydantic", "trio_realtime"}} & set(sys.modules)
"""
    )
    configured(pytester)
    pytester.runpytest_subprocess("-p", MODULE).assert_outcomes(passed=1)


def test_markers_are_listed(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--markers")
    for name in ("server", "cassette", "seed", "schedules"):
        result.stdout.fnmatch_lines([f"@pytest.mark.realtime_{name}(*"])
