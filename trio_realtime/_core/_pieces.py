"""A text that comes in pieces, and that the server now and then tells as a whole.

This module does not know what the text is: spoken, written, or the arguments of a call.

A piece only appends to a list; joining is left to who asks. Servers tell the whole up to four times
(of the text, its part, its item and its response), and not all of them stream it before, so what a
whole adds to the pieces is a piece too. Some tell it *before* the last pieces: those bring nothing
new then.
"""

from __future__ import annotations

from typing import final


@final
class Pieces:
    """One text, as far as it is known."""

    __slots__ = ("_ahead", "_is_final", "_pieces", "_was_told", "_whole")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._whole: str | None = None
        self._ahead = ""
        self._was_told = False
        self._is_final = False

    @property
    def text(self) -> str:
        """What the server told last, or else all pieces."""
        return self._joined() if self._whole is None else self._whole

    def add(self, piece: str) -> str:
        """Add a piece; what of it is new is returned."""
        if self._was_told:
            return self._add_late(piece)
        self._pieces.append(piece)
        return piece

    def tell(self, whole: str | None, *, is_final: bool = False) -> str:
        """Take the server's word for the whole; what the pieces lacked at the end is returned.

        A whole that does not begin with the pieces is the text from now on. What was handed on
        piece by piece cannot be taken back, so nothing is returned then.

        Args:
            whole: The text. Empty or None says nothing: some servers leave it out.
            is_final: Whether no piece can follow: one that does is a duplicate.
        """
        self._was_told = True
        self._is_final |= is_final
        if not whole:
            return ""
        given = self._joined()
        if not whole.startswith(given):
            self._whole = whole
            return ""
        self._whole = None
        self._pieces = [whole]
        rest = whole[len(given) :]
        self._ahead += rest
        return rest

    def _add_late(self, piece: str) -> str:
        if self._is_final:
            return ""
        ahead = self._ahead
        if ahead.startswith(piece):
            self._ahead = ahead[len(piece) :]
            return ""
        self._ahead = ""
        new = piece.removeprefix(ahead)
        self._pieces.append(new)
        self._whole = None
        return new

    def _joined(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""
