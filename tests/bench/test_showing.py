"""Tables, picture and command line: what a reader gets to see."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from benchmarks.__main__ import JSON, PICTURE, main
from benchmarks.picture import draw
from benchmarks.results import Results
from benchmarks.rows import NODE, OPENAI, OURS, OURS_WEBSOCKETS, TRIO_WEBSOCKET, WEBSOCKETS
from benchmarks.running import Rivals, last_line
from benchmarks.table import show
from tests.bench.sample import sample

SVG = "{http://www.w3.org/2000/svg}"


def shown(results: Results) -> list[str]:
    output = StringIO()
    show(results, Console(file=output, width=160))
    return [" ".join(line.split()) for line in output.getvalue().splitlines()]


def test_a_goal_is_said_to_be_met_or_not() -> None:
    lines = shown(sample())
    assert any("openai-python │ 3.00x │ as fast │ 2.50 to 3.50 │ ≥ 2 │ met" in x for x in lines)
    assert any("trio-websocket │ 2.00x │ the time" in x and "not met" in x for x in lines)
    assert any("2.40x │ the memory" in x and "≤ 2 │ not met" in x for x in lines)


def test_the_exponent_is_in_the_table_with_its_range() -> None:
    assert any("1 000 … 100 000" in x and "1.00" in x for x in shown(sample()))


def test_who_is_left_out_is_said_with_the_reason() -> None:
    assert "left out: trio_realtime on websockets: no [such] module" in shown(sample())


def test_what_failed_for_one_reason_is_said_together() -> None:
    assert "failed: done, ours; audio, ours: it broke" in shown(sample())


def test_a_smaller_scale_is_said() -> None:
    results = sample()
    results.facts["scale"] = "0.1"
    assert any("at 0.1 of its scale" in line for line in shown(results))


def test_no_results_are_no_tables() -> None:
    assert shown(Results()) == []


def test_the_picture_has_a_bar_for_each_client_and_its_figure() -> None:
    picture = ET.fromstring(draw(sample()))
    bars = [each.get("class") for each in picture.iter(f"{SVG}rect")]
    assert bars.count(OURS) == 3  # two groups, and the legend
    assert OURS_WEBSOCKETS not in bars
    texts = ["".join(each.itertext()) for each in picture.iter(f"{SVG}text")]
    assert {"15.0 µs", "47.5 µs", "20.0 kB", "receive a small text delta"} <= set(texts)
    assert "… 60.0 kB" in texts  # a bar that is cut


def test_the_picture_is_told_in_words_and_made_for_light_and_dark() -> None:
    text = draw(sample())
    picture = ET.fromstring(text)
    title = picture.find(f"{SVG}title")
    assert title is not None
    assert title.text is not None
    assert "15.0 µs beside 47.5 µs of openai-python" in title.text
    assert "prefers-color-scheme: dark" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_the_picture_in_the_docs_is_what_the_figures_beside_it_say() -> None:
    assert PICTURE.read_text("utf-8") == draw(Results.from_file(JSON))


def test_figures_can_be_shown_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, picture = tmp_path / "results.json", tmp_path / "picture.svg"
    file.write_text(sample().to_json(), "utf-8")
    assert main(["--draw", str(file), "--picture", str(picture)]) == 1  # a row had failed
    assert "receive a small text delta" in capsys.readouterr().out
    assert picture.read_text("utf-8") == draw(sample())


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--only", "text,speed"], "rows are text, audio"),
        (["--only", ","], "rows are text, audio"),
        (["--rounds", "0"], "--rounds"),
        (["--scale", "0"], "--scale"),
        (["--clock", "sun"], "--clock"),
    ],
)
def test_wrong_options_are_named(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(argv)
    assert said in capsys.readouterr().err


def test_rivals_that_are_not_there_are_left_out_with_a_reason(tmp_path: Path) -> None:
    missing = Rivals(None, None).missing()
    assert "--openai-python" in missing[OPENAI]
    assert "npm install" in missing[NODE]
    missing = Rivals(str(tmp_path / "no-python"), str(tmp_path)).missing()
    assert "No such file" in missing[OPENAI]
    assert NODE in missing  # no node, or no package in this folder
    assert not {OURS, TRIO_WEBSOCKET} & set(missing)


def test_each_client_is_a_program_of_its_own() -> None:
    rivals = Rivals("their-python", "their-folder")
    work: dict[str, int | float | str] = {"load": "text", "count": 5}
    programs = {
        OURS: "benchmarks.clients.ours",
        OURS_WEBSOCKETS: '"transport": "websockets"',
        OPENAI: "their-python -m benchmarks.clients.openai_python",
        TRIO_WEBSOCKET: '"library": "trio-websocket"',
        WEBSOCKETS: '"library": "websockets"',
        NODE: "node benchmarks/clients/openai_node.cjs",
    }
    for client, said in programs.items():
        assert said in " ".join(rivals.command(client, work))
    assert "from openai import" in rivals.command(OPENAI, {"load": "import"})[-1]
    hour = rivals.command(OURS, {"load": "hour", "minutes": 60})
    assert hour[-2:] == ["benchmarks.clients.hour", '{"minutes": 60}']


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Traceback\n  File\nValueError: no\n", "ValueError: no"),
        ("  | trio.Broken: gone\n  +------------\n", "trio.Broken: gone"),
        ("Error: no\n    at Object.<anonymous>\n\nNode.js v20.20.2\n", "Error: no"),
        ("", "it ended without a word"),
    ],
)
def test_the_line_that_names_an_error_is_found(text: str, line: str) -> None:
    assert last_line(text) == line
