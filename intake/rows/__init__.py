"""From a row to feed records v1, as a format says.

    Row ─▶ pipeline ─▶ mapping ─▶ reading (one row under one format)
                          ├─ subjects       the subject, its kind and its fields
                          ├─ record_number  the authority's own number of the record
                          ├─ feed_rows      rows that are feed records v1 already
                          └─ debezium       the envelope of change events
    pipeline ─▶ PreparedRecord

It may import all other parts of ``intake``.
"""
