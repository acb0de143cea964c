"""Checks over HTTP. Only this part of ``gateway.checks`` imports aiohttp.

    direct_handler   a plain POST /v1/checks, answered from aiohttp's protocol without router and middlewares
    handler          all other checks and batches on aiohttp
    proxy_auth       GET /v1/authz: a check made of a proxy's headers
    responses        whole HTTP responses as bytes, for direct_handler and the fast lane

Imports ``gateway.checks`` (``service``, ``batch``, ``lookup_keys``) and ``gateway.web``.
"""
