"""A certificate for this machine, for as long as a server runs.

This module does not know who serves with it.
"""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import trustme


@contextmanager
def certificate_for(*names: str) -> Generator[tuple[ssl.SSLContext, Path]]:
    """Make a certificate authority, and a certificate of its for these names and addresses.

    Yields:
        What a server takes, and the file of the authority's certificate, for clients. It is
        removed when the block is left.
    """
    authority = trustme.CA(organization_name="trio-realtime, for tests only")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate = authority.issue_cert(*names)
    # Its annotation names a class of pyOpenSSL, which need not be installed.
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    with tempfile.TemporaryDirectory(prefix="trio-realtime-") as folder:
        path = Path(folder, "ca.pem")
        authority.cert_pem.write_to_path(str(path))
        yield context, path
