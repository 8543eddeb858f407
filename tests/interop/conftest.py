"""Where the other client's own interpreter is."""

from __future__ import annotations

import os
import subprocess

import pytest


@pytest.fixture(scope="session")
def openai_python() -> str:
    python = os.environ.get("TRIO_REALTIME_OPENAI_PYTHON")
    if python is None:
        pytest.skip("needs an environment with openai-python, which `nox -s tests` prepares")
    code = "import openai, websockets"
    tried = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"openai-python could not be installed: {tried.stderr.strip()[-200:]}")
    return python
