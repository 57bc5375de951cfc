-- Rights. An account may see a row when one of its rights covers the row's dataset, sensitivity and area.
-- Rights are resolved once per transaction into two settings and compared by row-level security:
--   ioc.whole_rights  integer[]  dataset_id * 4 + sensitivity, for datasets seen in every area
--   ioc.area_rights   text[]     'dataset_id.sensitivity.area code prefix', for datasets seen in some areas
-- Without an open viewer session both are empty and nothing is visible.

CREATE FUNCTION ioc.account_rights(account integer)
RETURNS TABLE (whole_rights integer[], area_rights text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    WITH granted AS (
        SELECT d.id AS dataset_id, d.area_bound, least(r.sensitivity, a.sensitivity) AS sensitivity, area
        FROM account a
        CROSS JOIN unnest(a.areas) AS area
        JOIN role_right r ON r.role = ANY (a.roles)
        JOIN dataset d ON (r.dataset_code IN ('*', d.code))
            AND (r.department_scope = 'all' OR d.department_code = a.department_code)
        WHERE a.id = account AND a.active
        UNION
        SELECT d.id, d.area_bound, r.sensitivity, r.area_code
        FROM account a
        JOIN account_right r ON r.account_id = a.id
        JOIN dataset d ON (r.dataset_code IN ('*', d.code))
            AND (r.department_code IN ('*', d.department_code))
        WHERE a.id = account AND a.active
    ), levelled AS (
        SELECT DISTINCT dataset_id, level, area, (area = '*' OR NOT area_bound) AS whole
        FROM granted CROSS JOIN LATERAL generate_series(1, sensitivity) AS level
    )
    SELECT
        coalesce(array_agg(DISTINCT dataset_id * 4 + level) FILTER (WHERE whole), '{}'),
        coalesce(array_agg(DISTINCT dataset_id || '.' || level || '.' || area) FILTER (WHERE NOT whole), '{}')
    FROM levelled
$$;

CREATE FUNCTION ioc.open_viewer_session(account integer) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    rights record;
BEGIN
    SELECT * INTO rights FROM account_rights(account);
    PERFORM set_config('ioc.account_id', coalesce(account::text, ''), true),
        set_config('ioc.whole_rights', rights.whole_rights::text, true),
        set_config('ioc.area_rights', rights.area_rights::text, true);
END
$$;

CREATE FUNCTION ioc.whole_rights() RETURNS integer[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('ioc.whole_rights', true), ''), '{}')::integer[]
$$;

CREATE FUNCTION ioc.area_rights() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('ioc.area_rights', true), ''), '{}')::text[]
$$;

CREATE FUNCTION ioc.visible_dataset_ids() RETURNS integer[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT id), '{}') FROM (
        SELECT unnest(ioc.whole_rights()) / 4 AS id
        UNION ALL
        SELECT split_part(unnest(ioc.area_rights()), '.', 1)::integer
    ) AS granted
$$;

-- What every process that serves viewers must know of all datasets, whoever is looking: which version is
-- published. It tells of datasets, never of rows, and the program shows a viewer only what the rights allow.
CREATE FUNCTION ioc.published_datasets()
RETURNS TABLE (
    id integer, code text, title_zh text, title_en text, department_code text, target text,
    sensitivity smallint, synthetic boolean, fields jsonb, source_note text,
    version_id integer, published_at timestamptz, rows_loaded integer, extent jsonb, dimensions integer[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
    SELECT d.id, d.code, d.title_zh, d.title_en, d.department_code, d.target, d.sensitivity, d.synthetic,
        d.fields, d.source_note, v.id, v.published_at, v.rows_loaded, v.extent,
        CASE d.target WHEN 'departmental_feature' THEN (
            SELECT array_agg(DISTINCT ST_Dimension(f.geom)) FROM departmental_feature f
            WHERE f.dataset_id = d.id AND f.geom IS NOT NULL
        ) END
    FROM dataset d JOIN dataset_version v ON v.id = d.published_version_id
    ORDER BY d.id
$$;

-- What the page's frame says before anybody has signed in: the district's name and where it lies.
CREATE FUNCTION ioc.district_outline(district_code text)
RETURNS TABLE (name text, west float8, south float8, east float8, north float8, synthetic boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
    SELECT d.name, ST_XMin(d.geom), ST_YMin(d.geom), ST_XMax(d.geom), ST_YMax(d.geom), s.synthetic
    FROM district d JOIN dataset s ON s.id = d.dataset_id
    WHERE d.code = district_code
$$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ioc_app') THEN
        CREATE ROLE ioc_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
END
$$;
GRANT USAGE ON SCHEMA ioc TO ioc_app;
GRANT SELECT ON ALL TABLES IN SCHEMA ioc TO ioc_app;
REVOKE ALL ON SCHEMA version FROM PUBLIC;
GRANT INSERT, UPDATE ON ioc.credential TO ioc_app;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ioc FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ioc TO ioc_app;

DO $$
DECLARE
    versioned text;
BEGIN
    FOREACH versioned IN ARRAY ARRAY[
        'district', 'street', 'community', 'unit_grid', 'duty_grid', 'component', 'pipe_node', 'pipe_segment',
        'camera', 'facility', 'station', 'device', 'metric', 'base_feature', 'departmental_feature',
        'search_entry'
    ] LOOP
        EXECUTE format('ALTER TABLE ioc.%I ENABLE ROW LEVEL SECURITY', versioned);
        EXECUTE format($policy$
            CREATE POLICY viewer ON ioc.%I FOR SELECT TO ioc_app USING (
                (dataset_id * 4 + sensitivity) = ANY ((SELECT ioc.whole_rights())::integer[])
                OR (dataset_id || '.' || sensitivity || '.' || coalesce(area_code, ''))
                    ^@ ANY ((SELECT ioc.area_rights())::text[])
            )$policy$, versioned);
    END LOOP;
END
$$;

ALTER TABLE ioc.dataset ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.dataset FOR SELECT TO ioc_app
    USING (id = ANY ((SELECT ioc.visible_dataset_ids())::integer[]));
ALTER TABLE ioc.dataset_version ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.dataset_version FOR SELECT TO ioc_app
    USING (dataset_id = ANY ((SELECT ioc.visible_dataset_ids())::integer[]));
-- A refused row may hold anything its department knows: only who sees the whole dataset sees it.
ALTER TABLE ioc.quarantine ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.quarantine FOR SELECT TO ioc_app USING (
    version_id IN (
        SELECT v.id FROM ioc.dataset_version v
        WHERE (v.dataset_id * 4 + 3) = ANY ((SELECT ioc.whole_rights())::integer[])
    )
);

-- Under a policy only leakproof operators may use an index. These read nothing but their arguments, and
-- whoever can reach them through the program cannot read error messages of rows not theirs.
DO $$
BEGIN
    ALTER FUNCTION public.geometry_overlaps(geometry, geometry) LEAKPROOF;
    ALTER FUNCTION pg_catalog.textlike(text, text) LEAKPROOF;
    ALTER FUNCTION pg_catalog.texticlike(text, text) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'not superuser: spatial indexes stay unused under row-level security';
END
$$;

-- Whoever keeps something in memory by rights or by dataset version listens here.
CREATE FUNCTION ioc.notify_rights() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ioc_rights', TG_TABLE_NAME);
    RETURN NULL;
END
$$;
CREATE TRIGGER notify_rights AFTER INSERT OR UPDATE OR DELETE ON ioc.account
    FOR EACH STATEMENT EXECUTE FUNCTION ioc.notify_rights();
CREATE TRIGGER notify_rights AFTER INSERT OR UPDATE OR DELETE ON ioc.account_right
    FOR EACH STATEMENT EXECUTE FUNCTION ioc.notify_rights();
CREATE TRIGGER notify_rights AFTER INSERT OR UPDATE OR DELETE ON ioc.role_right
    FOR EACH STATEMENT EXECUTE FUNCTION ioc.notify_rights();
CREATE TRIGGER notify_rights AFTER UPDATE OR DELETE ON ioc.credential
    FOR EACH STATEMENT EXECUTE FUNCTION ioc.notify_rights();
CREATE FUNCTION ioc.notify_dataset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('ioc_dataset', NEW.code);
    RETURN NULL;
END
$$;
CREATE TRIGGER notify_dataset AFTER INSERT OR UPDATE ON ioc.dataset
    FOR EACH ROW EXECUTE FUNCTION ioc.notify_dataset();

-- What a role may see; accounts narrow it by area and sensitivity, rights of one account widen it.
INSERT INTO ioc.role_right (role, dataset_code, department_scope, sensitivity) VALUES
    ('screen', '*', 'all', 2),
    ('staff', '*', 'all', 2),
    ('staff', '*', 'own', 3),
    ('planner', '*', 'all', 2),
    ('leader', '*', 'all', 3),
    ('steward', '*', 'all', 2),
    ('steward', '*', 'own', 3),
    ('admin', '*', 'all', 3);
