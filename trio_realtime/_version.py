"""The version, read by the build and by the User-Agent header."""

__version__: str = "0.1.0"
