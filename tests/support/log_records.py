"""Records of one logger, whatever other tests of the process did to logging."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class RecordingHandler(logging.Handler):
    """Keeps the records that it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def messages(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@contextmanager
def recorded_log(name: str) -> Iterator[RecordingHandler]:
    """Record what this logger gets from level INFO on, until the block ends."""
    logger, handler = logging.getLogger(name), RecordingHandler()
    handlers, level, is_disabled = logger.handlers, logger.level, logger.disabled
    logger.handlers, logger.disabled = [handler], False
    logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.handlers, logger.disabled = handlers, is_disabled
        logger.setLevel(level)
