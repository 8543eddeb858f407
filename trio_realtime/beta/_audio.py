"""How audio is set up in the beta dialect: formats by name, voices, transcription, turn detection.

What only Azure Voice Live has is here as well: it speaks this dialect, and adds to it.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, JsonValue

from trio_realtime import types
from trio_realtime.types import (
    CustomVoice,
    SemanticVad,
    UnknownTurnDetection,
    UnknownVoice,
    VoiceName,
)
from trio_realtime.types._base import SentModel
from trio_realtime.types._unknown import OPEN

AudioFormat: TypeAlias = Literal["pcm16", "g711_ulaw", "g711_alaw"]
"""What the bytes of audio mean: 16-bit samples at 24 kHz, or G.711 at 8 kHz."""

VoiceType: TypeAlias = Literal["openai", "azure-standard", "azure-custom", "azure-personal"]
"""Whose voices a `NamedVoice` is one of."""


class NamedVoice(SentModel):
    """A voice of Azure Voice Live.

    Its further settings go in a mapping: `voice={"type": "azure-standard", "name": ..., "rate":
    "1.2"}`.
    """

    name: str
    type: VoiceType | str | None = None


Voice: TypeAlias = Annotated[VoiceName | str | CustomVoice | NamedVoice | UnknownVoice, OPEN]
"""Whose voice the model speaks with."""


class InputTranscription(types.InputTranscription):
    """Transcription of what the user says, by a model of its own, beside the conversation."""

    custom_speech: JsonValue = None
    """Models of your own. Azure Voice Live only."""

    phrase_list: JsonValue = None
    """Words to listen for. Azure Voice Live only."""


class ServerVad(types.ServerVad):
    """Turn detection by silence.

    Example:
        ```python
        from trio_realtime.beta import ServerVad, SessionConfig

        session = SessionConfig(turn_detection=ServerVad(silence_duration_ms=700))
        ```
    """

    speech_duration_ms: int | None = None
    """How long a sound must last to be speech. Azure Voice Live only."""

    end_of_utterance_detection: JsonValue = None
    """A model that judges whether the user has finished. Azure Voice Live only."""

    auto_truncate: bool | None = None
    """Whether an interruption cuts the assistant's audio by itself. Azure Voice Live only."""

    appended_text_after_truncation: str | None = None
    """What to put in place of what was cut. Azure Voice Live only."""


TurnDetection: TypeAlias = Annotated[
    Annotated[ServerVad | SemanticVad, Field(discriminator="type")] | UnknownTurnDetection, OPEN
]
"""Who decides that the user's turn has ended. Null switches it off: your code commits.

Types that this release does not know, such as Azure's `azure_semantic_vad`, go in a mapping.
"""
