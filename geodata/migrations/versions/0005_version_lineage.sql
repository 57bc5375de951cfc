-- What a load was made of, what it changes, who decides on it; and which load each row came with.

ALTER TABLE ioc.dataset_version
    ADD COLUMN mode text NOT NULL DEFAULT 'full',
    ADD COLUMN base_version_id integer,
    ADD COLUMN content_hash text,
    ADD COLUMN source_size bigint,
    ADD COLUMN job_hash text,
    ADD COLUMN program text,
    ADD COLUMN watermark text,
    ADD COLUMN dataset_record jsonb,
    ADD COLUMN loaded_by text,
    ADD COLUMN decided_by text,
    ADD COLUMN decided_at timestamptz,
    DROP CONSTRAINT ck_dataset_version_state,
    ADD CONSTRAINT ck_dataset_version_state CHECK (
        state IN ('loading', 'prepared', 'published', 'superseded', 'refused', 'failed', 'dropped')
    ),
    ADD CONSTRAINT ck_dataset_version_mode CHECK (mode IN ('full', 'incremental'));

CREATE TABLE ioc.version_difference (
    version_id integer NOT NULL,
    base_version_id integer,
    added integer NOT NULL,
    removed integer NOT NULL,
    changed integer NOT NULL,
    moved integer NOT NULL,
    unchanged integer NOT NULL,
    detail jsonb NOT NULL,
    CONSTRAINT pk_version_difference PRIMARY KEY (version_id),
    CONSTRAINT fk_version_difference_version_id FOREIGN KEY (version_id)
        REFERENCES ioc.dataset_version (id) ON DELETE CASCADE
);
GRANT SELECT ON ioc.version_difference TO ioc_app;
-- Its examples are rows of any area: only who sees the whole dataset sees them.
ALTER TABLE ioc.version_difference ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.version_difference FOR SELECT TO ioc_app USING (
    version_id IN (
        SELECT v.id FROM ioc.dataset_version v
        WHERE (v.dataset_id * 4 + 3) = ANY ((SELECT ioc.whole_rights())::integer[])
    )
);

-- NULL for a row that came with the version it is in; otherwise the earlier load it was carried over from.
-- Versions that are kept for going back are no partitions, so they get the column by themselves.
DO $$
DECLARE
    versioned text;
    kept text;
BEGIN
    FOREACH versioned IN ARRAY ARRAY[
        'district', 'street', 'community', 'unit_grid', 'duty_grid', 'component', 'pipe_node', 'pipe_segment',
        'camera', 'facility', 'station', 'device', 'metric', 'base_feature', 'departmental_feature',
        'search_entry'
    ] LOOP
        EXECUTE format('ALTER TABLE ioc.%I ADD COLUMN load_id integer', versioned);
        EXECUTE format('COMMENT ON COLUMN ioc.%I.load_id IS %L', versioned, '来源装载批次');
    END LOOP;
    FOR kept IN
        SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'version' AND c.relkind = 'r'
            AND NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
    LOOP
        EXECUTE format('ALTER TABLE version.%I ADD COLUMN load_id integer', kept);
    END LOOP;
END
$$;

-- Whoever shows loads or waits for a decision listens here.
CREATE FUNCTION ioc.notify_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ioc_version', json_build_object(
        'dataset', (SELECT code FROM ioc.dataset WHERE id = NEW.dataset_id),
        'version', NEW.id, 'state', NEW.state
    )::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER notify_version_begun AFTER INSERT ON ioc.dataset_version
    FOR EACH ROW EXECUTE FUNCTION ioc.notify_version();
CREATE TRIGGER notify_version_state AFTER UPDATE OF state ON ioc.dataset_version
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION ioc.notify_version();
