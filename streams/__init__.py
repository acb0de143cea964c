"""The Faust side: what happens to each feed record and to each decision.

    credit.feeds ─▶ feed_agent: judge ─▶ (bad: credit.feeds.rejected) ─▶ ledger ─▶ register ─▶ ack
    credit.decisions ─▶ decision_agent: ledger ─▶ ack

An event is acknowledged only after its effect. A bad record goes to the dead letters and the stream
goes on; a broken dependency is waited for, without end and without acknowledging anything.
"""
