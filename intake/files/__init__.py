"""From a file's bytes to rows of cells.

    .csv .tsv .txt ─▶ text (encoding, lines) ─▶ delimited ─┐
    .xlsx .xls ─────▶ sheets ──────────────────────────────┴▶ header ─▶ Row: cells by column ─┐
    .json .ndjson ──▶ json_rows ─────────────────────────────────────▶ Row: a JSON value ─────┴▶ tables.read_rows

- ``cells``: what a cell may hold, and its text
- ``row``: ``Row``, the common form of all files
- ``header``: finds the header of a table and the rows below it

It may import ``intake.faults`` and ``rules``.
"""
