"""The authority's own number of a record, read from one column or from several."""

import unicodedata

from intake.formats.rules import RecordRules
from intake.rows.reading import RowReader

_BRACKETS = str.maketrans("〔〕【】［］[]", "()()()()")


def record_number(rules: RecordRules, reader: RowReader) -> str:
    """The number in one normal spelling, so that later deliveries and removals refer to the same listing.

    （2026）苏0811执12号, (2026) 苏0811执12号 and 〔2026〕苏0811执12号 are the same number.
    """
    written = str(reader.required(rules.record_no)).translate(_BRACKETS)
    return "".join(unicodedata.normalize("NFKC", written).split())
