//! The tables, and the functions that compare and write in one step.

/// Whether [`SCHEMA`] is there. Its last function is the last thing that it makes, in one transaction.
///
/// Making it again would wait for every transaction that has a table, and one may wait for its standby.
pub const IS_THERE: &str = "SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'anaquel_trim')";

/// Made at the first start, under a lock, because two nodes may start at once.
pub const SCHEMA: &str = r"
BEGIN;
SELECT pg_advisory_xact_lock(4711, 20);
CREATE TABLE IF NOT EXISTS anaquel_log (
    log text PRIMARY KEY, head bytea NOT NULL, term bigint NOT NULL, floor bytea NOT NULL, tick bytea,
    beat bigint NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS anaquel_batch (
    log text NOT NULL, last_seq bigint NOT NULL, sealed bytea NOT NULL, PRIMARY KEY (log, last_seq));
ALTER TABLE anaquel_batch ALTER COLUMN sealed SET STORAGE EXTERNAL;
CREATE OR REPLACE FUNCTION anaquel_append(of text, standbys boolean, follows bytea, becomes bytea, in_term bigint,
    last bigint, batch bytea) RETURNS TABLE (outcome integer, at bytea) LANGUAGE plpgsql AS $$
DECLARE
    here bytea;
BEGIN
    IF standbys AND current_setting('synchronous_standby_names') = '' THEN
        RETURN QUERY SELECT 3, NULL::bytea;
        RETURN;
    END IF;
    SELECT head INTO here FROM anaquel_log WHERE log = of FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 2, NULL::bytea;
    ELSIF here <> follows THEN
        RETURN QUERY SELECT 1, here;
    ELSE
        INSERT INTO anaquel_batch VALUES (of, last, batch);
        UPDATE anaquel_log SET head = becomes, term = in_term WHERE log = of;
        RETURN QUERY SELECT 0, NULL::bytea;
    END IF;
END $$;
CREATE OR REPLACE FUNCTION anaquel_found(of text, first bytea, in_term bigint)
    RETURNS TABLE (outcome integer, at bytea) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO anaquel_log VALUES (of, first, in_term, first) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        RETURN QUERY SELECT 0, NULL::bytea;
    ELSE
        RETURN QUERY SELECT 1, head FROM anaquel_log WHERE log = of;
    END IF;
END $$;
CREATE OR REPLACE FUNCTION anaquel_tick(of text, own bytea, sign bytea)
    RETURNS TABLE (outcome integer, at bytea) LANGUAGE plpgsql AS $$
DECLARE
    here bytea;
BEGIN
    SELECT head INTO here FROM anaquel_log WHERE log = of FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 2, NULL::bytea;
    ELSIF here <> own THEN
        RETURN QUERY SELECT 1, here;
    ELSE
        UPDATE anaquel_log SET tick = sign WHERE log = of;
        RETURN QUERY SELECT 0, NULL::bytea;
    END IF;
END $$;
CREATE OR REPLACE FUNCTION anaquel_trim(of text, in_term bigint, before bigint, begins bytea)
    RETURNS TABLE (outcome integer, at bytea) LANGUAGE plpgsql AS $$
DECLARE
    here bytea;
    under bigint;
BEGIN
    SELECT head, term INTO here, under FROM anaquel_log WHERE log = of FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 2, NULL::bytea;
    ELSIF under <> in_term THEN
        RETURN QUERY SELECT 1, here;
    ELSE
        UPDATE anaquel_log SET floor = begins WHERE log = of;
        DELETE FROM anaquel_batch WHERE log = of AND last_seq < before;
        RETURN QUERY SELECT 0, NULL::bytea;
    END IF;
END $$;
COMMIT;
";

/// A `seq` or a term as the database has it.
pub fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
