"""Names of subjects in one normal form, so that two spellings of one name compare equal.

A name never identifies a subject (个人意见 三（一）：确保个人身份识别信息的唯一性). It cross-checks a number, and alone
it causes at most a review. The normal form is only compared; records keep the name as it was sent.
"""

import re
import unicodedata
from itertools import chain

# The private-use characters that GBK fonts place at FE50-FEA0, in byte order. The codec maps most of them; the
# rest it leaves in private use, as GB 18030-2000 did.
_GBK_TRAILS = chain(range(0x50, 0x7F), range(0x80, 0xA1))
_FROM_GBK = {0xE815 + i: bytes((0xFE, trail)).decode("gb18030") for i, trail in enumerate(_GBK_TRAILS)}
# Private-use code points of GB 18030-2000 and the characters that GB 18030-2022 has for them.
GB18030_2000_TO_2022 = {
    **dict(zip(range(0xE78D, 0xE797), map(chr, (0xFE10, 0xFE12, 0xFE11, *range(0xFE13, 0xFE1A))), strict=True)),
    **{0xE7C7: "\u1e3f", 0xE7C8: "\u01f9"},
    **{0xE816: "\U00020087", 0xE817: "\U00020089", 0xE818: "\U000200cc"},
    **{0xE831: "\U000215d7", 0xE83B: "\U0002298f", 0xE855: "\U000241fe"},
    **{0xE81E: "\u9fb4", 0xE826: "\u9fb5", 0xE82B: "\u9fb6", 0xE82C: "\u9fb7"},
    **{0xE832: "\u9fb8", 0xE843: "\u9fb9", 0xE854: "\u9fba", 0xE864: "\u9fbb"},
}
_PRIVATE_USE = _FROM_GBK | GB18030_2000_TO_2022

# The dots that different keyboards give between the parts of a name.
_DOTS = re.compile(r"\s*[·•・‧⋅∙.]\s*")
_SPACES = re.compile(r"\s+")
_PLAIN_HAN = re.compile(r"[\u4e00-\u9fa5]+")
"""Characters that normalisation leaves unchanged: nearly every name has no others."""
_HAN = re.compile(r"[\u2e80-\u2fdf\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def normalise_name(text: str) -> str:
    """The form in which names are compared: NFKC, one kind of dot, no invisible characters, folded case.

    A name with Chinese characters loses all spaces (张　三 is 张三); any other keeps one between words.
    Idempotent. An empty result means that the text holds no name.
    """
    if _PLAIN_HAN.fullmatch(text):
        return text
    before, name = "", _without_invisible(text.translate(_PRIVATE_USE))
    # Dropping a character can let its neighbours compose, so repeat until nothing changes. Each further round
    # drops a character, so the loop ends; for real names the second round only confirms.
    while name != before:
        before, name = name, _step(name)
    return name


def same_name(a: str, b: str) -> bool:
    """Whether two texts spell the same name. An empty name equals none."""
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
