"""How large a file and its parts may be. The texts of ``intake.faults`` name the same figures."""

MAX_LINE_CHARS = 1024 * 1024
"""Length of a line of text."""

MAX_LINE_BYTES = 1024 * 1024
"""Length of a line of NDJSON."""

MAX_WHOLE_FILE_BYTES = 64 * 1024 * 1024
"""Size of a file that is read as a whole: JSON and XLS."""

MAX_UNPACKED_BYTES = 1024 * 1024 * 1024
"""Size of an XLSX after unpacking, as its directory states it: a small archive may unpack to any size."""

MAX_XLSX_ROWS = 1_048_576
"""Rows of an XLSX sheet (ECMA-376)."""
