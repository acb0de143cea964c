"""The law, as pure functions: from feed records to listings, and from listings to decisions and repair.

No I/O and no clock: a function whose result depends on the day takes the day as a parameter. May import the standard
library and small pure libraries (``msgspec``, ``stdnum``), no other package of this project.

    feed record ─▶ admission ──▶ FeedEvent ─▶ [ledger] ─▶ listings ──▶ IndexedListing ─▶ [register]
                    (validate)                             (life, index)                      │
    check ───────▶ identity ───▶ subject keys ─────────▶ [look-up] ◀──────────────────────────┘
                                                             │
                                      policy (decide) ◀──────┘─▶ repair (conditions of 信用修复)
                                         └▶ Verdict ─▶ [gateway]

From the bottom up; each imports only those above it in this list:

    vocabulary, faults, calendar, working_days    closed value sets, errors, days and deadlines
    identity      who: numbers, names, subject keys
    records       what an authority sends: feed record v1, departments, feed bounds
    listings      the life of a listing, its validity, its entries in the register
    admission     whether a feed record is accepted, and in which order events count
    policy        policy packs and decisions
    repair        whether a listing may be repaired

The law is cited as ``<document> Art. <n>``, items as ``（一）``:

    办法一      淮安市守信联合激励和失信联合惩戒实施办法（试行）
    办法二      淮安市公共信用信息管理办法（试行）
    个人意见    淮安市加强个人诚信体系建设的实施意见
    电商意见    淮安市全面加强电子商务领域诚信建设的实施意见
    令第36号    信用修复管理办法（国家发展改革委令第36号）
    民法典      中华人民共和国民法典, on periods (Art. 201 to 203)

Where each article is implemented:

    办法一 Art. 2         subjects                  identity.forms
    办法一 Art. 3         who may determine         records.departments, admission.validator
    办法一 Art. 4         black excludes red        listings.red_against_black, policy.decision
    办法一 Art. 5, 6      categories                vocabulary, admission.validator
    办法一 Art. 8         content of a record       records.feed_record, listings.validity
    办法一 Art. 9         push in 7 working days    working_days
    办法一 Art. 12        validity by a document    listings.validity, vocabulary
    办法一 Art. 13, 14    incentives, discipline    policy.pack, policy.decision
    办法一 Art. 15        objection                 records.feed_record, listings.life
    办法一 Art. 16        its review, correction    records.feed_record, listings.life, working_days
    办法一 Art. 18        leaving the black list    repair.huaian
    办法一 Art. 19        publicity, archive        records.feed_record, listings.life, working_days
    办法一 Art. 20        removal by a document     records.feed_record, listings.life, admission.snapshot
    办法二 Art. 2         legal capacity            listings.responsible, admission.validator
    办法二 Art. 8, 16     rhythm, databases         records.departments
    办法二 Art. 12        negative information      vocabulary, policy.decision
    办法二 Art. 14        prohibited data           admission.prohibited, admission.prohibited_text
    办法二 Art. 15        numbers, severity         identity.identifiers, vocabulary
    办法二 Art. 18        data classes              vocabulary, listings.indexer, policy.matching
    办法二 Art. 26        responsible persons       listings.responsible, listings.indexer
    办法二 Art. 27        validity                  listings.validity, policy.matching
    办法二 Art. 28        objection                 listings.life
    办法二 Art. 29        its review, correction    listings.life, working_days
    办法二 Art. 31        repair                    repair.huaian
    办法二 Art. 32        publicity                 listings.life, working_days
    个人意见 三（一）     identification            identity.names, policy.matching
    个人意见 五（二）     lock and intercept        vocabulary, policy.decision
    电商意见 五（二）     account lock              vocabulary
    令第36号              national repair           repair.national
"""
