"""The HTTP side of the API, on Trio: ephemeral keys, calls, and the sessions of the beta."""
