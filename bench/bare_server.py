"""The reference: aiohttp under uvloop, which parses the body of a check with msgspec and answers a constant.

``python -m bench.bare_server PORT BYTES``
"""

import asyncio
import sys

import msgspec
import uvloop
from aiohttp import web


class Subject(msgspec.Struct):
    """A subject of a check."""

    role: str
    id: str


class CheckBody(msgspec.Struct):
    """The body of a check."""

    scene: str
    transaction_id: str
    operator: str
    purpose: str
    subjects: list[Subject]


def application(size: int) -> web.Application:
    """An application that answers every check with the same ``size`` bytes."""
    decoder, answer = msgspec.json.Decoder(CheckBody), b'"' + b"x" * (size - 2) + b'"'
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}

    async def check(request: web.Request) -> web.Response:
        decoder.decode(await request.read())
        return web.Response(body=answer, headers=headers)

    app = web.Application()
    app.router.add_post("/v1/checks", check)
    return app


async def serve(port: int, size: int) -> None:
    """Serve until the process ends."""
    runner = web.AppRunner(application(size), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
