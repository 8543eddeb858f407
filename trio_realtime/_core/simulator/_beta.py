"""The beta dialect, at the edge of a session: what a client asks becomes GA, what it is told beta.

Two servers speak it: OpenAI's beta, which Azure's preview API still is, and Azure Voice Live. What
happens in between, and when, is all GA's. This module does not know it, nor what the time is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias, final

from pydantic import JsonValue

from trio_realtime._core.simulator._beta_shape import (
    HEARING,
    RESPONSE,
    SESSION,
    check_modalities,
    flat_format,
    flat_item,
    flat_part,
    flat_session,
    flat_text,
    ga_item,
    modalities_of,
    nested,
)
from trio_realtime._core.simulator._checks import Check, free, number, text
from trio_realtime._core.simulator._errors import RefusedError, wrong_session
from trio_realtime._core.simulator._frames import PARAMETERS, ClientFrame, Parameters
from trio_realtime._core.simulator._json import Object, at, object_of, objects_of, text_of

Flavour: TypeAlias = Literal["openai", "voice-live"]
"""Whose beta it is."""

BETA_PARAMETERS: Final[Parameters] = {
    **PARAMETERS,
    "transcription_session.update": PARAMETERS["session.update"],
}
"""The client events of the dialect."""

_RENAMED: Final = {
    "conversation.item.added": "conversation.item.created",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
}
"""Server events, by what GA calls them."""

TEMPERATURE: Final = 0.8
TEMPERATURES: Final = number(0.6, 1.2)

# Our choice: how many requests OpenAI lets through in a minute.
_REQUESTS: Final[Object] = {
    "name": "requests",
    "limit": 1000,
    "remaining": 999,
    "reset_seconds": 0.06,
}

_ASKED_MAX: Final = 1000
"""Of how many responses what they were asked for is remembered; the oldest go first."""


def _anything(value: JsonValue, where: str) -> None:
    """Whatever it is, it is shown and does nothing."""


def _voice(value: JsonValue, where: str) -> None:
    """A voice of Voice Live's: a name, or an object that has one."""
    (free if isinstance(value, dict) else text)(value, where)


# Settings that Voice Live has beside them, with what they begin with.
_MORE: Final[Object] = {
    "input_audio_sampling_rate": 24000,
    "animation": None,
    "input_audio_echo_cancellation": None,
    "avatar": None,
    "output_audio_timestamp_types": None,
    "truncation_strategy": None,
    "greeting": None,
    "handoff": None,
}
_MORE_OF: Final[Mapping[str, Object]] = {
    "input_audio_transcription": {"custom_speech": None, "phrase_list": None},
    "turn_detection": {
        "speech_duration_ms": None,
        "end_of_utterance_detection": None,
        "auto_truncate": False,
        "appended_text_after_truncation": None,
    },
}
# What it does not show.
_LESS: Final = ("speed", "tracing", "truncation", "prompt")

_OWN: Final[Mapping[Flavour, Mapping[str, Check]]] = {
    "openai": {"temperature": TEMPERATURES, "client_secret": free},
    "voice-live": {
        "temperature": TEMPERATURES,
        "voice": _voice,
        **dict.fromkeys(_MORE, _anything),
    },
}
"""The settings that GA does not have, or that it would refuse."""

_BEGINS: Final[Mapping[Flavour, Object]] = {
    "openai": {"temperature": TEMPERATURE, "modalities": ["audio", "text"]},
    "voice-live": {
        "temperature": None,
        "modalities": ["audio"],
        "voice": {"name": "alloy", "type": "openai"},
        **_MORE,
    },
}


@final
class Beta:
    """One session's edge. It keeps the settings that GA does not have."""

    def __init__(self, flavour: Flavour, kind: str) -> None:
        self._flavour: Flavour = flavour
        self._kind = kind
        self._own = dict(_BEGINS[flavour])
        self._pending: Object = {}
        self._asked: dict[str, Object] = {}
        self._told: Mapping[str, Callable[[Object], Object]] = {
            "session": self.session,
            "response": self._response,
            "item": flat_item,
            "part": flat_part,
        }

    @property
    def _is_openai(self) -> bool:
        return self._flavour == "openai"

    def asked(self, frame: ClientFrame) -> ClientFrame:
        """What a client asks, as GA asks it. `frame` is well formed.

        Raises:
            RefusedError: if it is nothing that this dialect knows.
        """
        self._pending = {}
        match frame.type:
            case "session.update" | "transcription_session.update":
                return self._update(frame)
            case "response.create":
                config = self._nested(object_of(frame.get("response")), "response")
                return ClientFrame({**frame, "response": config})
            case "conversation.item.create":
                item = ga_item(object_of(frame["item"]), "item", strict=self._is_openai)
                return ClientFrame({**frame, "item": item})
            case _:
                return frame

    def _update(self, frame: ClientFrame) -> ClientFrame:
        kind = "realtime" if frame.type == "session.update" else "transcription"
        if kind != self._kind:
            raise wrong_session(kind, self._kind)
        config = self._nested(object_of(frame["session"]), "session")
        asked = {**frame, "type": "session.update", "session": {"type": kind, **config}}
        return ClientFrame(asked)

    def _nested(self, flat: Object, where: str) -> Object:
        own = dict(_OWN[self._flavour])
        places = SESSION if where == "session" else RESPONSE
        if self._kind == "transcription":
            # That it takes modalities, and does nothing with them, is our choice.
            places, own = HEARING, {"client_secret": free, "modalities": check_modalities}
        elif where == "response":
            own = {name: check for name, check in own.items() if name in ("temperature", "voice")}
        modalities = flat.get("modalities")
        if modalities is not None and self._is_openai:
            check_modalities(modalities, f"{where}.modalities")
        config = nested(flat, places, own, where)
        self._pending = {name: each for name, each in flat.items() if name in self._own}
        if modalities is not None:
            self._pending["modalities"] = modalities_of(modalities, where)
        if isinstance(voice := self._pending.get("voice"), str):
            self._pending["voice"] = {"name": voice, "type": "openai"}
        return config

    def answering(self, response_id: str) -> None:
        """Note that what was asked last is this response."""
        asked: Object = {name: each for name, each in self._pending.items() if each is not None}
        if asked:
            self._asked[response_id] = asked
            if len(self._asked) > _ASKED_MAX:
                del self._asked[next(iter(self._asked))]

    def _updated(self) -> None:
        # Null is the default again.
        begins = _BEGINS[self._flavour]
        self._own |= {
            name: begins[name] if each is None else each for name, each in self._pending.items()
        }

    def told(self, frame: Object) -> Object | None:
        """What the client is told, or None if this dialect does not tell it."""
        kind = text_of(frame["type"])
        if kind == "session.updated":  # what was asked last has changed the session
            self._updated()
        if kind == "conversation.item.done" and not self._tells_done(frame):
            return None
        told: Object = {name: each for name, each in frame.items() if name != "obfuscation"}
        told["type"] = _RENAMED.get(kind, kind)
        for name, tell in self._told.items():
            if isinstance(each := told.get(name), dict):
                told[name] = tell(each)
        if kind.startswith("session.") and self._kind == "transcription":
            told["type"] = f"transcription_{kind}"
        elif kind == "conversation.item.input_audio_transcription.completed":
            told.pop("usage", None)
            told.pop("languages", None)
        elif kind == "rate_limits.updated" and self._is_openai:
            limits: list[JsonValue] = [_REQUESTS, *objects_of(told["rate_limits"])]
            told["rate_limits"] = limits
        elif kind == "response.content_part.done" and not self._is_openai:
            told["part"] = _emptied(object_of(told["part"]))
        return told

    def _tells_done(self, frame: Object) -> bool:
        """Voice Live tells it of what the user says."""
        spoken = any(
            part["type"] == "input_audio" for part in objects_of(at(frame, "item", "content"))
        )
        return spoken and not self._is_openai

    def session(self, session: Object) -> Object:
        """A session as it is shown here."""
        if self._kind == "transcription":
            return {**flat_session(session, HEARING), "client_secret": None}
        flat = flat_session(session, SESSION)
        flat["modalities"] = self._modalities(flat["modalities"], self._own)
        if self._is_openai:
            return {**flat, "temperature": self._own["temperature"], "client_secret": None}
        flat = {name: each for name, each in flat.items() if name not in _LESS}
        for name, more in _MORE_OF.items():
            if isinstance(each := flat[name], dict):
                flat[name] = {**each, **more}
        own = {name: each for name, each in self._own.items() if name not in _BEGINS["openai"]}
        return flat | own

    def _modalities(self, shown: JsonValue, own: Object) -> JsonValue:
        # What is asked for is text alone, or audio; whether with text beside it is kept here.
        return shown if shown == ["text"] else own["modalities"]

    def _response(self, response: Object) -> Object:
        own = {**self._own, **self._asked.get(text_of(response["id"]), {})}
        flat: Object = {
            name: each
            for name, each in response.items()
            if name not in ("output_modalities", "audio")
        }
        spoken = object_of(at(response, "audio", "output"))
        flat["output"] = [flat_item(item) for item in objects_of(response["output"])]
        flat["modalities"] = self._modalities(response["output_modalities"], own)
        flat["voice"] = own.get("voice", spoken["voice"])
        flat["output_audio_format"] = flat_format(spoken["format"])
        flat["temperature"] = own["temperature"]
        usage = response["usage"]
        if isinstance(usage, dict) and not self._is_openai:
            details = object_of(usage["output_token_details"])
            flat["usage"] = {**usage, "output_token_details": {**details, "reasoning_tokens": 0}}
        return flat


def _emptied(part: Object) -> Object:
    """Voice Live's parts end without their text, as recorded; a transcript is there."""
    return {**part, "text": ""} if part["type"] == "text" else part


def flat_refusal(error: RefusedError) -> RefusedError:
    """A refusal of GA's, with the names that the settings have here."""
    param = None if error.param is None else flat_text(error.param)
    return RefusedError(
        error.code,
        flat_text(error.message),
        param=param,
        type=error.type,
        names_event=error.names_event,
    )
