"""`async with` blocks that Ctrl-C cannot tear.

`contextlib.asynccontextmanager` runs lines of its own, in the program's task, before it resumes the
generator it manages. A SIGINT that strikes there leaves the block without the generator: its
nursery stays open, and what runs in it goes on for ever. Here those lines are protected, as Trio
protects those of a nursery. This module does not know what a block does.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import wraps
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar, final

import trio

P = ParamSpec("P")
T = TypeVar("T")


@final
class _Block(Generic[T]):
    def __init__(self, manager: AbstractAsyncContextManager[T, bool | None]) -> None:
        self._manager: AbstractAsyncContextManager[T, bool | None] = manager

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> T:
        return await self._manager.__aenter__()

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return await self._manager.__aexit__(exc_type, exc, traceback)  # noqa: ASYNC102 - its own


def block(
    function: Callable[P, AsyncGenerator[T]],
) -> Callable[P, AbstractAsyncContextManager[T, bool | None]]:
    """Make an async context manager of a generator, with Ctrl-C held back from both of them.

    It is delivered where the generator waits, and inside the block.
    """
    manage = asynccontextmanager(function)

    @wraps(function)
    def open_block(*args: P.args, **kwargs: P.kwargs) -> _Block[T]:
        return _Block(manage(*args, **kwargs))

    return open_block
