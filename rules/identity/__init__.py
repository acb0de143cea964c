"""Who a record or a check is about: numbers, names and the keys made from them (办法二 Art. 15, 个人意见 三（一）).

    typed text ─▶ folding ─▶ identifiers ─┬▶ Identifier   ─▶ canonical ──┐
                                          └▶ MaskedNumber                ├▶ subject ─▶ keys (keyed hash)
    typed name ─▶ names ────────────────────▶ normal form ───────────────┘

    folding       one spelling for a number
    forms         the forms of a number, their check digits, ``Identifier``
    masked        numbers with hidden characters
    identifiers   ``parse_identifier``: the entrance of this package
    faults        what can be wrong with a number
    names         one spelling for a name
    subject       keys of subjects, names and listings

May import ``rules.vocabulary``, ``rules.faults`` and ``rules.calendar``.
"""
