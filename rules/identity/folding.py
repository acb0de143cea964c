"""One spelling for a number, however it was typed: half width, upper case, no spaces or dashes."""

import unicodedata

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
# Cyrillic and Greek letters and Roman numerals that input methods offer for X. × is not among them: it also
# stands for a hidden character. Of the marks for a hidden character, *, • and · are read.
_LOOK_ALIKES = dict.fromkeys(map(ord, "ХхΧχⅩⅹ"), "X") | dict.fromkeys(map(ord, "•·"), "*")
_FOLD = _FULL_WIDTH | _LOOK_ALIKES
_DASHES = "−─ー⁃"  # dashes that Unicode does not class as dashes


def fold(text: str) -> str:
    """The text without spaces, invisible characters and dashes, in half width and upper case.

    The letter O stays O: the readers report it where only 0 is allowed, since a guess could name another subject.
    """
    if text.isascii() and text.isalnum():
        return text.upper()  # nearly every number; this runs in every check
    kept = (c for c in text.translate(_FOLD) if not _is_filler(c))
    return "".join(c.upper() if c.isascii() else c for c in kept)


def is_plain(text: str) -> bool:
    """Whether the text consists of ASCII letters and digits only, at least one."""
    return text.isascii() and text.isalnum()


def _is_filler(c: str) -> bool:
    return c.isspace() or c in _DASHES or unicodedata.category(c) in ("Cf", "Pd")
