-- What the catalogue's pages ask beyond a viewer's rows: how well columns are filled, who has a right, and the
-- changes that stewards ask for.

-- The share of rows in which a column is filled, estimated from the sample that a load takes.
CREATE FUNCTION ioc.column_fill(of_dataset integer)
RETURNS TABLE (column_name text, fill real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT s.attname::text, 1 - s.null_frac
    FROM dataset d
    JOIN pg_stats s ON s.schemaname = 'version' AND s.tablename = d.target || '_' || d.published_version_id
    WHERE d.id = of_dataset AND d.id = ANY ((SELECT ioc.visible_dataset_ids())::integer[])
$$;

CREATE FUNCTION ioc.viewer_is_steward() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM account
        WHERE id = ioc.viewer_account() AND active AND roles && ARRAY['steward', 'admin']
    )
$$;

-- Who may see a dataset: the rights of roles for everybody, single accounts for those who look after data.
CREATE FUNCTION ioc.dataset_access(of_dataset integer)
RETURNS TABLE (kind text, name text, scope text, area_code text, sensitivity smallint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT 'role', r.role, r.department_scope, '*', r.sensitivity
    FROM dataset d JOIN role_right r ON r.dataset_code IN ('*', d.code)
    WHERE d.id = of_dataset AND d.id = ANY ((SELECT ioc.visible_dataset_ids())::integer[])
        AND r.sensitivity >= d.sensitivity
    UNION ALL
    SELECT 'account', a.name, g.department_code, g.area_code, g.sensitivity
    FROM dataset d
    JOIN account_right g ON g.dataset_code IN ('*', d.code) AND g.department_code IN ('*', d.department_code)
    JOIN account a ON a.id = g.account_id AND a.active
    WHERE d.id = of_dataset AND g.sensitivity >= d.sensitivity AND ioc.viewer_is_steward()
    ORDER BY 1 DESC, 2
$$;

CREATE FUNCTION ioc.describe_dataset(
    of_dataset integer, update_period text, sharing text, sharing_note text, description text, contact text
) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO catalogue_entry AS e
        (dataset_id, update_period, sharing, sharing_note, description, contact, edited_by)
    SELECT d.id, $2, $3, $4, $5, $6, ioc.viewer_name()
    FROM dataset d
    WHERE d.id = $1 AND d.id = ANY ((SELECT ioc.visible_dataset_ids())::integer[]) AND ioc.viewer_is_steward()
    ON CONFLICT (dataset_id) DO UPDATE SET
        update_period = excluded.update_period, sharing = excluded.sharing,
        sharing_note = excluded.sharing_note, description = excluded.description, contact = excluded.contact,
        edited_by = excluded.edited_by, edited_at = now()
    RETURNING true
$$;

-- Rows are loaded at the sensitivity of their dataset, so a refused one is no more sensitive: who sees the whole
-- dataset at its own sensitivity may mend it.
DROP POLICY viewer ON ioc.quarantine;
CREATE POLICY viewer ON ioc.quarantine FOR SELECT TO ioc_app USING (
    version_id IN (
        SELECT v.id FROM ioc.dataset_version v JOIN ioc.dataset d ON d.id = v.dataset_id
        WHERE (d.id * 4 + d.sensitivity) = ANY ((SELECT ioc.whole_rights())::integer[])
    )
);
DROP POLICY viewer ON ioc.version_difference;
CREATE POLICY viewer ON ioc.version_difference FOR SELECT TO ioc_app USING (
    version_id IN (
        SELECT v.id FROM ioc.dataset_version v JOIN ioc.dataset d ON d.id = v.dataset_id
        WHERE (d.id * 4 + d.sensitivity) = ANY ((SELECT ioc.whole_rights())::integer[])
    )
);

-- What a worker is asked to do; the version of a decision and its reason stand in "source".
ALTER TABLE ioc.load_run
    ADD COLUMN action text NOT NULL DEFAULT 'load',
    ADD CONSTRAINT ck_load_run_action CHECK (action IN ('load', 'correct', 'approve', 'refuse', 'roll_back')),
    DROP CONSTRAINT ck_load_run_state,
    ADD CONSTRAINT ck_load_run_state CHECK (state IN (
        'queued', 'running', 'waiting', 'published', 'prepared', 'unchanged', 'failed', 'done'
    ));
DROP FUNCTION ioc.request_load(text, text);
CREATE FUNCTION ioc.request_run(job text, action text, source text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO load_run (job, action, source, trigger, requested_by)
    SELECT $1, $2, $3, 'upload', ioc.viewer_name() WHERE ioc.viewer_is_steward() AND (
        $1 IN (SELECT code FROM dataset WHERE id = ANY ((SELECT ioc.visible_dataset_ids())::integer[]))
        OR ($2 = 'load' AND NOT EXISTS (SELECT FROM dataset WHERE code = $1))
    )
    RETURNING id
$$;

REVOKE EXECUTE ON FUNCTION
    ioc.column_fill(integer), ioc.dataset_access(integer), ioc.viewer_is_steward(),
    ioc.describe_dataset(integer, text, text, text, text, text), ioc.request_run(text, text, text)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    ioc.column_fill(integer), ioc.dataset_access(integer), ioc.viewer_is_steward(),
    ioc.describe_dataset(integer, text, text, text, text, text), ioc.request_run(text, text, text)
TO ioc_app;
