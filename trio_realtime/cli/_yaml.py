"""YAML as a tree that knows its lines, with words that mean what they mean in JSON.

A number, `true`, `false` and `null` are what they are in JSON; every other word is a text, also
`no` and `12:30`, which YAML 1.1 takes for false and 750. This module does not know what the file
is for.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, cast, final

import yaml
from pydantic import JsonValue

from trio_realtime.cli._problem import ProblemError

_JSON_WORD: Final = re.compile(
    # No longer than an integer may be that Python reads.
    r"true|false|null|-?(?:0|[1-9][0-9]{0,999})(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?"
)


@final
@dataclass(frozen=True, slots=True)
class Scalar:
    """A word or a text."""

    line: int
    text: str
    value: JsonValue
    is_plain: bool
    """Whether it stands without quotes."""


@final
@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    line: int
    entries: Sequence[Tree]


@final
@dataclass(frozen=True, slots=True)
class Members:
    """Names with values."""

    line: int
    values: Mapping[str, Tree]
    lines: Mapping[str, int]
    """Where each name stands."""


Tree: TypeAlias = Scalar | Listing | Members
"""What a file holds."""


def tree_from_yaml(path: Path) -> Tree | None:
    """Read a file; None if there is nothing in it.

    Raises:
        ProblemError: if it is no YAML; its text names the line.
        OSError: if it cannot be read.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ProblemError(f"{path}: not UTF-8: {exc.reason} at byte {exc.start}") from exc
    try:
        root: yaml.Node | None = yaml.compose(text, yaml.SafeLoader)
        return None if root is None else _tree(root, path, frozenset())
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        raise ProblemError(f"{path}:{line}: not YAML: {exc.reason}") from exc
    except yaml.MarkedYAMLError as exc:
        line = 1 if exc.problem_mark is None else exc.problem_mark.line + 1
        raise ProblemError(f"{path}:{line}: not YAML: {exc.problem}") from exc
    except RecursionError as exc:
        raise ProblemError(f"{path}: it is nested too deeply") from exc


def _tree(node: yaml.Node, path: Path, above: frozenset[int]) -> Tree:
    line = node.start_mark.line + 1
    if id(node) in above:
        raise ProblemError(f"{path}:{line}: it holds itself")
    above |= {id(node)}
    if isinstance(node, yaml.SequenceNode):
        entries = cast("list[yaml.Node]", node.value)
        return Listing(line, [_tree(each, path, above) for each in entries])
    if isinstance(node, yaml.MappingNode):
        values: dict[str, Tree] = {}
        lines: dict[str, int] = {}
        for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ProblemError(f"{path}:{at}: a name is a word or a text")
            name = str(key.value)
            if name in values:
                raise ProblemError(f"{path}:{at}: {name} stands here twice")
            values[name], lines[name] = _tree(value, path, above), at
        return Members(line, values, lines)
    assert isinstance(node, yaml.ScalarNode)
    text, is_plain = str(node.value), node.style is None
    return Scalar(line, text, _value(text) if is_plain else text, is_plain)


def _value(word: str) -> JsonValue:
    if not word:
        return None
    if _JSON_WORD.fullmatch(word) is None:
        return word
    value: JsonValue = json.loads(word)
    return word if isinstance(value, float) and math.isinf(value) else value


def json_from_tree(tree: Tree) -> JsonValue:
    """Read the tree as JSON."""
    if isinstance(tree, Scalar):
        return tree.value
    if isinstance(tree, Listing):
        return [json_from_tree(each) for each in tree.entries]
    return {name: json_from_tree(each) for name, each in tree.values.items()}
