"""A history of how many slots of each bucket were held, which the database itself writes."""

from __future__ import annotations

from tests.chaos.stack import Stack

_SETUP = """
CREATE TABLE slot_history (bucket text NOT NULL, held int NOT NULL, at timestamptz NOT NULL);
CREATE FUNCTION record_held_slots() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Commits that take slots follow one another, and each counts what is committed and its own rows.
    PERFORM pg_advisory_xact_lock(7305002817);
    INSERT INTO slot_history SELECT NEW.bucket, count(*), clock_timestamp() FROM slot WHERE bucket = NEW.bucket;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER record_held_slots AFTER INSERT ON slot DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION record_held_slots();
"""


class SlotHistory:
    """Records, at each commit that takes a slot, how many slots of its bucket are held then."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def start(self) -> None:
        with self._stack.postgres.connection("headgate") as connection:
            connection.execute(_SETUP)

    def get_highest_counts(self) -> dict[str, int]:
        """Return the most slots of each bucket that were ever held at an instant."""
        with self._stack.postgres.connection("headgate") as connection:
            rows = connection.execute("SELECT bucket, max(held) FROM slot_history GROUP BY bucket").fetchall()
        return dict(rows)

    def count_grants(self) -> int:
        with self._stack.postgres.connection("headgate") as connection:
            row = connection.execute("SELECT count(*) FROM slot_history").fetchone()
        return int(row[0]) if row else 0

    def list_excess(self) -> list[str]:
        """Return the buckets of which more slots were held than their limit allows."""
        with self._stack.postgres.connection("headgate") as connection:
            rows = connection.execute(
                "SELECT bucket, max(held), limit_ FROM slot_history JOIN concurrency_limit ON name = bucket"
                " GROUP BY bucket, limit_ HAVING max(held) > limit_"
            ).fetchall()
        return [f"{held} slots of {bucket} were held at an instant; its limit is {limit}" for bucket, held, limit in rows]

    def list_leftovers(self) -> list[str]:
        """Return the slots that are held and requested."""
        with self._stack.postgres.connection("headgate") as connection:
            held = connection.execute("SELECT bucket, run_id, position FROM slot").fetchall()
            waiting = connection.execute("SELECT bucket, run_id, position FROM slot_wait").fetchall()
        return [f"{row} is held" for row in held] + [f"{row} is requested" for row in waiting]
