"""The version, read by the build and by the User-Agent header."""

from typing import Final

__version__: Final = "0.1.0"
