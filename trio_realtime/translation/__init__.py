"""The translation dialect: its events and types, loaded when they are first used."""

from trio_realtime.events._ga import ClientEvent, ServerEvent

__all__ = ["ClientEvent", "ServerEvent"]
