"""Store a worker that was seen, and audit the first use of its token."""

from datetime import datetime

from application.ports.persistence.unit_of_work import UnitOfWork
from application.ports.persistence.workers import WorkerStatus
from domain.access.actor import Actor
from domain.access.audit import AuditAction, create_audit_entry


async def record_worker(work: UnitOfWork, worker: WorkerStatus, actor: Actor, now: datetime) -> None:
    """Store the worker. The first use of a worker token by a worker name gets an audit entry.

    Raises Conflict `worker_id_taken` if the id belongs to a worker with another name or token.
    """
    is_first_contact = await work.workers.record_seen(worker, now)
    if worker.token_id is None or not is_first_contact:
        return
    if await work.workers.record_token_use(worker.token_id, worker.name, actor.address, now):
        details = {"worker": worker.name, "pool": worker.pool}
        entry = create_audit_entry(actor, AuditAction.WORKER_REGISTERED, f"token {worker.token_id}", now, **details)
        await work.audit.add([entry])
