"""The authority's own number of a record, where the file holds it in one column or in several."""

import unicodedata

from intake.formats.rules import RecordRules
from intake.rows.reading import Reading

_BRACKETS = str.maketrans("〔〕【】［］[]", "()()()()")


def record_number(rules: RecordRules, reading: Reading) -> str:
    """The number in one spelling, so that a later delivery and a removal meet the same listing.

    （2026）苏0811执12号, (2026) 苏0811执12号 and 〔2026〕苏0811执12号 are one number.
    """
    written = str(reading.needed(rules.record_no)).translate(_BRACKETS)
    return "".join(unicodedata.normalize("NFKC", written).split())
