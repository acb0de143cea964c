"""What authorities send, and which authorities there are (办法一 Art. 3 and 8, 办法二 Art. 8 and 16).

    decoded JSON ─▶ known_fields ─▶ feed_record ─▶ ListRecord, RemoveRecord, RepairRecord, …
    departments.yaml ─▶ departments ─▶ Department (categories, data class, rhythm, feed_bounds)

    feed_record    feed record v1: the record types and their JSON Schema
    known_fields   drops fields that feed record v1 does not define
    departments    the authorities and what each may determine
    feed_bounds    how much one authority may change before its feed goes into quarantine

May import ``rules.identity`` and the root modules.
"""
