"""Structured logs: one JSON object a line on stderr, or a line for people. Never personal data."""

import logging
import sys

import structlog


def _without_what_was_sent(record: logging.LogRecord) -> bool:
    """A request that aiohttp cannot read is told with bytes of it, a key or a number maybe: its kind is enough."""
    error = record.exc_info[1] if record.exc_info else None
    if type(error).__module__.startswith("aiohttp."):
        record.msg, record.args, record.exc_info = "request unreadable: %s", (type(error).__name__,), None
    return True


def set_up_logs(log_format: str, *, level: int = logging.INFO) -> None:
    """Send structlog and the libraries' own logging through one form."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
    ]
    last: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if log_format == "console"
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("aiokafka", "kafka", "faust", "mode", "alembic", "aiohttp.access", "aiosqlite"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
    logging.getLogger("aiohttp.server").addFilter(_without_what_was_sent)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
