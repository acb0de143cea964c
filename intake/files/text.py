"""Text files: their encoding, and their lines, one in memory at a time.

A byte order mark decides the encoding; without one it is strict UTF-8, else strict GB18030. Character frequencies
are not used: detectors take short Chinese files for Japanese or Traditional Chinese.
"""

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

from intake.faults import FileUnreadableError
from intake.files.limits import MAX_LINE_CHARS
from rules.identity.names import GB18030_2000_TO_2022

_CHUNK_BYTES = 1024 * 1024
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_GB18030 = "gb18030"


def encoding_of(file: BinaryIO) -> str:
    """The encoding of the whole file. Raises ``FileUnreadableError``. Reads the file once or twice."""
    file.seek(0)
    start = file.read(4)
    marked = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if start.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", _GB18030):
        if _decodes(file, encoding):
            return encoding
    raise FileUnreadableError("encoding_unknown")


def text_lines(file: BinaryIO, encoding: str, max_chars: int = MAX_LINE_CHARS) -> Iterator[str]:
    """The lines with their line ends. Raises ``FileUnreadableError`` for a line of ``max_chars`` characters or more."""
    file.seek(0)
    wrapper = io.TextIOWrapper(file, encoding=encoding, errors="strict", newline="")
    number = 0
    try:
        while line := wrapper.readline(max_chars):
            number += 1
            if len(line) == max_chars:
                raise FileUnreadableError("line_too_long", line=number)
            # Python's codec implements GB18030-2000, which maps a few characters to private-use code points. Names
            # and codes are compared later, so these characters need their code points of 2022.
            yield line.translate(GB18030_2000_TO_2022) if encoding == _GB18030 else line
    finally:
        if not file.closed:
            wrapper.detach()


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    file.seek(0)
    try:
        while chunk := file.read(_CHUNK_BYTES):
            if "\0" in decoder.decode(chunk):
                raise FileUnreadableError("file_binary")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
