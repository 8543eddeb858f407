"""Where the time of an event goes: what is reckoned and told. The measuring is tried, not timed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import page, probes
from benchmarks.footprint import IMPORT_PARTS, MEMORY_PARTS, by_part, part_of
from benchmarks.results import Results
from benchmarks.stages import APPENDING, EXTRAS, JSON, STAGES, WHOLES, Stages, lines, main, sum_of
from tests.bench.sample import sample


def stages() -> Stages:
    """A run with round numbers, without the extra."""
    event = dict.fromkeys(STAGES, (1e-6, 3e-6))
    wholes = {"whole": (1e-5, 1.2e-5), "without gc": (1e-5, 1.1e-5)}
    return Stages(
        facts={"python": "3.11.7", "date": "2026-01-01", "machine": "Linux"},
        events={kind: {**event, **wholes} for kind in ("text", "done")},
        appends={"20 ms": {"base64": (1e-6, 1.5e-6), "whole, trio-websocket": (4e-4, 5e-4)}},
        memory={"a": 1024.0, "b": 3072.0},
        imports={"x": 0.1},
        first={"z": 0.02, "y": 0.03},
    )


def rows(part: Iterator[str]) -> list[list[str]]:
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in part]


def test_an_event_is_all_its_stages() -> None:
    assert sum_of(stages().events["text"]) == pytest.approx((5e-6, 1.5e-5))


def test_what_was_measured_can_be_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "stages.json"
    file.write_text(stages().to_json(), "utf-8")
    assert Stages.from_file(file) == stages()
    assert main(["--show", str(file)]) == 0
    assert capsys.readouterr().out == "\n".join(lines(stages())) + "\n"


def test_a_terminal_is_told_of_every_part_that_was_measured() -> None:
    shown = [" ".join(line.split()) for line in lines(stages())]
    assert f"{STAGES['read']} 1.00 (3.00) 1.00 (3.00)" in shown
    assert f"{APPENDING['base64']} 1.00 (1.50)" in shown
    assert "an idle connection: 4 KiB" in shown
    assert not any("compression" in line for line in shown)
    whole = stages()
    whole.compression = {"send": 5e-5, "receive": 1e-5, "saved": 0.25}
    said = "compression of 20 ms of speech: 50.0 µs more to send, 10.0 to receive, 25% of the bytes"
    assert any(line.startswith(said) for line in lines(whole))


def test_the_page_has_a_line_for_each_stage_and_their_sum() -> None:
    told = rows(page.event_stages(stages()))
    assert told[0] == ["µs", "text delta", "`response.done`"]
    assert ["**together**", "**5.0 (15.0)**", "**5.0 (15.0)**"] in told
    assert [row[0].strip("*") for row in told[2:]] == [
        *STAGES.values(),
        "together",
        *EXTRAS.values(),
        *WHOLES.values(),
    ]
    assert told[-3][1] == "10.0 (12.0)"
    assert told[-2][1] == ""  # it was not measured


def test_the_page_has_a_line_for_each_part_of_an_append_that_was_measured() -> None:
    told = rows(page.append_stages(stages()))
    assert told[0] == ["µs", "append of 20 ms"]
    assert told[2:] == [
        ["base64", "1.00 (1.50)"],
        ["*the whole, `trio-websocket`*", "400 (500)"],
    ]


def test_the_largest_part_of_a_sum_comes_first_and_what_is_no_sum_keeps_its_order() -> None:
    memory = rows(page.shares(stages().memory, "of it", "KiB", 1 / 1024, 1))
    assert memory[2:] == [["b", "3.0"], ["a", "1.0"], ["**together**", "**4.0**"]]
    first = rows(page.shares(stages().first, "by", "ms", 1000, 0, total=False))
    assert first[2:] == [["z", "20"], ["y", "30"]]


def test_where_a_response_done_goes_is_a_sentence() -> None:
    (said,) = page.done(stages())
    assert said.startswith("Of 12 µs, 3 are JSON and models, 3 whose response it is")
    assert said.endswith("and 1 garbage collection.")


def test_compression_is_told_if_it_was_measured() -> None:
    whole = stages()
    assert "not measured" in "".join(page.compression(whole))
    whole.compression = {"send": 5e-5, "receive": 1e-5, "saved": 0.25}
    assert "saves 25% of the bytes, and adds 50 µs to sending" in "".join(page.compression(whole))


def test_who_was_measured_has_a_column_and_what_was_measured_a_row() -> None:
    told = rows(page.beside(sample()))
    assert told[0] == ["", "trio_realtime", "openai-python", "bare trio-websocket"]
    assert told[2] == ["receive a small text delta", "15.0 µs", "47.5 µs", "7.50 µs"]
    assert told[-1][1:] == ["50.0 MB", "", ""]


def test_each_goal_is_met_or_not() -> None:
    told = rows(page.goals(sample()))
    assert all(len(row) == 6 for row in told)
    text, share, *_ = told[2:]
    assert text[1:] == ["the default", "openai-python", "3.00x, 2.50 to 3.50", "≥ 2", "met"]
    assert share[-1] == "**not met**"
    assert told[-1][2] == "itself"


def test_an_exponent_is_told_with_the_range_it_holds_in() -> None:
    told = rows(page.growth(sample()))
    assert told[0] == ["exponent", "from", "trio_realtime"]
    assert told[2:] == [["time for all events, by events received", "1 000 to 100 000", "1.00"]]
    assert [*page.growth(Results())][2:] == []


def test_the_machine_and_the_versions_are_a_sentence() -> None:
    assert [*page.machine(stages().facts)] == ["Measured on 2026-01-01, Linux, with Python 3.11.7."]
    facts = {"date": "a Monday", "state": "preliminary", "openai-python's openai": "3.52.0"}
    assert [*page.machine(facts)] == [
        "Measured on a Monday, with openai-python 3.52.0.",
        "This run is preliminary.",
    ]


def test_what_the_files_beside_the_benchmark_say_can_be_told() -> None:
    for name, part in page.parts(JSON.parent).items():
        assert all([*part()]), name


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/x/site-packages/trio/_core/_run.py", "Trio: tasks, nurseries, scopes, the socket"),
        (
            "<attrs generated methods trio._sync.Event>",
            "Trio: tasks, nurseries, scopes, the socket",
        ),
        ("/x/trio_realtime/events/_codec.py", "the session, as models"),
        ("/x/trio_realtime/_transport/_wire.py", "the transport"),
        ("/x/site-packages/wsproto/connection.py", "the transport"),
        ("/x/trio_realtime/_open.py", "the rest of ours"),
        ("/usr/lib/python3.11/contextlib.py", "the standard library"),
    ],
)
def test_memory_is_counted_where_it_was_asked_for(path: str, part: str) -> None:
    assert part_of(path, MEMORY_PARTS) == part


def test_a_module_counts_where_it_was_first_imported() -> None:
    said = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 | site
import time:        10 |         10 |     ssl
import time:        20 |         30 |   trio
import time:         5 |          5 |       typing_extensions
import time:        40 |         45 |     pydantic
import time:         3 |         48 |   trio_realtime.types._base
import time:         1 |          1 |   json
import time:         2 |         81 | trio_realtime
"""
    assert by_part(said.splitlines()) == pytest.approx(
        {
            "`types`, its models": 3e-6,
            "`events`, its models": 0,
            "the rest of ours": 3e-6,
            "Trio": 30e-6,
            "pydantic": 45e-6,
        }
    )
    assert set(IMPORT_PARTS) == set(by_part([]))


@pytest.mark.parametrize("kind", probes.EVENTS)
async def test_every_stage_of_an_event_is_measured(kind: str) -> None:
    measured = await probes.event_stages(kind, 2)
    assert {*STAGES, *EXTRAS} == set(measured)


def test_every_stage_of_an_append_is_measured() -> None:
    small, large = (probes.append_stages(size, 2) for size in probes.APPENDS.values())
    assert {"id", "base64", "frame, trio-websocket", "write"} <= set(small) <= set(APPENDING)
    assert set(small) - set(large) == {"write"}


def test_speech_gets_smaller_when_it_is_compressed() -> None:
    pytest.importorskip("websockets")
    assert 0.2 < probes.compression(1)["saved"] < 0.6
