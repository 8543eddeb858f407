"""Write the tables of `docs/simulated_server.md` from the code: `python -m nox -s docs`.

With `--check` nothing is written, and the exit status tells whether there was something to write.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from trio_realtime._core.simulator._evidence import NEVER_SENT, SECTIONS, TABLE
from trio_realtime._core.simulator._evidence_row import KINDS, Row

PAGE = Path(__file__).parent / "simulated_server.md"
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


PARTS = {"kinds": kinds, "table": table, "unproved": unproved, "never sent": never_sent}


def written(page: str) -> str:
    """The page with each part between its markers written anew."""
    for name, part in PARTS.items():
        begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        text = "\n".join(part()).strip()
        page = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return page


def main(arguments: Sequence[str]) -> int:
    old = PAGE.read_text(encoding="utf-8")
    new = written(old)
    if new == old:
        return 0
    if "--check" in arguments:
        print(f"docs/{PAGE.name} is not what the code says: run `{COMMAND}`", file=sys.stderr)
        return 1
    PAGE.write_text(new, encoding="utf-8")
    print(f"wrote docs/{PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
