"""Which of several failures a test is told of: the script's, the client's, or the test's own.

When a script fails, the client it was talking to fails too, in whichever way it has; when a test
fails, it leaves its client, and the script waits in vain. Only the first of each pair is worth
reading. This module does not know what failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast, final

import trio


@final
class Failures:
    """What failed in the scripts of one server, wherever it was noticed."""

    def __init__(self, end_block: Callable[[], None]) -> None:
        self._end_block = end_block
        self.first: Exception | None = None
        """What ended the server's block."""
        self._raised: list[AssertionError] = []
        self._consequences: list[AssertionError] = []

    def add(self, error: Exception) -> None:
        """End the server's block for this failure, if it is the first; else note it there."""
        if self.first is None:
            self.first = error
            self._end_block()
        elif not self._is_consequence(error):
            self.first.add_note(f"and after it: {type(error).__name__}: {error}")

    def note(self, error: AssertionError, *, consequence: bool) -> None:
        """Remember a failure that is raised where a script waits.

        A consequence tells only that the client is gone: what made it go is the better answer.
        """
        self._raised.append(error)
        if consequence:
            self._consequences.append(error)

    def told(self, own: BaseException | None) -> Exception | None:
        """Choose what to raise in place of `own`, which leaves the block; None for `own` itself."""
        failure = self._script_failure(own)
        if failure is None or failure is own:
            return None
        rest = own
        if isinstance(own, BaseExceptionGroup):
            group = cast("BaseExceptionGroup[BaseException]", own)
            rest = group.split(lambda leaf: leaf is failure)[1]
        others = [leaf for leaf in _leaves(rest) if not isinstance(leaf, trio.Cancelled)]
        if any(not isinstance(leaf, Exception) for leaf in others):
            return None  # Ctrl-C is nobody's failure
        if others and self._is_consequence(failure):
            others[0].add_note(f"meanwhile, in the script: {failure}")
            return None
        if others:
            failure.__context__ = rest
        return failure

    def _script_failure(self, own: BaseException | None) -> Exception | None:
        """The script's failure, without the groups that its nurseries put around it."""
        leaves = list(_leaves(self.first or own))
        noted = [leaf for leaf in self._raised if any(leaf is each for each in leaves)]
        if noted and (self.first is None or len(leaves) == 1):
            return noted[0]
        return self.first

    def _is_consequence(self, failure: Exception) -> bool:
        return any(failure is each for each in self._consequences)


def _leaves(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(each)
    elif error is not None:
        yield error
