"""A history of how many runs of each backfill were unfinished, which the database itself writes.

Times of runs cannot show it: each web process stamps them with its own estimate of the database's time.
"""

from __future__ import annotations

from adapters.persistence.tables.base import UNFINISHED

HISTORY_SETUP = (
    "CREATE TABLE backfill_history (backfill_id bigint NOT NULL, unfinished int NOT NULL)",
    f"""
    CREATE FUNCTION record_unfinished_runs() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- Commits that open runs follow one another, and each counts what is committed and its own rows.
        PERFORM pg_advisory_xact_lock(7305002818);
        INSERT INTO backfill_history
        SELECT NEW.backfill_id, count(*) FROM run WHERE backfill_id = NEW.backfill_id AND {UNFINISHED};
        RETURN NULL;
    END $$
    """,
    """
    CREATE CONSTRAINT TRIGGER record_unfinished_runs AFTER INSERT ON run DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.backfill_id IS NOT NULL) EXECUTE FUNCTION record_unfinished_runs()
    """,
)
"""Records, at each commit that opens runs of a backfill, how many of its runs are unfinished then: a row for each new run."""

READ_HISTORY = "SELECT count(*) AS opened, max(unfinished) AS most FROM backfill_history"
