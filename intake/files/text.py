"""Files of text: which encoding, and line by line; no more than one line is ever held.

A byte order mark decides; without one it is strict UTF-8, else strict GB18030. Nothing is guessed from
frequencies: a detector takes short Chinese files for Japanese or Traditional Chinese.
"""

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

from intake.faults import FileUnreadableError
from rules.identity.names import _FROM_2000 as GB18030_2022

MAX_LINE = 1024 * 1024
"""Characters, or bytes of NDJSON, that one line may have."""
_CHUNK = 1024 * 1024
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_GB18030 = "gb18030"


def encoding_of(file: BinaryIO) -> str:
    """The encoding of the whole file. Raises ``FileUnreadableError``. Reads the file once or twice."""
    file.seek(0)
    start = file.read(4)
    marked = next((encoding for mark, encoding in _MARKS if start.startswith(mark)), None)
    for encoding in (marked,) if marked else ("utf-8", _GB18030):
        if _decodes(file, encoding):
            return encoding
    raise FileUnreadableError("encoding_unknown")


def text_lines(file: BinaryIO, encoding: str, longest: int = MAX_LINE) -> Iterator[str]:
    """The lines with their ends as they stand. Raises ``FileUnreadableError`` for one of ``longest`` characters."""
    file.seek(0)
    wrapper = io.TextIOWrapper(file, encoding=encoding, errors="strict", newline="")
    number = 0
    try:
        while line := wrapper.readline(longest):
            number += 1
            if len(line) == longest:
                raise FileUnreadableError("line_too_long", line=number)
            # Python's codec is that of 2000: a few characters come out in private use, where no name,
            # and nothing that is compared, may stand.
            yield line.translate(GB18030_2022) if encoding == _GB18030 else line
    finally:
        if not file.closed:
            wrapper.detach()


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    file.seek(0)
    try:
        while chunk := file.read(_CHUNK):
            if "\0" in decoder.decode(chunk):
                raise FileUnreadableError("file_binary")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
