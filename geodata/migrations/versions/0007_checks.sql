-- What to do about a refused row, where it lies, and what a load was let through in spite of.
ALTER TABLE ioc.quarantine
    ADD COLUMN suggestion_zh text NOT NULL DEFAULT '',
    ADD COLUMN suggestion_en text NOT NULL DEFAULT '',
    ADD COLUMN geom geometry(Geometry, 4490);
COMMENT ON COLUMN ioc.quarantine.geom IS 'CGCS2000';

ALTER TABLE ioc.dataset_version
    ADD COLUMN source_columns text[],
    ADD COLUMN gate_override text,
    ADD COLUMN correction_hash text;
