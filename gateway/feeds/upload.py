"""An uploaded file, held in memory only: data that may not be stored must never reach a disk."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO, NamedTuple

from aiohttp import BodyPartReader, StreamReader, web

from gateway.web.problems import ProblemError
from gateway.web.request_body import ReadDeadline, read_deadline
from intake.files.tables import FileKind, FileUnreadableError, kind_of

_CHUNK_BYTES = 256 * 1024
_BYTES_PER_DEADLINE = 1024 * 1024
"""Each so many bytes restart the read deadline: a large file may take long, a slow client may not."""


class UploadedFile(NamedTuple):
    """The bytes, seekable, and what kind of file they are."""

    file: BinaryIO
    kind: FileKind


@asynccontextmanager
async def uploaded_file(request: web.Request, limit: int) -> AsyncIterator[UploadedFile]:
    """The file of a request: a form's field ``file``, or the body with its name in Content-Disposition.

    Raises ``ProblemError``: 408 for a slow body, 413 over ``limit`` bytes, 415 for a kind that is not supported,
    422 without a file.
    """
    name: str | None
    source: StreamReader | BodyPartReader
    if request.content_type == "multipart/form-data":
        async with read_deadline(request):
            source = await _file_field(request)
        name = source.filename
    else:
        source = request.content
        name = _name_of(request.headers.get("Content-Disposition", ""))
    if not name:
        raise ProblemError("file_missing")
    try:
        kind = kind_of(name)
    except FileUnreadableError as error:
        raise ProblemError("file_kind_unsupported", error.text.en, error.text.zh) from None
    # A file in memory: writing to it does not wait for a disk.
    with open(os.memfd_create("feed"), "w+b") as file:  # noqa: ASYNC230
        async with read_deadline(request) as deadline:
            await _copy(source, file, limit, deadline)
        file.seek(0)
        yield UploadedFile(file, kind)


async def _file_field(request: web.Request) -> BodyPartReader:
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if isinstance(part, BodyPartReader) and part.name == "file":
            return part
    raise ProblemError("file_missing")


def _name_of(disposition: str) -> str | None:
    _, found, rest = disposition.partition("filename=")
    return rest.split(";")[0].strip().strip('"') if found else None


async def _copy(source: StreamReader | BodyPartReader, file: BinaryIO, limit: int, deadline: ReadDeadline) -> None:
    size = 0
    while True:
        if isinstance(source, BodyPartReader):
            chunk = await source.read_chunk(_CHUNK_BYTES)
        else:
            chunk = await source.read(_CHUNK_BYTES)
        if not chunk:
            break
        if size // _BYTES_PER_DEADLINE < (size + len(chunk)) // _BYTES_PER_DEADLINE:
            deadline.restart()
        size += len(chunk)
        if size > limit:
            raise ProblemError("file_too_large", f"at most {limit} bytes", f"上限 {limit} 字节")
        file.write(chunk)
