"""Masked numbers (脱敏号码): some characters are hidden, so they narrow down a subject without identifying it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rules.identity.folding import fold, is_plain
from rules.identity.forms import CENTENARIANS, CENTURIES, LENGTHS, IdType

_ELLIPSIS_RUN = re.compile(r"\**…[*…]*")


@dataclass(frozen=True, slots=True)
class MaskedNumber:
    """A number with hidden characters: "*" for each, "…" for a run of unknown length."""

    pattern: str

    def could_be(self, value: str) -> bool:
        """Whether this can be that whole number, in its present or its older form."""
        return self.compatible(value)

    def compatible(self, other_pattern: str) -> bool:
        """Whether one number fits both patterns."""
        other = _pattern_of(fold(other_pattern))
        # Shorten at most one side: two shortened numbers have both lost the characters that may differ.
        return any(_agree(self.pattern, form) for form in _written_forms(other)) or any(
            _agree(form, other) for form in _written_forms(self.pattern)
        )


def read_masked(folded: str, declared: IdType | None) -> MaskedNumber | str:
    """The masked number of a folded text that has hidden characters, or the code of its fault."""
    pattern = _pattern_of(folded)
    visible = pattern.replace("*", "").replace("…", "")
    if not visible:
        return "identifier_masked_whole"
    if not is_plain(visible):
        return "identifier_characters"
    lengths = LENGTHS[declared.kind] if declared else (9, 15, 18)
    fits = len(pattern) <= max(lengths) if "…" in pattern else len(pattern) in lengths
    return MaskedNumber(pattern) if fits else "identifier_length"


def _pattern_of(folded: str) -> str:
    return _ELLIPSIS_RUN.sub("…", folded)


def _written_forms(pattern: str) -> Iterator[str]:
    """The pattern, and for 18 characters the shorter numbers by which the same subject may be given.

    These are the 15-digit resident number without century and check digit, and the organisation code inside a
    credit code.
    """
    yield pattern
    if len(pattern) != 18 or "…" in pattern:
        return
    born_in_18xx = any(_agree(pattern[14:17], sequence) for sequence in CENTENARIANS)
    if _agree(pattern[6:8], "19") or (born_in_18xx and _agree(pattern[6:8], "18")):
        yield pattern[:6] + pattern[8:17]
    if pattern[6:8] not in CENTURIES:
        yield pattern[8:17]


def _agree(one: str, other: str) -> bool:
    """Whether some text fits both patterns: a search over the reachable pairs of positions."""
    # "~" stands for any number of characters, none included, so "…" is at least one.
    one, other = one.replace("…", "*~"), other.replace("…", "*~")
    seen: set[tuple[int, int]] = set()
    open_pairs = [(0, 0)]
    while open_pairs:
        i, j = pair = open_pairs.pop()
        if pair == (len(one), len(other)):
            return True
        if pair in seen:
            continue
        seen.add(pair)
        a, b = one[i : i + 1], other[j : j + 1]
        if "~" in (a, b):
            open_pairs += [(i + 1, j)] * bool(a) + [(i, j + 1)] * bool(b)
        elif a and b and (a == b or "*" in (a, b)):
            open_pairs.append((i + 1, j + 1))
    return False
