"""Azure's addresses and keys in subprotocols, brought about."""

from __future__ import annotations

import json

import pytest
import trio_websocket
from pydantic import JsonValue

from tests.core.scenarios.shared import Outcome, outcome_of, proves
from tests.core.simulated import BETA
from tests.testing.raw import raw_client
from trio_realtime.testing import SimulatedServer

GA = "/openai/v1/realtime?model=my-deployment"
PREVIEW = "/openai/realtime?api-version=2025-04-01-preview"
VOICE_LIVE = "/voice-live/realtime?api-version=2025-10-01&model=gpt-realtime"


@proves("azure-connect")
async def _() -> Outcome:
    shown = ("api-key", "right"), ("Authorization", "Bearer right")
    outcomes: set[Outcome] = set()
    async with SimulatedServer(api_key="right") as server:
        for header in shown:
            async with raw_client(server, GA, headers=(header,)) as client:
                await client.receive()
                outcomes.add(outcome_of(client.frames))
    (outcome,) = outcomes
    return outcome


@proves("azure-connect-beta-header")
async def _() -> Outcome:
    async with SimulatedServer() as server, raw_client(server, GA, headers=BETA) as client:
        await client.receive()
        return outcome_of(client.frames)


async def turned_away(server: SimulatedServer, resource: str, *headers: tuple[str, str]) -> str:
    """The outcome of an upgrade that is refused, with the body's code."""
    refused: list[tuple[int, JsonValue]] = []

    def see(error: trio_websocket.ConnectionRejected) -> bool:
        refused.append((error.status_code, json.loads(error.body or b"")["error"]["code"]))
        return True

    with pytest.RaisesGroup(pytest.RaisesExc(trio_websocket.ConnectionRejected, check=see)):
        async with raw_client(server, resource, headers=headers):
            pass
    (status, code), *_ = refused
    assert code == {401: "401", 400: "DeploymentNotFound", 404: "404"}[status]
    return f"http({status})"


@proves("azure-bad-key")
async def _() -> Outcome:
    outcomes: set[str] = set()
    async with SimulatedServer(api_key="right") as server:
        for resource in (GA, PREVIEW, VOICE_LIVE, "/openai/v1/realtime/translations?model=m"):
            outcomes.add(await turned_away(server, resource, ("api-key", "wrong")))
            outcomes.add(await turned_away(server, resource))
        assert server.sessions == []
    return tuple(outcomes)


@proves("azure-no-deployment")
async def _() -> Outcome:
    outcomes: set[str] = set()
    async with SimulatedServer(models=["my-deployment"]) as server:
        for resource in (PREVIEW, f"{PREVIEW}&deployment=another", GA + "s", VOICE_LIVE):
            outcomes.add(await turned_away(server, resource))
    return tuple(outcomes)


@proves("azure-no-version")
async def _() -> Outcome:
    outcomes: set[str] = set()
    async with SimulatedServer() as server:
        for path in ("/openai/realtime?deployment=my-deployment", "/voice-live/realtime?model=m"):
            outcomes.add(await turned_away(server, path))
    return tuple(outcomes)


@proves("connect-subprotocol")
async def _() -> Outcome:
    offered = (
        "realtime",
        "openai-insecure-api-key.right",
        "openai-organization.org-1",
        "openai-project.proj_1",
    )
    async with (
        SimulatedServer(api_key="right") as server,
        raw_client(server, subprotocols=offered) as client,
    ):
        await client.receive()
        assert client.ws.subprotocol == "realtime"
        handshake = server.sessions[0].handshake
        assert (handshake.organization, handshake.project) == ("org-1", "proj_1")
        return outcome_of(client.frames)


@proves("connect-subprotocol-bad-key")
async def _() -> Outcome:
    offered = ("realtime", "openai-insecure-api-key.wrong")
    async with (
        SimulatedServer(api_key="right") as server,
        raw_client(server, subprotocols=offered) as client,
    ):
        reason = await client.to_the_end()
        return (*outcome_of(client.frames), f"close({reason.code})")
