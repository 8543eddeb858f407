"""Session descriptions of WebRTC: an offer is answered, line by line, as the real server answers.

What comes of it is a description only: nobody listens at its addresses. This module does not know
what a call is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trio_realtime._core.simulator._errors import RefusedError

_CODECS: Final = ("opus/48000/2", "pcmu/8000", "pcma/8000")

_KEPT: Final = ("a=mid:", "a=sctp-port:", "a=rtcp-mux")


def answer_to_offer(offer: str, letters: Callable[[int], str]) -> str:
    """Answer an offer: its media in their order, of audio the codecs that the server has.

    Raises:
        RefusedError: if it is no offer. Code and wording are our choice.
    """
    lines = offer.replace("\r\n", "\n").split("\n")
    # Kind, port, protocol and formats.
    starts = [n for n, line in enumerate(lines) if line[:2] == "m=" and len(line.split()) > 3]
    if not offer.startswith("v=0") or not starts:
        raise RefusedError(
            "invalid_offer", "The SDP offer could not be parsed: it has no media.", param="sdp"
        )
    credentials = [f"a=ice-ufrag:{letters(8)}", f"a=ice-pwd:{letters(32)}"]
    answer = ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0"]
    answer += [line for line in lines[: starts[0]] if line.startswith("a=group:")]
    answer.append("a=fingerprint:sha-256 " + ":".join(["00"] * 32))
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        answer += [*_media(lines[start:end]), "a=setup:active", *credentials]
    return "\r\n".join([*answer, ""])


def _media(section: list[str]) -> list[str]:
    kind, _, protocol, *formats = section[0].split()
    taken = [line for line in section if line.startswith("a=rtpmap:")]
    taken = [line for line in taken if line.partition(" ")[2].lower() in _CODECS]
    if taken:
        formats = [line.removeprefix("a=rtpmap:").partition(" ")[0] for line in taken]
    kept = [line for line in section if line.startswith(_KEPT)]
    head = " ".join([kind, "9", protocol, *formats])
    return [head, "c=IN IP4 0.0.0.0", *kept, "a=sendrecv", *taken]
