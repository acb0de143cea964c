"""The table of routes: method and path, and the handler that answers."""

from aiohttp import web

from gateway.handlers import CheckRoom, FeedRoom, Handlers, PlatformRoom

_PROXIED_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""A proxy may ask for authorisation with the method and under the path of the request that it holds back."""


def route_table(handlers: Handlers) -> list[web.RouteDef]:
    """Every route of the gateway."""
    health, docs = handlers.health, handlers.docs
    return [
        web.get("/livez", health.livez),
        web.get("/readyz", health.readyz),
        web.get("/metrics", health.metrics),
        web.get("/openapi.json", docs.openapi),
        web.get("/docs", docs.docs),
        web.get("/docs/{file}", docs.static),
        *_check_routes(handlers.check),
        *_feed_routes(handlers.feed),
        *_platform_routes(handlers.platform),
    ]


def _check_routes(room: CheckRoom) -> list[web.RouteDef]:
    return [
        web.post("/v1/checks", room.checks.post),
        web.post("/v1/checks/batch", room.checks.post_batch),
        web.get("/v1/authz", room.proxy_auth.any),
        *(web.route(method, "/v1/authz/{path:.*}", room.proxy_auth.any) for method in _PROXIED_METHODS),
        web.post("/v1/tickets/verify", room.tickets.verify),
    ]


def _feed_routes(room: FeedRoom) -> list[web.RouteDef]:
    return [
        web.post("/v1/feeds/{authority}/records", room.deliveries.post_records),
        web.post("/v1/feeds/{authority}/files", room.uploads.post_file),
        web.get("/v1/feeds/status", room.operations.get_status),
        web.post("/v1/feeds/{authority}/hold/release", room.operations.release),
        web.post("/v1/feeds/{authority}/hold/discard", room.operations.discard),
        web.get("/v1/feeds/{authority}/notices", room.operations.get_notices),
        web.get("/v1/feeds/receipts/{receipt}", room.deliveries.get_receipt),
        web.get("/v1/listings/{listing}/repair", room.repair.get),
        web.get("/v1/schemas/{schema}", room.deliveries.get_schema),
    ]


def _platform_routes(room: PlatformRoom) -> list[web.RouteDef]:
    return [
        web.get("/v1/decisions", room.decisions.get_overdue),
        web.get("/v1/decisions/{decision}", room.decisions.get),
        web.post("/v1/decisions/{decision}/feedback", room.decisions.post_feedback),
        web.put("/v1/watches", room.watches.put),
        web.get("/v1/watches", room.watches.get),
        web.get("/v1/events", room.events.get),
        web.put("/v1/webhook", room.webhooks.put),
        web.get("/v1/webhook", room.webhooks.get),
        web.delete("/v1/webhook", room.webhooks.delete),
        web.post("/v1/webhook/secret", room.webhooks.rotate),
        web.get("/v1/webhook/deliveries", room.webhooks.get_deliveries),
        web.post("/v1/webhook/deliveries/{event}/replay", room.webhooks.replay),
        web.get("/v1/locks", room.locks.get_many),
        web.get("/v1/locks/{lock}", room.locks.get),
        web.post("/v1/locks/{lock}/release", room.locks.release),
        web.post("/v1/locks/{lock}/confirm", room.locks.confirm),
    ]
