"""/openapi.json (OpenAPI 3.1), and /docs, a page that renders it with scripts served from here (no CDN)."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import orjson
import yaml
from aiohttp import web

from gateway.web.auth import Authenticator
from gateway.web.problems import ProblemError
from rules.records.feed_record import feed_record_schema

_HERE = Path(__file__).parent
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it is installed: the document is long, and each process reads it when it starts."""
_CONTENT_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
}
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)


@cache
def openapi_document() -> bytes:
    """The OpenAPI document as JSON, with the feed record's schema generated from its classes."""
    document = yaml.load((_HERE / "openapi.yaml").read_text(), Loader=_LOADER)  # noqa: S506 - a safe loader
    record = feed_record_schema()
    for name, schema in record.pop("$defs").items():
        document["components"]["schemas"][name] = schema
    record = {key: value for key, value in record.items() if not key.startswith("$")}
    document["components"]["schemas"]["FeedRecord"] = record
    return orjson.dumps(document).replace(b"#/$defs/", b"#/components/schemas/")


@dataclass(frozen=True, slots=True)
class ApiDocs:
    """The pages; a browser sends the API key as the password of HTTP Basic."""

    authenticator: Authenticator
    document: bytes = field(default_factory=openapi_document)

    async def openapi(self, request: web.Request) -> web.Response:
        """The OpenAPI document."""
        await self.authenticator.browser_client_of(request)
        return web.Response(body=self.document, headers={"Content-Type": "application/json"})

    async def docs(self, request: web.Request) -> web.Response:
        """The page that renders the document."""
        await self.authenticator.browser_client_of(request)
        return self._file("docs.html")

    async def static(self, request: web.Request) -> web.Response:
        """A script or stylesheet of the page."""
        await self.authenticator.browser_client_of(request)
        return self._file(request.match_info["file"])

    def _file(self, name: str) -> web.Response:
        path = _HERE / "static" / name
        if path.parent != _HERE / "static" or path.suffix not in _CONTENT_TYPES or not path.is_file():
            raise ProblemError("not_found")
        headers = {
            "Content-Type": _CONTENT_TYPES[path.suffix],
            "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, max-age=3600",
        }
        return web.Response(body=path.read_bytes(), headers=headers)
