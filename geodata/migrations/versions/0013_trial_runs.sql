-- A run may only try a job on handed-in files: all of a load, taken back, with what it found.
ALTER TABLE ioc.load_run
    ADD COLUMN result jsonb,
    DROP CONSTRAINT ck_load_run_action,
    ADD CONSTRAINT ck_load_run_action CHECK (
        action IN ('load', 'correct', 'approve', 'refuse', 'roll_back', 'check')
    );
CREATE OR REPLACE FUNCTION ioc.request_run(job text, action text, source text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO load_run (job, action, source, trigger, requested_by)
    SELECT $1, $2, $3, 'upload', ioc.viewer_name() WHERE ioc.viewer_is_steward() AND (
        $1 IN (SELECT code FROM dataset WHERE id = ANY ((SELECT ioc.visible_dataset_ids())::integer[]))
        OR ($2 IN ('load', 'check') AND NOT EXISTS (SELECT FROM dataset WHERE code = $1))
    )
    RETURNING id
$$;
