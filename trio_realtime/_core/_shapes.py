"""What a dialect calls the things that are made up here, where the server left them out.

This module does not know who needs them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from trio_realtime.types import AudioPart, OutputAudio, OutputText, Response, TextPart


class Shapes(NamedTuple):
    """The classes of one dialect."""

    response: type[Response]
    text: type[OutputText | TextPart]
    """A part of a message with text."""
    audio: type[OutputAudio | AudioPart]
    """A part of a message that was spoken."""


GA: Final = Shapes(Response, OutputText, OutputAudio)
