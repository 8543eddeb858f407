"""What tests of the beta dialect need: its classes by wire name, and golden samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from pydantic import BaseModel, JsonValue

from tests.wire import event_classes, golden
from trio_realtime import beta

GOLDEN = Path(__file__).parents[1] / "data" / "beta"

SERVER_CLASSES = event_classes(beta.ServerEvent)
CLIENT_CLASSES = event_classes(beta.ClientEvent)
CLASSES = SERVER_CLASSES | CLIENT_CLASSES

OWN = {
    "response.audio.delta",
    "response.audio.done",
    "response.audio_transcript.delta",
    "response.audio_transcript.done",
    "response.create",
    "response.created",
    "response.done",
    "response.text.delta",
    "response.text.done",
    "session.created",
    "session.update",
    "session.updated",
    "transcription_session.created",
    "transcription_session.update",
    "transcription_session.updated",
}
"""The events that GA does not have, or has with something else inside."""

BEYOND = {
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.timeout_triggered",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "mcp_list_tools.in_progress",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_call.in_progress",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_text.delta",
    "response.output_text.done",
    "transcription_session.created",
}
"""The events that OpenAI's beta does not have, but other servers of the dialect."""


def beta_golden(wire_name: str) -> dict[str, JsonValue]:
    """The golden sample of an event: the dialect's own, or GA's where nothing differs."""
    path = GOLDEN / f"{wire_name}.json"
    if not path.is_file():
        return golden(wire_name)
    return cast("dict[str, JsonValue]", json.loads(path.read_text(encoding="utf-8")))


def beta_models() -> dict[str, type[BaseModel]]:
    """Every model that the beta dialect exports, by its name."""
    return {
        name: cls
        for name in beta.__all__
        if isinstance(cls := getattr(beta, name), type) and issubclass(cls, BaseModel)
    }
