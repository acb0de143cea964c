"""Structured logs on stderr: one JSON object a line, or text for a console. They never contain personal data."""

import logging
import sys

import structlog


def _without_request_bytes(record: logging.LogRecord) -> bool:
    """Log only the type of a parse error: aiohttp's text quotes the request, which may hold a key or an identifier."""
    error = record.exc_info[1] if record.exc_info else None
    if type(error).__module__.startswith("aiohttp."):
        record.msg, record.args, record.exc_info = "request unreadable: %s", (type(error).__name__,), None
    return True


def set_up_logs(log_format: str, *, level: int = logging.INFO) -> None:
    """Give the logs of structlog and of the libraries one format, ``json`` or ``console``."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if log_format == "console"
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for library in ("aiokafka", "kafka", "faust", "mode", "alembic", "aiohttp.access", "aiosqlite"):
        logging.getLogger(library).setLevel(max(level, logging.WARNING))
    logging.getLogger("aiohttp.server").addFilter(_without_request_bytes)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
