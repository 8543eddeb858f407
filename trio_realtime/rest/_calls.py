"""`rest.calls`: calls over WebRTC and SIP."""

from __future__ import annotations

from typing import Final, final

from trio_realtime._endpoint._urls import checked_text
from trio_realtime.rest._exchange import Body
from trio_realtime.rest._models import (
    NOTHING,
    Call,
    JsonObject,
    json_body,
    session_json,
)
from trio_realtime.rest._requests import Question, Requests
from trio_realtime.rest._urls import call_id_from_location, segment, target_from_endpoint
from trio_realtime.types import RealtimeSessionConfig

_SDP: Final = "application/sdp"
_JSON: Final = "application/json"


@final
class CallsResource:
    """Calls: those you make over WebRTC, and those that come in over SIP."""

    def __init__(self, requests: Requests) -> None:
        self._requests: Requests = requests

    async def create(
        self, sdp: str, session: RealtimeSessionConfig | JsonObject | None = None
    ) -> Call:
        """Make a WebRTC call: offer what the caller's side can do, and get the answer.

        ::

            call = await rest.calls.create(offer, {"model": "gpt-realtime-2.1"})
            answer_to_the_browser(call.sdp)
            async with open_realtime(call_id=call.call_id) as conn:
                ...

        It is asked again only if the server has certainly made no call. If this is cancelled, or
        raises a `RestError` that is `.uncertain`, there may be a call that nobody knows; it ends
        when its caller does not connect.

        Args:
            sdp: The offer, as `createOffer` made it.
            session: What the call's session is. `"type": "realtime"` is added to a mapping that
                has none. Leave it out with an ephemeral key, which brings one.

        Raises:
            AuthenticationError: if the key is refused.
            ConnectError: if the server cannot be reached.
            RestError: if the server refuses.
        """
        if not checked_text(sdp, "sdp").strip():
            raise ValueError("sdp is empty")
        body = Body(content=sdp, content_type=_SDP)
        if session is not None:
            config = session_json(session, "realtime")
            body = Body(parts={"sdp": (sdp, _SDP), "session": (config, _JSON)})
        received = await self._requests.ask(
            Question(
                path="calls",
                target=target_from_endpoint(self._requests.endpoint),
                body=body,
                accept=_SDP,
                repeatable=False,
            )
        )
        answer = received.answer
        try:
            text = answer.body.decode()
        except UnicodeDecodeError:
            raise received.unreadable("it is not text") from None
        return Call(text, call_id_from_location(answer.headers.get("location")))

    async def accept(self, call_id: str, session: RealtimeSessionConfig | JsonObject) -> None:
        """Answer a call that comes in over SIP.

        `accepted_call` does this, attaches to the call, and hangs up at its end.

        If this is cancelled, or raises a `RestError` that is `.uncertain`, the call may have been
        accepted.

        Args:
            call_id: The call, as the webhook `realtime.call.incoming` names it.
            session: What its session is. `"type": "realtime"` is added to a mapping that has none.

        Raises:
            AuthenticationError: if the key is refused.
            ConnectError: if the server cannot be reached.
            RestError: if the server refuses; 404 if the caller has hung up.
        """
        path = f"calls/{segment(call_id, 'call_id')}/accept"
        config = Body(content=session_json(session, "realtime"))
        await self._act(path, call_id, config, repeatable=True)

    async def reject(self, call_id: str, status_code: int | None = None) -> None:
        """Refuse a call that comes in over SIP.

        If this is cancelled, the call may have been rejected.

        Args:
            call_id: The call.
            status_code: What the caller is told, as SIP numbers it: 486 is "busy here". The
                server's default is 603, "decline".

        Raises:
            AuthenticationError: if the key is refused.
            ConnectError: if the server cannot be reached.
            RestError: if the server refuses; 404 if the caller has hung up.
        """
        path = f"calls/{segment(call_id, 'call_id')}/reject"
        await self._act(path, call_id, json_body(status_code=status_code), repeatable=True)

    async def refer(self, call_id: str, target_uri: str) -> None:
        """Hand a call over SIP on to somebody else.

        It is asked again only if the server has certainly not acted. If this is cancelled, the call
        may have been handed on.

        Args:
            call_id: The call.
            target_uri: Who is to take it: `tel:+14155550123` or `sip:agent@example.com`.

        Raises:
            AuthenticationError: if the key is refused.
            ConnectError: if the server cannot be reached.
            RestError: if the server refuses; 404 if the call is over.
        """
        path = f"calls/{segment(call_id, 'call_id')}/refer"
        if not checked_text(target_uri, "target_uri").strip():
            raise ValueError("target_uri must be a URI, such as tel:+14155550123")
        await self._act(path, call_id, json_body(target_uri=target_uri), repeatable=False)

    async def hangup(self, call_id: str) -> None:
        """End a call, over WebRTC or SIP.

        If this is cancelled, the call may have been ended.

        Args:
            call_id: The call.

        Raises:
            AuthenticationError: if the key is refused.
            ConnectError: if the server cannot be reached.
            RestError: if the server refuses; 404 if the call is over already.
        """
        path = f"calls/{segment(call_id, 'call_id')}/hangup"
        await self._act(path, call_id, NOTHING, repeatable=True)

    async def _act(self, path: str, call_id: str, body: Body, *, repeatable: bool) -> None:
        target = target_from_endpoint(self._requests.endpoint, call_id=call_id)
        await self._requests.ask(
            Question(path=path, target=target, body=body, accept="*/*", repeatable=repeatable)
        )
