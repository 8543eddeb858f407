"""What the API offers on an open connection: `conn.session`, `conn.conversation.item`, and so on.

Each resource turns a call into one client event and hands it to the connection. Resources keep no
state and may be used by any number of tasks at the same time. They do not know how frames travel,
nor how an answer finds its request.
"""

from trio_realtime._resources._audio import InputAudioBufferResource, OutputAudioBufferResource
from trio_realtime._resources._conversation import ConversationItemResource, ConversationResource
from trio_realtime._resources._frame import UNSET, Unset
from trio_realtime._resources._response import ResponseResource
from trio_realtime._resources._session import SessionResource
from trio_realtime._resources._translation import (
    TranslationInputResource,
    TranslationSessionResource,
)

__all__ = [
    "UNSET",
    "ConversationItemResource",
    "ConversationResource",
    "InputAudioBufferResource",
    "OutputAudioBufferResource",
    "ResponseResource",
    "SessionResource",
    "TranslationInputResource",
    "TranslationSessionResource",
    "Unset",
]
