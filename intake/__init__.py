"""From a department's bytes to feed records v1.

    file ─▶ text or workbook ─▶ rows under a header ─▶ format (YAML) ─▶ feed records v1, as plain dicts
            text, sheets         tables                 formats          mapping, records

Nothing here judges a record: whether it may be said at all is asked of ``rules.admission.validator`` afterwards.
One bad row is refused by its line and column and harms no other.
"""
