"""HTTP as every route of the gateway uses it.

    request ─▶ drain_state: count it ─▶ problems: handle errors ─▶ route's handler
                                                                     │ auth: which client calls
                                                                     │ request_body: read under a deadline
                                                                     │ json_body, officer_reason: parse
    response ◀─ drain_state: headers ◀─ responses, problems ◀────────┘

    auth            the client of an API key
    request_body    whole bodies, read deadlines
    json_body       JSON bodies as typed forms
    officer_reason  who decides, why, by which document
    responses       JSON responses, pages and cursors
    problem_codes   the closed list of error codes
    problems        errors as RFC 9457 problem+json, serialised once for every server
    drain_state     what a process that ends still has to finish

It imports ``gateway.metrics``, ``rules`` and ``store``, and no other part of the gateway.
"""
