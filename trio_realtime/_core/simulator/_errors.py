"""The server's refusals: their types, codes and wording.

This module does not know when a refusal is due, nor to whom it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pydantic import JsonValue

    from trio_realtime._core.simulator._json import Object

INVALID: Final = "invalid_request_error"
"""The `type` of nearly every error the server sends."""

ID_MAX: Final = 32
"""The longest `item.id` and `call_id` that the server takes."""

EVENT_ID_MAX: Final = 512
"""The longest `event_id` that the server takes."""


class RefusedError(Exception):
    """What a client event asked for is refused: the payload of an `error` event."""

    def __init__(
        self,
        code: str | None,
        message: str,
        *,
        param: str | None = None,
        type: str = INVALID,  # noqa: A002 - the wire's name
        names_event: bool = True,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.type = type
        self.names_event = names_event
        """Whether the `error` says which client event caused it; a few of the real ones do not."""

    def payload(self, event_id: JsonValue) -> Object:
        """The `error` member of the event, naming the client event that caused it."""
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            # An id of another JSON type is refused; it is no name to call the event by.
            "event_id": event_id if self.names_event and isinstance(event_id, str) else None,
        }

    @property
    def close_reason(self) -> str:
        """The reason of the close frame, where the error ends the session."""
        return f"{self.type}.{self.code}"


def missing_parameter(param: str) -> RefusedError:
    """A required parameter is not there."""
    return RefusedError(
        "missing_required_parameter", f"Missing required parameter: '{param}'.", param=param
    )


def unknown_parameter(param: str) -> RefusedError:
    """A parameter nobody knows is there."""
    return RefusedError("unknown_parameter", f"Unknown parameter: '{param}'.", param=param)


def invalid_value(param: str, value: JsonValue, supported: Iterable[str]) -> RefusedError:
    """A parameter has a value that is not among the supported ones."""
    names = [f"'{name}'" for name in supported]
    listed = f"{', '.join(names[:-1])}, and {names[-1]}" if len(names) > 1 else "".join(names)
    return RefusedError(
        "invalid_value", f"Invalid value: '{value}'. Supported values are: {listed}.", param=param
    )


def invalid_type(param: str, expected: str, actual: str) -> RefusedError:
    """A parameter is of the wrong JSON type."""
    return RefusedError(
        "invalid_type",
        f"Invalid type for '{param}': expected {expected}, but got {actual} instead.",
        param=param,
    )


def string_too_long(param: str, length: int, limit: int) -> RefusedError:
    """A string is longer than the server allows."""
    return RefusedError(
        "string_above_max_length",
        f"Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {length} instead.",
        param=param,
    )


def out_of_range(param: str, value: float, low: float, high: float | None) -> RefusedError:
    """A number is below the least or above the greatest value that the server takes."""
    kind = "integer" if isinstance(value, int) and isinstance(low, int) else "decimal"
    if value < low:
        return RefusedError(
            f"{kind}_below_min_value",
            f"Invalid '{param}': {kind} below minimum value. Expected a value >= {low}, "
            f"but got {value} instead.",
            param=param,
        )
    return RefusedError(
        f"{kind}_above_max_value",
        f"Invalid '{param}': {kind} above maximum value. Expected a value <= {high}, "
        f"but got {value} instead.",
        param=param,
    )


def no_such_item(verb: str, item_id: str) -> RefusedError:
    """An item to be deleted, retrieved or truncated is not in the conversation."""
    gerund = {"delete": "deleting", "retrieve": "retrieving", "truncate": "truncating"}[verb]
    return RefusedError(
        f"item_{verb}_invalid_item_id",
        f"Error {gerund} item: the item with id '{item_id}' does not exist.",
        param="item_id",
    )


def unknown_call(call_id: str) -> RefusedError:
    """A function output answers no call of the conversation. It names no event, as reported."""
    return RefusedError(
        "invalid_tool_call_id",
        f"Tool call ID '{call_id}' not found in conversation.",
        names_event=False,
    )


def unknown_approval(request_id: str) -> RefusedError:
    """An approval answers no request of the conversation. By analogy with calls: our choice."""
    return RefusedError(
        "invalid_approval_request_id",
        f"MCP approval request ID '{request_id}' not found in conversation.",
        param="item.approval_request_id",
    )


def active_response(response_id: str) -> RefusedError:
    """The default conversation has a response in progress."""
    return RefusedError(
        "conversation_already_has_active_response",
        f"Conversation already has an active response in progress: {response_id}. "
        "Wait until the response is finished before creating a new one.",
    )


def too_many_waiting() -> RefusedError:
    """More items wait for the end of a response than are kept. All of it is our choice."""
    return RefusedError(
        "too_many_items",
        "Too many items wait for the active response to finish. Wait until it is done.",
    )


def nothing_to_cancel() -> RefusedError:
    """No response is active, or not the one that was named."""
    return RefusedError(
        "response_cancel_not_active", "Cancellation failed: no active response found"
    )


def commit_empty(milliseconds: float) -> RefusedError:
    """Less than 100 ms of audio came since the last commit."""
    return RefusedError(
        "input_audio_buffer_commit_empty",
        "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio, "
        f"but buffer only has {milliseconds:.2f}ms of audio.",
    )


def session_is_ending() -> RefusedError:
    """A translation was asked for its end, and is asked for something else. Our choice."""
    return RefusedError(
        "session_closing",
        "The session is closing: nothing but its end comes after 'session.close'.",
    )


def audio_too_long(length: int, limit: int) -> RefusedError:
    """An append carries more audio than the server takes. The code and wording are our choice."""
    return RefusedError(
        "string_above_max_length",
        f"Invalid 'audio': string too long. Expected at most {limit} bytes of audio, but got "
        f"{length} bytes instead.",
        param="audio",
    )


def truncated_beyond_end(has_ms: int, asked_ms: int) -> RefusedError:
    """A truncation asks for more audio than the server generated."""
    return RefusedError(
        "invalid_value",
        f"Audio content of {has_ms}ms is already shorter than {asked_ms}ms",
        param="audio_end_ms",
    )


def not_truncatable() -> RefusedError:
    """The item is not one of the model's spoken messages."""
    return RefusedError(
        "unsupported_content_type", "Only model output audio messages can be truncated"
    )


def session_expired(minutes: int) -> RefusedError:
    """The session has lasted as long as a session may."""
    return RefusedError(
        "session_expired", f"Your session hit the maximum duration of {minutes} minutes."
    )


def voice_locked() -> RefusedError:
    """The model has spoken, and keeps its voice."""
    return RefusedError(
        "cannot_update_voice",
        "Cannot update a conversation's voice if assistant audio is present.",
    )


def speed_locked() -> RefusedError:
    """The speed is changed only between turns. The code and the wording are our choice."""
    return RefusedError(
        "cannot_update_speed",
        "Cannot update the speed while a response is in progress.",
        param="session.audio.output.speed",
    )


def tracing_locked() -> RefusedError:
    """Tracing cannot be modified once it is enabled. The code and the wording are our choice."""
    return RefusedError(
        "cannot_update_tracing",
        "Cannot update the tracing of a session once it is enabled.",
        param="session.tracing",
    )


def bad_model(model: str) -> RefusedError:
    """The model is none that holds realtime sessions."""
    return RefusedError("invalid_model", f'Model "{model}" is not supported in realtime mode.')


def bad_key(key: str | None) -> RefusedError:
    """The key is not one of ours. The message shows its end, as the real server's does."""
    if key is None:
        said = "You didn't provide an API key."
    else:
        head = "sk-proj-" if key.startswith("sk-proj-") else key[:3]
        shown = f"{head}****{key[-4:]}" if len(key) > len(head) + 8 else "****"
        said = f"Incorrect API key provided: {shown}."
    return RefusedError(
        "invalid_api_key",
        f"{said} You can find your API key at https://platform.openai.com/account/api-keys.",
    )


def no_model() -> RefusedError:
    """The URL names no model, no call and no intent."""
    return RefusedError("missing_model", "You must provide a model parameter.", param="model")


def wrong_session(asked: str, kind: str) -> RefusedError:
    """An update of one kind of session was sent to another kind, in the beta dialect."""
    return RefusedError(
        "invalid_parameter",
        f"Passing a {asked} session update event to a {kind} session is not allowed.",
    )


def azure_bad_key() -> RefusedError:
    """The key or token is none of the resource's. The wording is Azure's for all its services."""
    return RefusedError(
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
        "a valid key for an active subscription and use a correct regional API endpoint for your "
        "resource.",
    )


def azure_no_deployment() -> RefusedError:
    """There is no such deployment. The status was reported; the wording is our choice."""
    return RefusedError(
        "DeploymentNotFound", "The API deployment for this resource does not exist."
    )


def azure_no_version() -> RefusedError:
    """The address lacks its version, and so is none. What it says is our choice."""
    return RefusedError("404", "Resource not found")


def beta_switched_off() -> RefusedError:
    """The upgrade asked for the shape of the beta."""
    return RefusedError(
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
    )
