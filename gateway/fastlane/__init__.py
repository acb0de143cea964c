"""A second, smaller HTTP server on the same port as aiohttp, for the plain form of a check.

    bytes ─▶ connection ─▶ request_head: plain? ──no──▶ aiohttp, with every byte of the connection, for good
                               │yes
                               ▼
             authenticator ─▶ CheckService ─▶ response ─▶ write_batch ─▶ socket

    server        makes connections, closes idle ones, and closes all at the end
    context       what the connections of a process share, and answers that wait
    connection    one connection
    request_head  which requests are plain
    write_batch   responses of one event-loop iteration, sent together

Imports ``gateway.checks`` and ``gateway.web``. It applies the same admission, checks and serialiser of problems as
aiohttp's routes, at less cost per request (docs/measured.md).
"""
