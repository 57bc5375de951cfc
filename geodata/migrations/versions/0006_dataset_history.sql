-- What was published when, and the tables of retained versions readable under the rights of published rows.

CREATE TABLE ioc.dataset_publication (
    id bigint GENERATED ALWAYS AS IDENTITY,
    dataset_id integer NOT NULL,
    version_id integer NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_dataset_publication PRIMARY KEY (id),
    CONSTRAINT fk_dataset_publication_dataset_id_dataset FOREIGN KEY (dataset_id) REFERENCES ioc.dataset (id),
    CONSTRAINT fk_dataset_publication_version_id_dataset_version FOREIGN KEY (version_id)
        REFERENCES ioc.dataset_version (id) ON DELETE CASCADE
);
CREATE INDEX ix_dataset_publication_dataset_id_published_at
    ON ioc.dataset_publication (dataset_id, published_at);
INSERT INTO ioc.dataset_publication (dataset_id, version_id, published_at)
    SELECT dataset_id, id, published_at FROM ioc.dataset_version
    WHERE published_at IS NOT NULL ORDER BY published_at;

ALTER TABLE ioc.dataset_publication ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.dataset_publication FOR SELECT TO ioc_app
    USING (dataset_id = ANY ((SELECT ioc.visible_dataset_ids())::integer[]));
GRANT SELECT ON ioc.dataset_publication TO ioc_app;

-- A version's own table, asked by its name, knows nothing of the policies of the table it is a partition of:
-- it gets the same. Its rows are as readable as those published; a table without this is not readable at all.
CREATE FUNCTION ioc.open_version_table(parent text, version_id integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    retained regclass := format('version.%I', parent || '_' || version_id)::regclass;
    named text;
    rights text;
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', retained);
    FOR named IN SELECT polname FROM pg_policy WHERE polrelid = retained LOOP
        EXECUTE format('DROP POLICY %I ON %s', named, retained);
    END LOOP;
    FOR named, rights IN
        SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy
        WHERE polrelid = format('ioc.%I', parent)::regclass AND polcmd = 'r'
    LOOP
        EXECUTE format('CREATE POLICY %I ON %s FOR SELECT TO ioc_app USING (%s)', named, retained, rights);
    END LOOP;
    EXECUTE format('GRANT SELECT ON %s TO ioc_app', retained);
END
$$;

GRANT USAGE ON SCHEMA version TO ioc_app;
SELECT ioc.open_version_table(d.target, v.id)
FROM ioc.dataset_version v JOIN ioc.dataset d ON d.id = v.dataset_id
WHERE v.state IN ('published', 'superseded')
    AND to_regclass(format('version.%I', d.target || '_' || v.id)) IS NOT NULL;

-- Every publication, the first one first. A version's table keeps the columns it had: "missing" names those
-- that the store's table has gained since, or whose type has changed.
CREATE FUNCTION ioc.dataset_history()
RETURNS TABLE (
    dataset_id integer, version_id integer, published_at timestamptz, last_published_at timestamptz,
    loaded_at timestamptz, kept boolean, rows_loaded integer, extent jsonb, missing text[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
    SELECT p.dataset_id, p.version_id, p.published_at, v.published_at, v.started_at,
        v.state IN ('published', 'superseded') AND retained.oid IS NOT NULL, v.rows_loaded, v.extent,
        ARRAY(
            SELECT today.attname::text FROM pg_attribute today
            WHERE today.attrelid = format('ioc.%I', d.target)::regclass AND today.attnum > 0
                AND NOT today.attisdropped AND NOT EXISTS (
                    SELECT FROM pg_attribute old
                    WHERE old.attrelid = retained.oid AND old.attname = today.attname
                        AND old.atttypid = today.atttypid AND NOT old.attisdropped
                )
            ORDER BY today.attnum
        )
    FROM dataset_publication p
    JOIN dataset_version v ON v.id = p.version_id
    JOIN dataset d ON d.id = p.dataset_id
    CROSS JOIN LATERAL (SELECT to_regclass(format('version.%I', d.target || '_' || v.id)) AS oid) AS retained
    ORDER BY p.dataset_id, p.published_at, p.id
$$;
REVOKE EXECUTE ON FUNCTION ioc.open_version_table(text, integer), ioc.dataset_history() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.dataset_history() TO ioc_app;
