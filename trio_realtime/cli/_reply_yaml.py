"""Replies written in YAML: what may stand where, and errors that name the line.

This module does not know when a reply is given, nor how YAML is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Never, cast, final

from pydantic import JsonValue

from trio_realtime.cli._problem import ProblemError
from trio_realtime.cli._replies import Replies, Rule
from trio_realtime.cli._yaml import (
    Listing,
    Members,
    Scalar,
    Tree,
    json_from_tree,
    tree_from_yaml,
)
from trio_realtime.testing import (
    Action,
    Answer,
    CallMcp,
    CallTool,
    Echo,
    Fail,
    Incomplete,
    Refuse,
    Say,
    Silence,
    Together,
)

_SECONDS_MAX: Final = 86400.0


@dataclass(frozen=True, slots=True)
class _Shape:
    """How an action is written: `name: VALUE` for its short field, or `name: {field: VALUE}`."""

    make: type[Say | CallTool | CallMcp | Fail | Incomplete | Refuse | Silence]
    short: str
    fields: Mapping[str, str]
    is_required: bool = True


_SHAPES: Final[Mapping[str, _Shape]] = {
    "say": _Shape(Say, "text", {"text": "text", "phase": "phase"}),
    "call": _Shape(CallTool, "name", {"name": "text", "arguments": "arguments"}),
    "call_mcp": _Shape(
        CallMcp,
        "name",
        {
            "name": "text",
            "arguments": "arguments",
            "output": "text",
            "error": "text",
            "server_label": "text",
            "seconds": "seconds",
        },
    ),
    "fail": _Shape(
        Fail, "code", {"code": "text", "type": "text", "message": "text"}, is_required=False
    ),
    "incomplete": _Shape(Incomplete, "reason", {"reason": "reason"}, is_required=False),
    "refuse": _Shape(Refuse, "code", {"code": "text", "message": "text", "type": "text"}),
    "silence": _Shape(Silence, "seconds", {"seconds": "seconds"}, is_required=False),
}
"""The actions but `together`, which holds several of them."""

_CHOICES: Final = {
    "phase": ("commentary", "final_answer"),
    "reason": ("content_filter", "max_output_tokens"),
}

_ACTIONS: Final = (*_SHAPES, "together")
_WORDS: Final[Mapping[str, Action | Echo]] = {"silence": Silence(), "echo": Echo()}
_WHEN: Final = ("text", "output_of")
_ALLOWED: Final = f"write a text, {', '.join(_WORDS)}, or one of {', '.join(_ACTIONS)}"


def replies_from_yaml(path: Path) -> Replies:
    """Read a file of replies.

    Raises:
        ProblemError: if it cannot be read; its text names the line, and what may stand there.
        OSError: if there is no such file.
    """
    tree = tree_from_yaml(path)
    if tree is None:
        raise ProblemError(f"{path}: it holds no replies: {_ALLOWED}")
    return _Reader(path).replies(tree)


@final
class _Reader:
    """What is in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def replies(self, tree: Tree) -> Replies:
        replies: list[Answer] = []
        rules: list[Rule] = []
        default: Answer | None = None
        for entry in tree.entries if isinstance(tree, Listing) else [tree]:
            if isinstance(entry, Members) and entry.values.keys() & {"when", "reply"}:
                rules.append(self._rule(entry))
            elif isinstance(entry, Members) and "default" in entry.values:
                self._check_names(entry, ["default"], "a default")
                if default is not None:
                    raise self._problem(entry, "there is a default already")
                default = self._reply(entry.values["default"])
            else:
                replies.append(self._reply(entry))
        return Replies(replies, rules=rules, default=default)

    def _rule(self, rule: Members) -> Rule:
        self._check_names(rule, ["when", "reply"], "a rule")
        for name in ("when", "reply"):
            if name not in rule.values:
                raise self._problem(rule, f"a rule needs {name}")
        when = rule.values["when"]
        if not isinstance(when, Members) or len(when.values) != 1:
            raise self._problem(when, "when takes one of text: REGEX and output_of: FUNCTION")
        self._check_names(when, _WHEN, "when")
        reply = self._reply(rule.values["reply"])
        ((name, value),) = when.values.items()
        said = self._text(value, name)
        if name == "output_of":
            return Rule(reply, output_of=said)
        try:
            return Rule(reply, text=re.compile(said, re.IGNORECASE))
        except re.error as exc:
            raise self._problem(value, f"{said!r} is no regular expression: {exc}") from exc

    def _reply(self, tree: Tree) -> Answer:
        if isinstance(tree, Listing):
            return [self._part(each) for each in tree.entries]
        return self._part(tree)

    def _part(self, tree: Tree) -> Action | Echo:
        if isinstance(tree, Listing):
            raise self._problem(tree, f"a list in a list is no reply: {_ALLOWED}")
        if isinstance(tree, Scalar):
            said = self._text(tree, "a reply")
            # In quotes it is a text in any case.
            return _WORDS.get(said, Say(said)) if tree.is_plain else Say(said)
        self._check_names(tree, _ACTIONS, "a reply")
        if len(tree.values) != 1:
            said = f"a reply is one of {', '.join(_ACTIONS)}; for several, write a list"
            raise self._problem(tree, said)
        ((name, value),) = tree.values.items()
        return self._together(value) if name == "together" else self._action(name, value)

    def _together(self, tree: Tree) -> Action:
        parts = [self._part(each) for each in tree.entries] if isinstance(tree, Listing) else []
        overlapping = [each for each in parts if isinstance(each, Say | CallTool | CallMcp)]
        if not parts or len(overlapping) != len(parts):
            raise self._problem(tree, "together takes a list of say, call and call_mcp")
        return Together(*overlapping)

    def _action(self, name: str, tree: Tree) -> Action:
        shape = _SHAPES[name]
        if isinstance(tree, Members):
            self._check_names(tree, shape.fields, name)
            members = tree.values
        elif isinstance(tree, Scalar) and tree.value is None and not shape.is_required:
            members = dict[str, Tree]()
        else:
            members = {shape.short: tree}
        if shape.is_required and shape.short not in members:
            raise self._problem(tree, f"{name} needs {shape.short}")
        fields = {
            field: self._field(value, f"{name} {field}", shape.fields[field])
            for field, value in members.items()
        }
        # The table knows the types, field by field; no annotation can tell.
        return shape.make(**cast("Mapping[str, Never]", fields))

    def _field(self, tree: Tree, name: str, kind: str) -> object:
        if kind == "seconds":
            return self._seconds(tree, name)
        if kind == "arguments":
            return self._arguments(tree, name)
        said = self._text(tree, name)
        if said not in _CHOICES.get(kind, (said,)):
            raise self._problem(tree, f"{name} is {' or '.join(_CHOICES[kind])}, not {said!r}")
        return said

    def _text(self, tree: Tree, name: str) -> str:
        if not isinstance(tree, Scalar) or tree.value is None:
            raise self._problem(tree, f"{name} takes a text")
        return tree.text

    def _seconds(self, tree: Tree, name: str) -> float:
        value = tree.value if isinstance(tree, Scalar) else None
        if (
            isinstance(value, int | float)
            and 0 <= value <= _SECONDS_MAX
            and not isinstance(value, bool)
        ):
            return float(value)
        raise self._problem(tree, f"{name} takes a number, from 0 to {_SECONDS_MAX:g}")

    def _arguments(self, tree: Tree, name: str) -> JsonValue:
        if isinstance(tree, Listing):
            raise self._problem(tree, f"{name} takes names with values, or a text")
        return self._text(tree, name) if isinstance(tree, Scalar) else json_from_tree(tree)

    def _check_names(self, members: Members, allowed: Iterable[str], what: str) -> None:
        known = list(allowed)
        for name, line in members.lines.items():
            if name not in known:
                close = get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]}? " if close else ""
                said = f"{what} has no {name!r}: {hint}it takes {', '.join(known)}"
                raise ProblemError(f"{self._path}:{line}: {said}")

    def _problem(self, tree: Tree, said: str) -> ProblemError:
        return ProblemError(f"{self._path}:{tree.line}: {said}")
