"""What docs/migrating.md shows of openai-python is run by openai-python."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import trio

from tests.docs.blocks import DOCS
from trio_realtime.testing import serve_simulated

CLIENT = Path(__file__).with_name("page_client.py")
BLOCKS = re.findall(
    r"^```python openai\n(.*?)^```$\n\n```text\n(.*?)^```$",
    (DOCS / "migrating.md").read_text("utf-8"),
    re.MULTILINE | re.DOTALL,
)


async def test_a_block_of_openai_python_prints_what_is_below_it(openai_python: str) -> None:
    with trio.fail_after(60):
        # Its beta speaks TLS only.
        async with serve_simulated(tls=True, beta="speak") as server:
            environment = os.environ | {
                "OPENAI_API_KEY": "test",
                "OPENAI_BASE_URL": server.base_url,
                "SSL_CERT_FILE": str(server.ca_file),
                "NO_PROXY": "127.0.0.1",
            }
            done = await trio.run_process(
                [openai_python, str(CLIENT)],
                stdin=json.dumps([block for block, _ in BLOCKS]).encode(),
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=environment,
            )
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == [below for _, below in BLOCKS]
    assert len(BLOCKS) == 3


METHODS = """
import inspect
from openai.resources.beta.realtime import realtime as beta
from openai.resources.realtime import calls, client_secrets, realtime
from openai.resources.realtime.translations import client_secrets as translations

def show(name, cls):
    for method, fn in inspect.getmembers(cls, inspect.isfunction):
        if not method.startswith(("_", "with_")):
            print(f"{name}.{method}(")

show("client.realtime", realtime.AsyncRealtime)
show("client.realtime.calls", calls.AsyncCalls)
show("client.realtime.client_secrets", client_secrets.AsyncClientSecrets)
show("client.realtime.translations.client_secrets", translations.AsyncClientSecrets)
show("client.beta.realtime", beta.AsyncRealtime)
show("client.beta.realtime.sessions", beta.AsyncSessions)
show("client.beta.realtime.transcription_sessions", beta.AsyncTranscriptionSessions)
show("connection", realtime.AsyncRealtimeConnection)
for module, names in (
    (realtime, ("session", "response", "input_audio_buffer", "output_audio_buffer")),
    (beta, ("transcription_session",)),
):
    for name in names:
        words = name.title().replace("_", "")
        show(f"connection.{name}", getattr(module, f"AsyncRealtime{words}Resource"))
show("connection.conversation.item", realtime.AsyncRealtimeConversationItemResource)
"""


async def test_every_method_of_openai_python_has_a_row(openai_python: str) -> None:
    with trio.fail_after(60):
        done = await trio.run_process([openai_python, "-c", METHODS], capture_stdout=True)
    methods = done.stdout.decode().split()
    text = (DOCS / "migrating.md").read_text("utf-8")
    missing = [method for method in methods if method not in text]
    # A row has several of the event handlers' methods, the later ones by their last name.
    assert [method for method in missing if f"`.{method.split('.')[-1]}" not in text] == []
    assert len(methods) > 30
