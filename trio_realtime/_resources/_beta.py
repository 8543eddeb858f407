"""`conn.session`, `conn.transcription_session` and `conn.response` in the beta dialect.

Loaded with the first connection of that dialect. What is not here is the same on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, final

from trio_realtime import beta
from trio_realtime._resources._cancelling import cancelled
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

if TYPE_CHECKING:
    from trio_realtime._connection import Caller
    from trio_realtime.types._base import ClientModel


@final
class BetaSessionResource:
    """The session of a connection in the beta dialect."""

    def __init__(self, caller: Caller) -> None:
        self._caller: Caller = caller

    @property
    def current(self) -> beta.Session | None:
        """The session in effect, as the server reported it last; None before it has."""
        current = self._caller.current_session
        return current if isinstance(current, beta.Session) else None

    async def update(
        self,
        session: beta.SessionConfig | JsonObject | None = None,
        *,
        include: Sequence[beta.Include | str] | Unset | None = UNSET,
        input_audio_format: beta.AudioFormat | str | Unset | None = UNSET,
        input_audio_noise_reduction: beta.NoiseReduction | JsonObject | Unset | None = UNSET,
        input_audio_transcription: beta.InputTranscription | JsonObject | Unset | None = UNSET,
        instructions: str | Unset | None = UNSET,
        max_response_output_tokens: int | beta.Unlimited | str | Unset | None = UNSET,
        modalities: Sequence[beta.Modality | str] | Unset | None = UNSET,
        model: beta.RealtimeModel | str | Unset | None = UNSET,
        output_audio_format: beta.AudioFormat | str | Unset | None = UNSET,
        prompt: beta.Prompt | JsonObject | Unset | None = UNSET,
        speed: float | Unset | None = UNSET,
        temperature: float | Unset | None = UNSET,
        tool_choice: beta.ToolChoice | JsonObject | Unset | None = UNSET,
        tools: Sequence[beta.Tool | JsonObject] | Unset | None = UNSET,
        tracing: beta.TracingConfig | beta.TracingOption | str | JsonObject | Unset | None = UNSET,
        truncation: beta.Truncation | JsonObject | Unset | None = UNSET,
        turn_detection: beta.TurnDetection | JsonObject | Unset | None = UNSET,
        voice: beta.Voice | JsonObject | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> beta.Session:
        """Change the session, and wait until the server has confirmed it.

        ::

            await conn.session.update(instructions="Be brief.", modalities=["text"])
            await conn.session.update(turn_detection=None)

        Only what is given is changed; None is sent as null, and clears. No `"type"` is added: this
        dialect has none. What only some servers know goes in `session=`, as a
        `beta.SessionConfig` or as a mapping.

        At most one update is unanswered at a time: a second waits, unsent, for its turn. If this is
        cancelled before the frame is written, nothing was sent; later, the change still takes
        effect.

        Args:
            session: The changes, as a model or as a mapping that goes out as it is.
            include: What to add to the server's events.
            input_audio_format: `"pcm16"`, `"g711_ulaw"` or `"g711_alaw"`.
            input_audio_noise_reduction: A filter on the input.
            input_audio_transcription: Which model writes down what the user says.
            instructions: What the model is told before everything else.
            max_response_output_tokens: For each response: 1 to 4096, or `"inf"`.
            modalities: `["text", "audio"]` or `["text"]`.
            model: Cannot be changed; some servers want to be told it all the same.
            output_audio_format: As `input_audio_format`.
            prompt: A prompt stored at the server.
            speed: 0.25 to 1.5.
            temperature: 0.6 to 1.2.
            tool_choice: Whether, and which, tools are called.
            tools: The tools; an empty list clears them.
            tracing: Cannot be changed once it is on.
            truncation: What happens when the conversation outgrows the model.
            turn_detection: How the end of a turn is found; None switches it off.
            voice: Cannot be changed once the model has spoken.
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
            include=include,
            input_audio_format=input_audio_format,
            input_audio_noise_reduction=input_audio_noise_reduction,
            input_audio_transcription=input_audio_transcription,
            instructions=instructions,
            max_response_output_tokens=max_response_output_tokens,
            modalities=modalities,
            model=model,
            output_audio_format=output_audio_format,
            prompt=prompt,
            speed=speed,
            temperature=temperature,
            tool_choice=tool_choice,
            tools=tools,
            tracing=tracing,
            truncation=truncation,
            turn_detection=turn_detection,
            voice=voice,
        )
        not_both("session", session, fields)
        event: ClientModel | JsonObject
        if isinstance(session, Mapping):
            event = frame_from_fields("session.update", event_id, session=dict(session))
        else:
            config = session or beta.SessionConfig.model_validate(fields)
            event = beta.SessionUpdate(event_id=event_id, session=config)
        answer = await self._caller.request(with_extra_fields(event, extra_fields))
        if isinstance(answer, beta.SessionUpdated):
            return answer.session
        return beta.Session.model_validate_json(readable_part(answer, "session"))


@final
class TranscriptionSessionResource:
    """The session of a connection that only writes down what is said, in the beta dialect."""

    def __init__(self, caller: Caller) -> None:
        self._caller: Caller = caller

    @property
    def current(self) -> beta.TranscriptionSession | None:
        """The session in effect, as the server reported it last; None before it has."""
        current = self._caller.current_session
        return current if isinstance(current, beta.TranscriptionSession) else None

    async def update(
        self,
        session: beta.TranscriptionSessionConfig | JsonObject | None = None,
        *,
        include: Sequence[beta.Include | str] | Unset | None = UNSET,
        input_audio_format: beta.AudioFormat | str | Unset | None = UNSET,
        input_audio_noise_reduction: beta.NoiseReduction | JsonObject | Unset | None = UNSET,
        input_audio_transcription: beta.InputTranscription | JsonObject | Unset | None = UNSET,
        modalities: Sequence[beta.Modality | str] | Unset | None = UNSET,
        turn_detection: beta.TurnDetection | JsonObject | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> beta.TranscriptionSession:
        """Change the transcription session, and wait until the server has confirmed it.

        ::

            await conn.transcription_session.update(
                input_audio_transcription={"model": "gpt-4o-transcribe"}, turn_detection=None
            )

        Only what is given is changed; None is sent as null, and clears.

        At most one update is unanswered at a time: a second waits, unsent, for its turn. If this is
        cancelled before the frame is written, nothing was sent; later, the change still takes
        effect.

        Args:
            session: The changes, as a model or as a mapping that goes out as it is.
            include: What to add to the server's events.
            input_audio_format: `"pcm16"`, `"g711_ulaw"` or `"g711_alaw"`.
            input_audio_noise_reduction: A filter on the input.
            input_audio_transcription: Which model transcribes.
            modalities: Of no use here, and in the protocol.
            turn_detection: How the end of a turn is found; None switches it off.
            event_id: The frame's id, chosen by you.
            extra_fields: Merged into the frame last, object by object, for what this release does
                not know.

        Returns:
            The session now in effect. Fields that this release cannot read are left out.

        Raises:
            ServerError: if the server refuses the update; `.param` names the field.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        fields = given(
            include=include,
            input_audio_format=input_audio_format,
            input_audio_noise_reduction=input_audio_noise_reduction,
            input_audio_transcription=input_audio_transcription,
            modalities=modalities,
            turn_detection=turn_detection,
        )
        not_both("session", session, fields)
        event: ClientModel | JsonObject
        if isinstance(session, Mapping):
            event = frame_from_fields(
                "transcription_session.update", event_id, session=dict(session)
            )
        else:
            config = session or beta.TranscriptionSessionConfig.model_validate(fields)
            event = beta.TranscriptionSessionUpdate(event_id=event_id, session=config)
        answer = await self._caller.request(with_extra_fields(event, extra_fields))
        if isinstance(answer, beta.TranscriptionSessionUpdated):
            return answer.session
        return beta.TranscriptionSession.model_validate_json(readable_part(answer, "session"))


@final
class BetaResponseResource:
    """The responses of a connection in the beta dialect."""

    def __init__(self, caller: Caller) -> None:
        self._caller: Caller = caller

    async def create(
        self,
        response: beta.ResponseConfig | JsonObject | None = None,
        *,
        conversation: beta.ConversationChoice | str | Unset | None = UNSET,
        input: Sequence[beta.InputItem | JsonObject] | Unset | None = UNSET,  # noqa: A002 - the wire's
        instructions: str | Unset | None = UNSET,
        max_output_tokens: int | beta.Unlimited | str | Unset | None = UNSET,
        max_response_output_tokens: int | beta.Unlimited | str | Unset | None = UNSET,
        metadata: Mapping[str, str] | Unset | None = UNSET,
        modalities: Sequence[beta.Modality | str] | Unset | None = UNSET,
        output_audio_format: beta.AudioFormat | str | Unset | None = UNSET,
        prompt: beta.Prompt | JsonObject | Unset | None = UNSET,
        temperature: float | Unset | None = UNSET,
        tool_choice: beta.ToolChoice | JsonObject | Unset | None = UNSET,
        tools: Sequence[beta.Tool | JsonObject] | Unset | None = UNSET,
        voice: beta.Voice | JsonObject | Unset | None = UNSET,
        event_id: str | None = None,
        extra_fields: JsonObject | None = None,
    ) -> str:
        """Ask the model to answer, and do not wait for it: its events come in the stream.

        For a handle of its own, in its turn and no longer than a block, use `conn.respond()`.

        Everything given holds for this response only. While a response is under way in the default
        conversation the server refuses another; that refusal arrives as an `Error` event that
        names the id returned here.

        This returns when the frame is written. If it is cancelled before the writer has taken the
        frame, nothing was sent; later, the frame still goes out.

        Args:
            response: What the response is to be, as a model or as a mapping that goes out as it is.
            conversation: `"none"` makes it beside the conversation; any number of those may run.
            input: Items in place of the conversation as context. An empty list is no context.
            instructions: In place of the session's.
            max_output_tokens: 1 to 4096, or `"inf"`.
            max_response_output_tokens: The older name of the same.
            metadata: Up to 16 pairs of text that the response carries.
            modalities: `["text", "audio"]` or `["text"]`.
            output_audio_format: `"pcm16"`, `"g711_ulaw"` or `"g711_alaw"`.
            prompt: A prompt stored at the server.
            temperature: 0.6 to 1.2.
            tool_choice: Whether, and which, tools are called.
            tools: In place of the session's.
            voice: In place of the session's.
            event_id: The frame's id, chosen by you.
            extra_fields: Merged into the frame last, object by object, for what this release does
                not know: `{"response": {"new_setting": 1}}`.

        Returns:
            The id of the frame.

        Raises:
            ConnectionClosedError: if the connection is lost before the frame is out.
        """
        fields = given(
            conversation=conversation,
            input=input,
            instructions=instructions,
            max_output_tokens=max_output_tokens,
            max_response_output_tokens=max_response_output_tokens,
            metadata=metadata,
            modalities=modalities,
            output_audio_format=output_audio_format,
            prompt=prompt,
            temperature=temperature,
            tool_choice=tool_choice,
            tools=tools,
            voice=voice,
        )
        not_both("response", response, fields)
        event: ClientModel | JsonObject
        if isinstance(response, Mapping):
            event = frame_from_fields("response.create", event_id, response=dict(response))
        elif response is not None:
            event = beta.ResponseCreate(event_id=event_id, response=response)
        else:
            event = beta_response_create_event(fields, event_id)
        return await self._caller.send(with_extra_fields(event, extra_fields))

    async def cancel(
        self, response_id: str | None = None, *, event_id: str | None = None
    ) -> beta.ResponseDone | None:
        """Stop a response, and wait until it is done.

        Name the response: voice detection may have ended it already and begun another. Events of
        the response go on arriving until it is done.

        If this is cancelled before the writer has taken the frame, nothing was sent; later, the
        response is still cancelled, and the answer is swallowed.

        Args:
            response_id: The response; by default the active one of the default conversation.
            event_id: The frame's id, chosen by you.

        Returns:
            Its `response.done`: with the status `cancelled`, or how it ended if that was sooner.
            None when there was nothing to cancel.

        Raises:
            ServerError: if the server refuses for any other reason.
            ConnectionClosedError: if the connection is lost before the answer.
        """
        answer = await cancelled(self._caller, response_id, event_id)
        if answer is None or isinstance(answer, beta.ResponseDone):
            return answer
        response = beta.Response.model_validate_json(readable_part(answer, "response"))
        return beta.ResponseDone(event_id=answer.event_id, response=response)


def beta_response_create_event(
    fields: Mapping[str, object], event_id: str | None = None
) -> beta.ResponseCreate:
    """Make what asks for a response, of the fields of its configuration."""
    if not fields:
        return beta.ResponseCreate(event_id=event_id)
    config = beta.ResponseConfig.model_validate(fields)
    return beta.ResponseCreate(event_id=event_id, response=config)
