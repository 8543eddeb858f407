"""The simulated server: in memory, or on a real port.

This module begins a session for each client. It does not know the protocol, nor how connections
and WebSocket frames travel.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final, Literal, TypedDict, Unpack, final

import trio

from trio_realtime._core.simulator import (
    BetaManner,
    ClientHandshake,
    EventOrder,
    Manner,
    McpServer,
    Pace,
    SimulatedCall,
    Simulation,
    Translate,
    Translation,
    marked_translation,
)
from trio_realtime.testing._azure import azure_refusal
from trio_realtime.testing._host import Host
from trio_realtime.testing._responders import Asked, Responder
from trio_realtime.testing._rest import Rest
from trio_realtime.testing._seeding import calendar_time, letters_from_seed
from trio_realtime.testing._session import SimulatedSession
from trio_realtime.testing._voice import Voice, voice_from_name
from trio_realtime.testing._watching import Watcher

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from pydantic import JsonValue

    from trio_realtime._transport._http import HttpRequest, HttpResponse
    from trio_realtime.testing._faults import FaultPlan
    from trio_realtime.testing._host import ServerSocket

SESSIONS_MAX: Final = 10_000
"""How many sessions a server keeps to be looked at; the oldest go first."""


@final
class SimulatedServer(Host):
    """A Realtime API server in memory, over real WebSocket frames. An async context manager.

    ::

        async with SimulatedServer(reply="Hello!") as server:
            async with open_realtime("gpt-realtime-2.1", endpoint=server.endpoint) as conn:
                ...

    It answers as the real server answers, and takes the time of the running Trio clock: under
    `MockClock` it is deterministic, and inside `seeded` to the last interleaving. Leaving the
    block drops the clients that are still connected. An exception raised by a responder ends the
    block, and leaves it in an `ExceptionGroup`; what your code in the block raises leaves it as
    it is.
    """

    sessions: list[SimulatedSession]
    """The sessions, oldest first, also those that are over."""

    def __init__(
        self,
        reply: Responder = None,
        *,
        api_key: str | None = None,
        tokens_per_second: float = 100.0,
        audio_speed: float = 10.0,
        latency: float = 0.0,
        session_seconds: float = 3600.0,
        rate_limits: bool = False,
        models: Collection[str] | None = None,
        late_errors: float = 0.0,
        commit_seconds: float = 0.0,
        transcription_seconds: float = 0.0,
        omit_session_created: bool = False,
        omit_event_ids: bool = False,
        rewrite_item_ids: bool = False,
        echo_metadata: bool = True,
        event_order: EventOrder = "openai",
        beta: BetaManner = "refuse",
        answer_close: bool = True,
        mcp_servers: Mapping[str, McpServer] | None = None,
        voice: Voice | Literal["espeak-ng"] | None = None,
        translate: Translate = marked_translation,
        seed: int | None = None,
        watch: Watcher | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        """Prepare a server; entering the block starts it.

        Args:
            reply: What the model says. By default it repeats what it is told.
            api_key: The only key that is let in. None lets every client in.
            tokens_per_second: Words and pieces of arguments a second; `math.inf` for no wait.
            audio_speed: Seconds of audio that are made in a second.
            latency: Seconds from the beginning of a response to its first output.
            session_seconds: How long a session lasts.
            rate_limits: Send `rate_limits.updated` after each response.
            models: The only models there are; naming another is refused after the upgrade, with
                `invalid_model` and close 4000. By default clients may name any.
            late_errors: Seconds until a commit of too little audio is refused. Measured on the
                real server were 0.8 to 1.0, which is after the answer to a commit that follows.
            commit_seconds: Seconds until a commit is acted upon, and what follows it; measured
                was 0.15.
            transcription_seconds: Seconds from a commit to the rest of its transcription;
                measured were 0.5 to 0.8.
            omit_session_created: Variant: begin without `session.created`.
            omit_event_ids: Variant: send events without `event_id`.
            rewrite_item_ids: Variant: give items ids of the server's, whatever the client chose.
            echo_metadata: Variant, when False: no response carries the metadata it was given.
            event_order: Variant, when `"xai"`: the events of responses come as xAI's server sends
                them.
            beta: Variant, when `"speak"`: who asks for the beta dialect, by the header
                `OpenAI-Beta` or by subprotocol, is spoken to in it. OpenAI's own server did that
                until 2026, compatible ones do; now it refuses, after the upgrade, with
                `beta_api_shape_disabled` and close 4000. Azure's preview path
                (`server.azure_endpoint`) and Voice Live's speak it in any case.
            answer_close: Variant, when False: never answer a client's CLOSE, nor hang up.
            mcp_servers: What the MCP servers list that a session may name, by their labels.
            voice: Who speaks for the model: `"espeak-ng"`, if it is installed, or an async
                function of a text that returns PCM of 16 bits at 24 kHz. By default each word is
                a tone, which is quick and the same on every machine.
            translate: How translations translate: a function of a text and a language. By default
                each word gets the language behind it: `sea-nb`.
            seed: The seed of the ids the server chooses; by default another for each server.
            watch: Told of every connection, message and HTTP request, as they pass on the wire.
            faults: What goes wrong on the way, on purpose.
        """
        super().__init__(api_key=api_key, answer_close=answer_close, watch=watch, faults=faults)
        self.sessions = []
        self._arrived = trio.lowlevel.ParkingLot()
        self._asked = Asked(reply, None if voice is None else voice_from_name(voice))
        self._manner = Manner(
            pace=Pace(tokens_per_second, audio_speed, latency),
            session_seconds=session_seconds,
            api_key=api_key,
            rate_limits=rate_limits,
            models=models,
            late_errors=late_errors,
            commit_seconds=commit_seconds,
            transcription_seconds=transcription_seconds,
            omit_session_created=omit_session_created,
            omit_event_ids=omit_event_ids,
            rewrite_item_ids=rewrite_item_ids,
            echo_metadata=echo_metadata,
            event_order=event_order,
            beta=beta,
            mcp_servers=mcp_servers or {},
            translate=translate,
        )
        self._letters = letters_from_seed(seed)
        self._rest = Rest(api_key, self._letters, self._call_is_over)

    def create_client_secret(
        self, session: Mapping[str, JsonValue] | None = None, *, seconds: int = 600
    ) -> str:
        """Make an ephemeral key, as `POST /v1/realtime/client_secrets` does, and return it.

        ::

            key = server.create_client_secret({"type": "realtime", "model": "gpt-realtime-2.1"})
            endpoint = dataclasses.replace(server.endpoint, api_key=key)

        Args:
            session: What its sessions begin with: a model, instructions, tools and so on.
            seconds: How long it is good for, by the Trio clock: from 10 to 7200.

        Raises:
            ValueError: if the real server would refuse this.
        """
        now = trio.current_time()
        return self._rest.create(session, seconds, now=now, unix_time=calendar_time(now))

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer a request that is no upgrade: for a key, a call, or what is not here."""
        now = trio.current_time()
        return self._rest.answer(request, now=now, unix_time=calendar_time(now))

    @property
    def calls(self) -> list[SimulatedCall]:
        """The calls, oldest first, also those that are over."""
        return self._rest.calls.known

    def ring(self, call_id: str | None = None) -> SimulatedCall:
        """Let a call come in over SIP, as a phone would; an application learns its id by webhook.

        ::

            call = server.ring()
            async with accepted_call(call.id, {"type": "realtime"}, endpoint=server.endpoint):
                assert call.state == "active"
            assert call.state == "ended"

        Args:
            call_id: Its id, if it is to be a certain one.

        Raises:
            ValueError: if there is a call of that id.
        """
        return self._rest.calls.ring(call_id)

    def create_call(
        self, session: Mapping[str, JsonValue] | None = None, *, call_id: str | None = None
    ) -> SimulatedCall:
        """Make a call that is under way, for a client to attach to.

        ::

            call = server.create_call()
            async with open_realtime(call_id=call.id, endpoint=server.endpoint) as conn:
                ...

        Args:
            session: What its sessions begin with.
            call_id: Its id, if it is to be a certain one.

        Raises:
            ValueError: if the real server would refuse this, or if there is a call of that id.
        """
        return self._rest.create_call(session, call_id)

    def _call_is_over(self, call: SimulatedCall) -> None:
        for session in self.sessions:
            if session.handshake.query.get("call_id") == call.id:
                session.close(1000)

    async def admit(self, handshake: ClientHandshake) -> HttpResponse | None:
        """Refuse whom Azure turns away, and who wants to attach to a call that is not there."""
        await trio.lowlevel.checkpoint()
        rejection = handshake.rejection(
            self._manner.api_key,
            self._rest.secrets.find(handshake.api_key, translation=handshake.is_translation),
            trio.current_time(),
            models=self._manner.models,
        )
        if rejection is not None:
            return azure_refusal(*rejection)
        return self._rest.not_attachable(handshake)

    async def wait_session(self, number: int = 0) -> SimulatedSession:
        """Wait for a client to connect, and return `sessions[number]`: by default the first.

        ::

            nursery.start_soon(my_application, server.endpoint)
            session = await server.wait_session()

        If this is cancelled, nothing has changed.
        """
        await trio.lowlevel.checkpoint()
        while len(self.sessions) <= number:
            await self._arrived.park()
        return self.sessions[number]

    async def talk(self, ws: ServerSocket, handshake: ClientHandshake) -> bool:
        """Hold a session with one client until it is gone."""
        kind = Translation if handshake.is_translation else Simulation
        simulation = kind(
            handshake,
            self._manner,
            self._letters,
            now=trio.current_time(),
            unix_time=calendar_time(trio.current_time()),
            secret=self._rest.begins(handshake, trio.current_time()),
        )
        session = SimulatedSession(simulation, handshake, self._asked, self.start)
        self.sessions.append(session)
        if len(self.sessions) > SESSIONS_MAX:
            del self.sessions[0]
        # Whoever waits finds it greeted: it gets that far before another task runs.
        self._arrived.unpark_all()
        return await session.run(ws)


class SimulatedServerOptions(TypedDict, total=False):
    """What `serve_simulated` takes beside its address and `reply`: see `SimulatedServer`."""

    api_key: str | None
    tokens_per_second: float
    audio_speed: float
    latency: float
    session_seconds: float
    rate_limits: bool
    models: Collection[str] | None
    late_errors: float
    commit_seconds: float
    transcription_seconds: float
    omit_session_created: bool
    omit_event_ids: bool
    rewrite_item_ids: bool
    echo_metadata: bool
    event_order: EventOrder
    beta: BetaManner
    answer_close: bool
    mcp_servers: Mapping[str, McpServer] | None
    voice: Voice | Literal["espeak-ng"] | None
    translate: Translate
    seed: int | None
    watch: Watcher | None
    faults: FaultPlan | None


@asynccontextmanager
async def serve_simulated(
    host: str = "127.0.0.1",
    port: int = 0,
    reply: Responder = None,
    *,
    ssl_context: ssl.SSLContext | None = None,
    tls: bool = False,
    **options: Unpack[SimulatedServerOptions],
) -> AsyncGenerator[SimulatedServer]:
    """Run a simulated server on a real port for the length of the block, for any client.

    ::

        async with serve_simulated() as server:
            print(server.base_url)  # http://127.0.0.1:PORT/v1

    Args:
        host: The address to listen at.
        port: The port; 0 picks one that is free.
        reply: What the model says. By default it repeats what it is told.
        ssl_context: With the server's certificate, for TLS.
        tls: Speak TLS with a certificate that is made for this block. Clients must trust
            `server.ca_file`: many do if the environment says `SSL_CERT_FILE`. Needs the extra
            `cli`, or trustme.
        options: As for `SimulatedServer`.

    Yields:
        The server, listening.

    Raises:
        ModuleNotFoundError: if TLS needs trustme, and it is not there.
        OSError: if the port cannot be listened at.
        ValueError: for `tls=True` beside an `ssl_context`, which is TLS already.
    """
    if tls and ssl_context is not None:
        raise ValueError("give ssl_context or tls=True, not both")
    with ExitStack() as stack:
        ca_file = None
        if tls:
            try:
                from trio_realtime.testing._certificate import certificate_for
            except ModuleNotFoundError as error:  # it is an extra
                said = "tls=True makes a certificate with trustme: pip install trustme"
                raise ModuleNotFoundError(said, name=error.name) from error
            made = certificate_for(*dict.fromkeys(("localhost", "127.0.0.1", "::1", host)))
            ssl_context, ca_file = stack.enter_context(made)
        async with SimulatedServer(reply, **options) as server:
            await server.listen(host, port, ssl_context=ssl_context)
            server.ca_file = ca_file
            yield server
