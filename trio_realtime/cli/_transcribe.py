"""`trio-realtime transcribe`: what is said in WAV files, as text, subtitles or JSON.

Several files at once, each on a connection of its own; one that fails is told, and the others go
on. This module knows files and where results go. How one is transcribed is in `_transcribe_file`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, final

import trio

from trio_realtime._endpoint import Endpoint, endpoint_from_environment
from trio_realtime.cli._display import Display
from trio_realtime.cli._problem import ProblemError, verdict
from trio_realtime.cli._transcribe_file import Wanted, transcribe_file
from trio_realtime.cli._transcribe_progress import Progress, ProgressView
from trio_realtime.cli._transcribe_result import SUFFIXES, FileTranscript, Format

MODEL: Final = "gpt-4o-transcribe"
JOBS: Final = 4


@final
@dataclass(frozen=True, slots=True)
class Transcribing:
    """What `transcribe` was asked for."""

    files: Sequence[Path]
    model: str = MODEL
    language: str | None = None
    prompt: str | None = None
    form: Format = "text"
    output: Path | None = None
    """The folder for the results; None prints them."""

    jobs: int = JOBS
    """Files under way at a time."""

    base_url: str | None = None


async def transcribe(display: Display, asked: Transcribing) -> None:
    """Transcribe the files, and print or write each as soon as those before it are done.

    Raises:
        ProblemError: if something is wrong that the user can put right, also with one file of
            several: the others are transcribed nevertheless.
    """
    _check(asked)
    wanted = Wanted(_endpoint(asked.base_url), asked.model, asked.language, asked.prompt)
    begun = trio.current_time()
    work = _Work(display, asked, wanted)
    async with trio.open_nursery() as nursery:
        if display.errors.is_terminal:
            nursery.start_soon(work.view.show)
        await work.run()
        nursery.cancel_scope.cancel()
    took = trio.current_time() - begun
    if display.errors.is_terminal:
        seconds = sum(each.transcribed for each in work.progress)
        display.hint(f"{seconds:.0f} s of audio in {took:.1f} s")
    if work.failed:
        count = len(asked.files)
        raise ProblemError(
            f"{work.failed} of {count} file{'s' * (count > 1)} could not be "
            "transcribed, or not in full"
        )


@final
@dataclass(slots=True)
class _Work:
    display: Display
    asked: Transcribing
    wanted: Wanted
    progress: list[Progress] = field(init=False)
    view: ProgressView = field(init=False)
    failed: int = 0
    results: dict[int, FileTranscript | None] = field(
        init=False, default_factory=dict[int, FileTranscript | None]
    )
    """What is not printed yet; None for a file that failed."""
    printed: int = 0

    def __post_init__(self) -> None:
        self.progress = [Progress(str(path)) for path in self.asked.files]
        self.view = ProgressView(self.progress, self.display.errors)

    async def run(self) -> None:
        """Transcribe all files, some at a time."""
        limit = trio.CapacityLimiter(self.asked.jobs)
        try:
            async with trio.open_nursery() as nursery:
                for number in range(len(self.asked.files)):
                    # In the order in which they were named.
                    await limit.acquire_on_behalf_of(number)
                    nursery.start_soon(self._one, number, limit)
        finally:
            # Of a run that was interrupted: what waits for one that will not come.
            with self.view.aside():
                for number in sorted(self.results):
                    self._print(self.results.pop(number))

    async def _one(self, number: int, limit: trio.CapacityLimiter) -> None:
        path, progress = self.asked.files[number], self.progress[number]
        try:
            result = await transcribe_file(path, self.wanted, progress)
            problems = [*result.problems]
            if self.asked.output is not None:
                to = _path_of(path, self.asked.output, self.asked.form)
                to.write_text(result.written(self.asked.form, indent=2), encoding="utf-8")
        except Exception as exc:  # noqa: BLE001 - what is not the world's fault is raised again
            result, problems = None, [_told(path, verdict(exc)[1])]
        limit.release_on_behalf_of(number)
        progress.ends(well=not problems)
        self.failed += bool(problems)
        self.results[number] = result
        with self.view.aside():
            for problem in problems:
                self.display.log(f"trio-realtime: {problem}")
            self._print_in_order()

    def _print_in_order(self) -> None:
        """Print what is done, as long as nothing before it is missing."""
        while self.printed in self.results:
            self._print(self.results.pop(self.printed))
            self.printed += 1

    def _print(self, result: FileTranscript | None) -> None:
        asked = self.asked
        if result is None:
            return
        if asked.output is not None:
            to = _path_of(Path(result.name), asked.output, asked.form)
            self.display.hint(f"{result.name}: {result.seconds:.0f} s, written to {to}")
            return
        if asked.form == "text" and len(asked.files) > 1:
            self.display.line(f"{result.name}:", "bold")
        self.display.line(result.written(asked.form).removesuffix("\n"))


def _path_of(path: Path, folder: Path, form: Format) -> Path:
    return folder / f"{path.stem}{SUFFIXES[form]}"


def _told(path: Path, line: str) -> str:
    return line if line.startswith(f"{path}: ") else f"{path}: {line}"


def _check(asked: Transcribing) -> None:
    if asked.jobs < 1:
        raise ProblemError(f"--jobs must be 1 or more; it is {asked.jobs}")
    if not asked.model.strip():
        raise ProblemError(f"--model must be a model, such as {MODEL}; it is empty")
    if asked.output is None:
        if asked.form == "srt" and len(asked.files) > 1:
            raise ProblemError("subtitles of several files need a folder: give --output FOLDER")
        return
    stems = [path.stem for path in asked.files]
    twice = next((path for path in asked.files if stems.count(path.stem) > 1), None)
    if twice is not None:
        to = _path_of(twice, asked.output, asked.form)
        raise ProblemError(f"two of the files would be written to {to}")
    try:
        asked.output.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise ProblemError(f"--output {asked.output}: {exc.strerror}") from exc
    if not os.access(asked.output, os.W_OK):
        raise ProblemError(f"--output {asked.output}: cannot be written")


def _endpoint(base_url: str | None) -> Endpoint:
    environ = dict(os.environ)
    if base_url is not None:
        environ["OPENAI_BASE_URL"] = base_url
    try:
        return endpoint_from_environment(environ)
    except ValueError as exc:
        raise ProblemError(str(exc)) from exc
