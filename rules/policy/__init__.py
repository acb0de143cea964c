"""Policy packs, and the decisions they give (办法一 Art. 4, 13 and 14; 个人意见 五（二）).

    YAML ─▶ faults.policy_from ─▶ Policy ──────────────┐
    listings ─▶ matching ─▶ matches of each party ─────┴▶ decision.decide ─▶ Verdict ─▶ unknown.apply_on_unknown

    pack        the content of a pack: scenes, measures, rules
    condition   the conditions of a rule, the facts of a transaction
    faults      loads a pack, or reports every fault in it
    matching    which listings concern a party, and which the caller may see
    decision    the verdict
    verdict     its parts
    unknown     what applies while data may be missing
    examples    test cases kept beside a pack
    diff        what changes between two packs
    review      warnings about a pack
    replay      past decisions in a form that can be decided again

May import ``rules.identity``, ``rules.records``, ``rules.listings`` and the root modules.
"""
