"""Names of subjects, brought to one form so that two spellings of one name compare equal.

A name never identifies a subject (办法二: 确保个人身份识别信息的唯一性): it cross-checks a number, and
by itself it can at most cause a review. The raw name is kept elsewhere; this form is only compared.
"""

import re
import unicodedata
from itertools import chain

# The private-use characters that GBK fonts put at FE50-FEA0, in the order of those two bytes. The codec
# knows most of them; the rest it leaves in private use, as GB 18030-2000 did.
_GBK_TRAILS = chain(range(0x50, 0x7F), range(0x80, 0xA1))
_FROM_GBK = {0xE815 + i: bytes((0xFE, trail)).decode("gb18030") for i, trail in enumerate(_GBK_TRAILS)}
# GB 18030-2022: no character is mapped to private use any more.
_FROM_2000 = {
    **dict(zip(range(0xE78D, 0xE797), map(chr, (0xFE10, 0xFE12, 0xFE11, *range(0xFE13, 0xFE1A))), strict=True)),
    **{0xE7C7: "\u1e3f", 0xE7C8: "\u01f9"},
    **{0xE816: "\U00020087", 0xE817: "\U00020089", 0xE818: "\U000200cc"},
    **{0xE831: "\U000215d7", 0xE83B: "\U0002298f", 0xE855: "\U000241fe"},
    **{0xE81E: "\u9fb4", 0xE826: "\u9fb5", 0xE82B: "\u9fb6", 0xE82C: "\u9fb7"},
    **{0xE832: "\u9fb8", 0xE843: "\u9fb9", 0xE854: "\u9fba", 0xE864: "\u9fbb"},
}
_PRIVATE_USE = _FROM_GBK | _FROM_2000

# One dot between the parts of a name: the keyboards of different offices give all of these.
_DOTS = re.compile(r"\s*[·•・‧⋅∙.]\s*")
_SPACES = re.compile(r"\s+")
_PLAIN_HAN = re.compile(r"[\u4e00-\u9fa5]+")
"""Characters that none of the steps changes: nearly every name of a person or an organisation."""
_HAN = re.compile(r"[\u2e80-\u2fdf\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def normalise_name(text: str) -> str:
    """The form in which names are compared: NFKC, one kind of dot, no invisible characters, folded case.

    A name with Chinese characters loses all spaces (张　三 is 张三); any other keeps one between words.
    Idempotent. An empty result means that there is no name.
    """
    if _PLAIN_HAN.fullmatch(text):
        return text
    before, name = "", _without_invisible(text.translate(_PRIVATE_USE))
    # Dropping a character can let its neighbours compose. Each further round drops one, so this ends; for
    # real names the second round only confirms.
    while name != before:
        before, name = name, _step(name)
    return name


def same_name(a: str, b: str) -> bool:
    """Whether two names are spellings of one. An empty name is nobody's, and equals none."""
    name = normalise_name(a)
    return bool(name) and name == normalise_name(b)


def _step(name: str) -> str:
    name = unicodedata.normalize("NFKC", name).casefold()
    name = _DOTS.sub("·", _without_invisible(name))
    return _SPACES.sub("" if _HAN.search(name) else " ", name).strip()


def _without_invisible(text: str) -> str:
    """Drops format characters (ZWSP, BOM, soft hyphen) and variation selectors, which only pick a glyph."""
    return "".join(c for c in text if not _is_invisible(c))


def _is_invisible(c: str) -> bool:
    if "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef":
        return True
    return unicodedata.category(c) in ("Cf", "Cc") and not c.isspace()
