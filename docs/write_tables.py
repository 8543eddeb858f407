"""Write the tables of the pages, and the picture: `python -m nox -s docs`.

Those of `simulated_server.md` come from the code; those of `performance.md`, and the picture, from
what was measured: `benchmarks/results.json` and `benchmarks/stages.json`. With `--check` nothing is
written, and the exit status tells whether there was something to write.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from trio_realtime._core.simulator._evidence import NEVER_SENT, SECTIONS, TABLE
from trio_realtime._core.simulator._evidence_row import KINDS, Row

DOCS = Path(__file__).parent
COMMAND = "python -m nox -s docs"


def code(text: str) -> str:
    return f"`{text}`"


def outcome(row: Row) -> str:
    if row.outcome == ("nothing",):
        return "*nothing*"
    return "<br>".join(code(step) for step in row.outcome)


def evidence(row: Row) -> str:
    source = row.source if row.link is None else f"[{row.source}]({row.link})"
    return f"**{row.evidence}**: {source}"


def cause(row: Row) -> str:
    return code(row.cause) if re.search(r"[._]", row.cause) else row.cause


def situation(row: Row) -> str:
    names = [f"session.{name}" for name in row.drivers]
    names += [] if row.variant is None else [f"{row.variant}="]
    return f"{row.when} ({', '.join(map(code, names))})" if names else row.when


def table() -> Iterator[str]:
    for heading, rows in SECTIONS.items():
        yield f"### {heading}"
        yield ""
        yield "| what happens | how | what the server sends | how we know |"
        yield "|---|---|---|---|"
        for row in rows:
            yield f"| {cause(row)} | {situation(row)} | {outcome(row)} | {evidence(row)} |"
        yield ""


def kinds() -> Iterator[str]:
    count = Counter(row.evidence for row in TABLE)
    yield "| evidence | what it is | rows |"
    yield "|---|---|---|"
    for kind, meaning in KINDS.items():
        yield f"| **{kind}** | {meaning} | {count[kind]} |"


def unproved() -> Iterator[str]:
    for kind in KINDS:
        if kind != "recorded":
            yield f"**{kind.capitalize()}**"
            yield ""
            for row in TABLE:
                if row.evidence == kind:
                    yield f"- {cause(row)}: {situation(row)}"
            yield ""


def never_sent() -> Iterator[str]:
    yield "| event | why |"
    yield "|---|---|"
    for kind, reason in NEVER_SENT.items():
        yield f"| {code(kind)} | {reason} |"


Parts = Mapping[str, Callable[[], Iterator[str]]]

PARTS: Parts = {
    "kinds": kinds,
    "table": table,
    "unproved": unproved,
    "never sent": never_sent,
}


def written(page: str, parts: Parts) -> str:
    """The page with each part between its markers written anew."""
    for name, part in parts.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = page.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"no place for {name!r}")
        text = "\n".join(part()).strip()
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return page


def files() -> Iterator[tuple[Path, str]]:
    """Each file that is written, and what it should say."""
    # Beside us and no part of the package; last, so that an installed package comes first.
    sys.path.append(str(DOCS.parent))
    from benchmarks import page, picture
    from benchmarks.results import Results

    measured = DOCS.parent / "benchmarks"
    yield DOCS / "performance.svg", picture.draw(Results.from_file(measured / "results.json"))
    for name, parts in (
        ("simulated_server.md", PARTS),
        ("performance.md", page.parts(measured)),
    ):
        path = DOCS / name
        yield path, written(path.read_text(encoding="utf-8"), parts)


def main(arguments: Sequence[str]) -> int:
    stale = [(path, text) for path, text in files() if path.read_text(encoding="utf-8") != text]
    for path, text in stale:
        if "--check" in arguments:
            print(f"docs/{path.name} is stale: run `{COMMAND}`", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote docs/{path.name}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
