"""The HTTP side: answers checks, takes feeds in, releases locks. It keeps no state of its own.

POST /v1/checks ─▶ access ─▶ check_request ─▶ register_reader ─▶ rules.decide
                ─▶ (lock, intercept: ledger first) ─▶ check_answer
POST /v1/feeds/{authority}/records ─▶ access ─▶ intake ─▶ topic credit.feeds ─▶ receipt
"""
