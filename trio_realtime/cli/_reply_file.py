"""The file that `serve --reply` takes: YAML, or Python of the user's own.

What goes wrong in it is told in one line with its place, before serving and while; a server that
others talk to goes on. This module does not know what a reply looks like.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Final, TypeGuard, cast, final

from pydantic import JsonValue

from trio_realtime.cli._problem import ProblemError
from trio_realtime.cli._replies import Replies, is_function
from trio_realtime.testing import Answer, Conversation, Fail, ReplyFunction, SimulatedSession
from trio_realtime.testing._responders import parts_of_answer

_YAML: Final = frozenset({".yaml", ".yml", ".json"})  # YAML holds JSON
_MODULE: Final = "trio_realtime_serve_reply"
_SHAPE: Final = "write reply(session, conversation, create), or REPLY with an answer or a list"


def replies_from_file(path: Path, tell: Callable[[str], None]) -> ReplyFunction:
    """Read a file of replies.

    Args:
        path: The file.
        tell: Is told, in one line, of what goes wrong in it while serving.

    Raises:
        ProblemError: if it cannot be used; its text names the line.
    """
    try:
        if path.suffix.lower() == ".py":
            return _Guarded(_function_from_python(path), path, tell)
        if path.suffix.lower() in _YAML:
            # Imported when it is needed: who serves without a file needs no YAML.
            from trio_realtime.cli._reply_yaml import replies_from_yaml

            return _Guarded(replies_from_yaml(path), path, tell)
    except OSError as exc:
        raise ProblemError(f"{path}: {exc.strerror}") from exc
    raise ProblemError(f"{path}: --reply takes a file that ends in .yaml, .yml, .json or .py")


def _function_from_python(path: Path) -> ReplyFunction:
    found = vars(_module_from_python(path))
    if "reply" in found and "REPLY" in found:
        raise ProblemError(f"{path}: it has both reply and REPLY: leave one of them")
    said: object = found.get("reply", found.get("REPLY"))
    if said is None:
        raise ProblemError(f"{path}: it has neither reply nor REPLY: {_SHAPE}")
    if is_function(said):
        return said
    entries = cast("list[object]", said) if isinstance(said, list) else [said]
    for number, each in enumerate(entries, 1):
        try:
            _ = is_function(each) or parts_of_answer(each)
        except TypeError as exc:
            raise ProblemError(f"{path}: entry {number} of REPLY: {exc}; {_SHAPE}") from exc
    return Replies(cast("list[Answer | ReplyFunction]", entries))


def _module_from_python(path: Path) -> object:
    spec = importlib.util.spec_from_file_location(_MODULE, path)
    assert spec is not None  # the suffix says that it is Python
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE] = module  # as dataclasses ask for
    sys.path.insert(0, str(path.resolve().parent))  # as `python FILE` does
    try:
        spec.loader.exec_module(module)
    except OSError as exc:
        if exc.filename != os.path.abspath(path):
            raise ProblemError(_told(path, exc)) from exc
        raise
    except (Exception, SystemExit) as exc:
        raise ProblemError(_told(path, exc)) from exc
    return module


def _told(path: Path, exc: BaseException) -> str:
    """One line: where in the file, and what."""
    if isinstance(exc, SyntaxError) and exc.filename == os.path.abspath(path):
        return f"{path}:{exc.lineno}: {exc.msg}"
    said = " ".join("".join(traceback.format_exception_only(exc)).split())
    line = _line_in(path, exc.__traceback__)
    return f"{path}: {said}" if line is None else f"{path}:{line}: {said}"


def _line_in(path: Path, trace: TracebackType | None) -> int | None:
    file = os.path.abspath(path)
    lines = [
        number for frame, number in traceback.walk_tb(trace) if frame.f_code.co_filename == file
    ]
    return lines[-1] if lines else None


@final
class _Guarded:
    """A `ReplyFunction` that never raises: it tells, and the response fails."""

    def __init__(self, function: ReplyFunction, path: Path, tell: Callable[[str], None]) -> None:
        self._function = function
        self._path = path
        self._tell = tell

    def __call__(
        self, session: SimulatedSession, conversation: Conversation, create: dict[str, JsonValue]
    ) -> Answer | Awaitable[Answer]:
        try:
            said: object = self._function(session, conversation, create)
            return self._later(said) if _is_awaitable(said) else parts_of_answer(said)
        except Exception as exc:  # noqa: BLE001 - it is the user's code, and the server goes on
            return self._failed(exc)

    async def _later(self, said: Awaitable[object]) -> Answer:
        try:
            return parts_of_answer(await said)
        except Exception as exc:  # noqa: BLE001 - it is the user's code, and the server goes on
            return self._failed(exc)

    def _failed(self, exc: Exception) -> Answer:
        self._tell(_told(self._path, exc))
        return Fail()


def _is_awaitable(said: object) -> TypeGuard[Awaitable[object]]:
    return isinstance(said, Awaitable)
