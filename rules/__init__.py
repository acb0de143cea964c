"""The law, pure: subjects and identifiers, listings and validity, policy and decision.

No I/O and no clock of its own: every function that depends on the day takes it as a parameter.

    feed bytes ─▶ feed_record ─▶ admission (who may say this, is it whole) ─▶ listing
    check      ─▶ identifiers ─▶ subject keys ─▶ [register] ─▶ decision (policy pack, day) ─▶ verdict
"""
