"""`conn.session`: what the session is, and changing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, final

from pydantic import JsonValue

from trio_realtime._connection import Caller
from trio_realtime._resources._frame import (
    UNSET,
    JsonObject,
    Unset,
    frame_from_fields,
    given,
    not_both,
    readable_part,
    with_extra_fields,
)
from trio_realtime.events import SessionUpdate, SessionUpdated
from trio_realtime.types import RealtimeSessionConfig, Session, TranscriptionSessionConfig

if TYPE_CHECKING:
    from trio_realtime.types import (
        AudioConfig,
        Include,
        Modality,
        Prompt,
        RealtimeModel,
        Reasoning,
        Tool,
        ToolChoice,
        TracingConfig,
        TracingOption,
        TranscriptionAudioConfig,
        Truncation,
        Unlimited,
    )
    from trio_realtime.types._base import ClientModel


@final
class SessionResource:
    """The session of a connection."""

    def __init__(self, caller: Caller) -> None:
        self._caller: Caller = caller

    @property
    def current(self) -> Session | None:
        """The session in effect, as the server reported it last.

        None before it has: on a sideband the server tells nothing until the first `update`.
        """
        current = self._caller.current_session
        return current if isinstance(current, Session) else None

    async def update(
        self,
        session: RealtimeSessionConfig | TranscriptionSessionConfig | JsonObject | None = None,
        *,
        audio: AudioConfig | TranscriptionAudioConfig | JsonObject | Unset | None = UNSET,
        include: Sequence[Include | str] | Unset | None = UNSET,
        instructions: str | Unset | None = UNSET,
        max_output_tokens: int | Unlimited | str | Unset | None = UNSET,
        model: RealtimeModel | str | Unset | None = UNSET,
        output_modalities: Sequence[Modality | str] | Unset | None = UNSET,
        parallel_tool_calls: bool | Unset | None = UNSET,
        prompt: Prompt | JsonObject | Unset | None = UNSET,
        reasoning: Reasoning | JsonObject | Unset | None = UNSET,
        tool_choice: ToolChoice | JsonObject | Unset | None = UNSET,
        tools: Sequence[Tool | JsonObject] | Unset | None = UNSET,
        tracing: TracingConfig | TracingOption | str | JsonObject | Unset | None = UNSET,
        truncation: Truncation | JsonObject | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> Session:
        """Change the session, and wait until the server has confirmed it.

        ::

            await conn.session.update(instructions="Be brief.", output_modalities=["text"])
            await conn.session.update(audio={"input": {"turn_detection": None}})

        Only what is given is changed; None is sent as null, and clears. One wrong field makes the
        server refuse the whole update, and then nothing has changed. The model can never be
        changed, the voice no more once the model has spoken.

        At most one update is unanswered at a time: a second waits, unsent, for its turn. If this is
        cancelled before the frame is written, nothing was sent; later, the change still takes
        effect. On a sideband the answer may be to another client's update.

        Args:
            session: The changes, as a model or as a mapping that goes out as it is. `"type"` is
                added to a mapping that has none: the server refuses an update without. It is
                `"transcription"` in a transcription session, else `"realtime"`.
            audio: Formats, transcription, noise reduction, turn detection; voice and speed.
            include: What to add to the server's events.
            instructions: What the model is told before everything else.
            max_output_tokens: For each response: 1 to 4096, or `"inf"`.
            model: Refused by the server, for it cannot be changed; here for completeness.
            output_modalities: `["audio"]` or `["text"]`.
            parallel_tool_calls: Whether one response may call several tools.
            prompt: A prompt stored at the server.
            reasoning: How much a reasoning model thinks.
            tool_choice: Whether, and which, tools are called.
            tools: The tools; an empty list clears them.
            tracing: Cannot be changed once it is on.
            truncation: What happens when the conversation outgrows the model.
            event_id: The frame's id, chosen by you.
            extra_fields: Merged into the frame last, object by object, for what this release does
                not know: `{"session": {"new_setting": 1}}`.

        Returns:
            The session now in effect. Fields that this release cannot read are left out.

        Raises:
            ServerError: if the server refuses the update; `.param` names the field.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        fields = given(
            audio=audio,
            include=include,
            instructions=instructions,
            max_output_tokens=max_output_tokens,
            model=model,
            output_modalities=output_modalities,
            parallel_tool_calls=parallel_tool_calls,
            prompt=prompt,
            reasoning=reasoning,
            tool_choice=tool_choice,
            tools=tools,
            tracing=tracing,
            truncation=truncation,
        )
        not_both("session", session, fields)
        event = self._event(session, fields, event_id)
        answer = await self._caller.request(with_extra_fields(event, extra_fields))
        if isinstance(answer, SessionUpdated):
            return answer.session
        return Session.model_validate_json(readable_part(answer, "session"))

    def _event(
        self,
        session: RealtimeSessionConfig | TranscriptionSessionConfig | JsonObject | None,
        fields: Mapping[str, object],
        event_id: str | None,
    ) -> ClientModel | JsonObject:
        current = self.current
        is_transcription = current is not None and current.type == "transcription"
        if isinstance(session, Mapping):
            kind: JsonValue = "transcription" if is_transcription else "realtime"
            config: dict[str, JsonValue] = {"type": kind, **session}
            return frame_from_fields("session.update", event_id, session=config)
        if session is None and is_transcription:
            session = TranscriptionSessionConfig.model_validate(fields)
        elif session is None:
            session = RealtimeSessionConfig.model_validate(fields)
        return SessionUpdate(event_id=event_id, session=session)
