"""Ends the streams of workers whose token is no longer valid."""

from application.ports.dispatch.worker_streams import WorkerStreams
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock

INTERVAL_SECONDS = 1.0


class TokenStreamCloser:
    """Ends streams whose token was revoked or has expired.

    A request is authorized when it arrives, but a stream stays open: without this, its worker would still get stages to run.
    """

    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, worker_streams: WorkerStreams) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._worker_streams = worker_streams

    async def run_once(self) -> None:
        token_ids = self._worker_streams.token_ids()
        if not token_ids:
            return
        async with self._open_unit_of_work() as work:
            tokens = await work.api_tokens.list_by_ids(token_ids)
        now = self._clock.now()
        valid = {token.id for token in tokens if token.is_valid(now)}
        for token_id in set(token_ids) - valid:
            self._worker_streams.disconnect_token(token_id)
