"""What is taken from the environment when no endpoint is given.

It is told the variables: who opens something reads them.
"""

from __future__ import annotations

from collections.abc import Mapping

from trio_realtime._endpoint._openai import OpenAIEndpoint


def endpoint_from_environment(environ: Mapping[str, str]) -> OpenAIEndpoint:
    """Make the endpoint that is meant when none is given."""
    key = environ.get("OPENAI_API_KEY")
    if not key:
        raise ValueError(
            "no API key: set the environment variable OPENAI_API_KEY, or pass endpoint="
        )
    return OpenAIEndpoint(
        key,
        organization=environ.get("OPENAI_ORG_ID") or None,
        project=environ.get("OPENAI_PROJECT_ID") or None,
        base_url=environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1",
    )
