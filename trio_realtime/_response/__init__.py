"""Responses as scopes: asking for one, the handle it is read through, and those of others."""

from trio_realtime._response._incoming import IncomingReplies
from trio_realtime._response._reply import Reply, dropped_reply
from trio_realtime._response._scopes import Responding, Scopes
from trio_realtime._response._sink import ReplyOwner, ReplySink
from trio_realtime._response._views import ReplyView

__all__ = [
    "IncomingReplies",
    "Reply",
    "ReplyOwner",
    "ReplySink",
    "ReplyView",
    "Responding",
    "Scopes",
    "dropped_reply",
]
