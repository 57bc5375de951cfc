-- Whether a case was handled late; of a case that is still being handled nothing yet.
ALTER TABLE ioc.case_file ADD COLUMN was_late text
    GENERATED ALWAYS AS (CASE WHEN deadline < stopped_at THEN '是' WHEN deadline >= stopped_at THEN '否' END) STORED;

CREATE INDEX ix_case_file_source_code ON ioc.case_file (source_code);

-- Cases are a layer of the map: published as they are, without versions.
CREATE OR REPLACE FUNCTION ioc.published_datasets()
RETURNS TABLE (
    id integer, code text, title_zh text, title_en text, department_code text, target text,
    sensitivity smallint, synthetic boolean, fields jsonb, source_note text,
    version_id integer, published_at timestamptz, rows_loaded integer, extent jsonb, dimensions integer[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
    SELECT d.id, d.code, d.title_zh, d.title_en, d.department_code, d.target, d.sensitivity, d.synthetic,
        d.fields, d.source_note, coalesce(v.id, 0), v.published_at,
        coalesce(v.rows_loaded, (SELECT greatest(c.reltuples, 0)::integer FROM pg_class c
            WHERE c.oid = 'ioc.case_file'::regclass)),
        v.extent,
        CASE d.target WHEN 'departmental_feature' THEN (
            SELECT array_agg(DISTINCT ST_Dimension(f.geom)) FROM departmental_feature f
            WHERE f.dataset_id = d.id AND f.geom IS NOT NULL
        ) END
    FROM dataset d LEFT JOIN dataset_version v ON v.id = d.published_version_id
    WHERE v.id IS NOT NULL OR d.target = 'case_file'
    ORDER BY d.id
$$;
