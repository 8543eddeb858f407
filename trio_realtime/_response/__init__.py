"""Responses as scopes: the handle of a response, and its views."""

from trio_realtime._response._reply import Reply, dropped_reply
from trio_realtime._response._sink import ReplyOwner, ReplySink
from trio_realtime._response._views import ReplyView

__all__ = ["Reply", "ReplyOwner", "ReplySink", "ReplyView", "dropped_reply"]
