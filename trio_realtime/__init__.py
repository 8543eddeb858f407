"""OpenAI's Realtime API for Trio: typed events over one WebSocket, as structured concurrency."""
