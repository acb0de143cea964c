"""A second, smaller HTTP server for checks on the same port as aiohttp."""
