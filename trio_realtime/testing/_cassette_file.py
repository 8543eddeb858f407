"""The file of a cassette: read whole, written line by line.

What is recorded goes to `NAME.partial` beside it, for its owner's eyes alone, each line as it
comes; the file gets its name when all is well, in one step. So a crash leaves a readable
`.partial` and never half a cassette. This module does not know what a line says.

It blocks while the disk does: for a test that is short, and a thread would let a mock clock run
away.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Generator
from io import FileIO
from pathlib import Path
from typing import final

from trio_realtime._core.cassette import Cassette, CassetteError, cassette_from_text


def read_cassette(path: Path) -> Cassette:
    """Read a cassette.

    Raises:
        FileNotFoundError: if there is none; it says how to record one.
        CassetteError: if the file is none.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CassetteError(f"{path} is no cassette: it is not UTF-8 ({error.reason})") from error
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT,
            "there is no such cassette. Record it: with record(path), with "
            'use_cassette(path, "once"), or with pytest --realtime-record=once',
            str(path),
        ) from None
    return cassette_from_text(text, str(path))


@final
class CassetteFile:
    """A cassette while it is written. Nothing is on the disk before the first line."""

    def __init__(self, path: Path, beginning: bytes) -> None:
        self.path: Path = path
        """Where it will be."""
        self.partial: Path = path.with_name(path.name + ".partial")
        """Where it is while it is written."""
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a cassette is a file", str(path))
        self._beginning = beginning
        self._file: FileIO | None = None

    @property
    def is_begun(self) -> bool:
        """Whether there is something on the disk."""
        return self._file is not None

    def write(self, line: str) -> None:
        """Add a line. It is in the operating system's hands when this returns.

        Raises:
            CassetteError: if the disk takes no more of it.
        """
        data = line.encode() + b"\n"
        with self._told():
            if self._file is None:
                self._file = self._begun()
                data = self._beginning + data
            while data:
                data = data[self._file.write(data) :]

    def _begun(self) -> FileIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.partial.unlink()
        # A file of our own making: nobody else has it open, whatever was there before. Unbuffered:
        # what the disk did not take is not written later, when all is over.
        handle = os.open(self.partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        return FileIO(handle, "wb")

    def keep(self) -> None:
        """All is well: give it its name.

        Raises:
            CassetteError: if that cannot be, or another recording has taken its place.
        """
        if self._file is not None:
            is_ours = self._is_ours(self._file)
            self._file.close()
            if not is_ours:
                raise CassetteError(
                    f"{self.path}: another recording of it was begun meanwhile, and nothing of "
                    "this one was kept: give each its own path"
                )
            with self._told():
                self.partial.replace(self.path)

    def leave(self) -> None:
        """Something went wrong: leave what there is where it is."""
        if self._file is not None:
            self._file.close()

    def discard(self) -> None:
        """It must not exist, though it was begun."""
        assert self._file is not None
        is_ours = self._is_ours(self._file)
        self._file.close()
        if is_ours:
            self.partial.unlink()
        self._file = None

    def _is_ours(self, file: FileIO) -> bool:
        """Whether nobody else records to the same path: who begins anew removes what is there."""
        try:
            return os.path.samestat(os.fstat(file.fileno()), self.partial.stat())
        except FileNotFoundError:
            return False

    @contextlib.contextmanager
    def _told(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise CassetteError(f"{self.path} cannot be written: {error}") from error
