"""The parts of a message: text, audio, images.

Items hold `input_*` and `output_*` parts; the events that announce a part of a response, and what
`conversation.item.retrieved` returns, call the same things plain `text` and `audio`. All of them go
both ways, and so keep what they do not know.
"""

from typing import Annotated, Literal, TypeAlias, final

from pydantic import Field

from trio_realtime.types._base import Audio, ReceivedModel, Unrecognised
from trio_realtime.types._unknown import OPEN, Unknown

ImageDetail: TypeAlias = Literal["auto", "low", "high", "original"]
"""How closely the model looks at an image, or at the pages of a file."""

CacheBreakpointMode: TypeAlias = Literal["explicit"]
"""Where a prompt cache breakpoint is set."""


class PromptCacheBreakpoint(ReceivedModel):
    """A place in a stored prompt up to which the server may cache."""

    mode: CacheBreakpointMode | Unrecognised | None = None


class InputText(ReceivedModel):
    """Text from the user, or from the system."""

    type: Literal["input_text"] = "input_text"
    text: str | None = None

    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None
    """Only in the variables of a stored prompt."""


class InputAudio(ReceivedModel):
    """Speech from the user.

    Items that the server made of the input buffer come without the samples; retrieve the item to
    get them.
    """

    type: Literal["input_audio"] = "input_audio"
    audio: Audio | None = None
    """Samples in the session's input format; base64 on the wire."""

    transcript: str | None = None
    """What was said. Null until transcription is done, and always null where it is off. The model
    does not read it."""

    format: str | None = None
    """The old name of the format, such as `pcm16`, that some servers add to retrieved audio."""


class InputImage(ReceivedModel):
    """An image from the user."""

    type: Literal["input_image"] = "input_image"
    image_url: str | None = None
    """A data URL with a PNG or JPEG; its repr is only its length."""

    detail: ImageDetail | Unrecognised | None = None
    file_id: str | None = None
    """An uploaded file in place of the URL; only in the variables of a stored prompt."""

    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class InputFile(ReceivedModel):
    """A file; only in the variables of a stored prompt."""

    type: Literal["input_file"] = "input_file"
    file_id: str | None = None
    filename: str | None = None
    file_data: str | None = Field(default=None, repr=False)
    """The file itself, encoded as a data URL."""

    file_url: str | None = None
    detail: ImageDetail | Unrecognised | None = None
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class OutputText(ReceivedModel):
    """Text from the assistant."""

    type: Literal["output_text"] = "output_text"
    text: str | None = None


class OutputAudio(ReceivedModel):
    """Speech from the assistant.

    The samples come in `response.output_audio.delta` events and not here. The server does not take
    assistant audio back: `as_input` turns it into text.
    """

    type: Literal["output_audio"] = "output_audio"
    audio: Audio | None = None
    """Samples in the session's output format; base64 on the wire."""

    transcript: str | None = None
    """What is said."""


class TextPart(ReceivedModel):
    """Text, under the name that events about the parts of a response give it."""

    type: Literal["text"] = "text"
    text: str | None = None


class AudioPart(ReceivedModel):
    """Speech, under the name that events about the parts of a response give it."""

    type: Literal["audio"] = "audio"
    audio: Audio | None = None
    """Samples; base64 on the wire."""

    transcript: str | None = None
    """What is said; empty when the part is added, whole when it is done."""

    format: str | None = None
    """The old name of the format, such as `pcm16`, that some servers add to retrieved audio."""


@final
class UnknownContentPart(Unknown):
    """A content part of a type that this release does not know, or one that does not validate."""

    __slots__ = ()


SystemContent: TypeAlias = Annotated[InputText | UnknownContentPart, OPEN]
"""A part of a system message."""

UserContent: TypeAlias = Annotated[
    Annotated[InputText | InputAudio | InputImage, Field(discriminator="type")]
    | UnknownContentPart,
    OPEN,
]
"""A part of a user message."""

AssistantContent: TypeAlias = Annotated[
    Annotated[OutputText | OutputAudio | TextPart | AudioPart, Field(discriminator="type")]
    | UnknownContentPart,
    OPEN,
]
"""A part of an assistant message."""

ResponsePart: TypeAlias = Annotated[
    Annotated[TextPart | AudioPart, Field(discriminator="type")] | UnknownContentPart, OPEN
]
"""A part of a response, as the events about parts show it."""

PromptVariable: TypeAlias = Annotated[
    str
    | Annotated[InputText | InputImage | InputFile, Field(discriminator="type")]
    | UnknownContentPart,
    OPEN,
]
"""What a variable of a stored prompt may hold."""

ContentPart: TypeAlias = (
    InputText
    | InputAudio
    | InputImage
    | InputFile
    | OutputText
    | OutputAudio
    | TextPart
    | AudioPart
    | UnknownContentPart
)
"""Any content part."""
