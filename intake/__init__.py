"""From a department's bytes to feed records v1.

    file ─▶ files ─▶ rows under a header ─▶ rows ─▶ PreparedRecord: a feed record v1, or the fault of its row
            text, workbook, JSON              ▲
    config/formats/*.yaml ─▶ formats ─────────┘ which column becomes which field

    change event of Debezium ─────────────▶ rows ─▶ PreparedRecord

- ``files``: encodings, delimited text, workbooks and JSON, read row by row
- ``formats``: the format files, as types, and their validation
- ``rows``: applies a format to a row; ``rows.pipeline`` is the entrance of the package
- ``faults``: every code of a file or a row, with its text in English and Chinese

A row that cannot be read is reported by line and column; the other rows are read all the same. Whether a record is
admissible is decided afterwards, by ``rules.admission.validator``.

It may import ``rules`` and ``config``. Order inside: ``faults``, ``files``, ``formats``, ``rows``.
"""
