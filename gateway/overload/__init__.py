"""What keeps load within bounds. One object, ``AdmissionControl``, applies all three limits to checks on both servers.

    request ─▶ load_shedder ──────▶ rate_limit ─────────▶ concurrency_limit ─▶ work
                   │ event loop         │ client over         │ too many
                   ▼ overloaded         ▼ its rate            ▼ in progress
                  503                  429                   503

    load_shedder       whether the event loop keeps up
    rate_limit         a token bucket per client
    concurrency_limit  requests in progress, by kind of request
    admission_control  the three together, for checks

Imports ``gateway.web`` and ``gateway.metrics``.
"""
