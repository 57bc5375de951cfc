-- What the catalogue says of a dataset, the runs of jobs that were asked for, and datasets that are overdue.

ALTER TABLE ioc.dataset
    ADD COLUMN update_period text,
    ADD COLUMN sharing text,
    ADD COLUMN sharing_note text,
    ADD COLUMN description text;

CREATE TABLE ioc.catalogue_entry (
    dataset_id integer NOT NULL,
    update_period text,
    sharing text,
    sharing_note text,
    description text,
    contact text,
    edited_by text NOT NULL,
    edited_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_catalogue_entry PRIMARY KEY (dataset_id),
    CONSTRAINT fk_catalogue_entry_dataset_id_dataset FOREIGN KEY (dataset_id)
        REFERENCES ioc.dataset (id) ON DELETE CASCADE
);

CREATE TABLE ioc.dataset_alarm (
    id bigint GENERATED ALWAYS AS IDENTITY,
    dataset_id integer NOT NULL,
    update_period text NOT NULL,
    last_loaded_at timestamptz NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT now(),
    cleared_at timestamptz,
    CONSTRAINT pk_dataset_alarm PRIMARY KEY (id),
    CONSTRAINT fk_dataset_alarm_dataset_id_dataset FOREIGN KEY (dataset_id)
        REFERENCES ioc.dataset (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX ix_dataset_alarm_open ON ioc.dataset_alarm (dataset_id) WHERE cleared_at IS NULL;

CREATE TABLE ioc.load_run (
    id bigint GENERATED ALWAYS AS IDENTITY,
    job text NOT NULL,
    source text NOT NULL,
    trigger text NOT NULL,
    requested_by text,
    state text NOT NULL DEFAULT 'queued',
    phase text,
    rows_done integer NOT NULL DEFAULT 0,
    rows_total integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    queued_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    next_attempt_at timestamptz,
    version_id integer,
    message text,
    CONSTRAINT pk_load_run PRIMARY KEY (id),
    CONSTRAINT ck_load_run_state CHECK (
        state IN ('queued', 'running', 'waiting', 'published', 'prepared', 'unchanged', 'failed')
    ),
    CONSTRAINT ck_load_run_trigger CHECK (trigger IN ('hand', 'upload', 'inbox', 'schedule'))
);
CREATE INDEX ix_load_run_job_id ON ioc.load_run (job, id);
CREATE INDEX ix_load_run_open ON ioc.load_run (id) WHERE state IN ('queued', 'running', 'waiting');

-- Whoever sees a dataset sees what is said of it and how its loads went; a first load only who asked for it.
ALTER TABLE ioc.catalogue_entry ENABLE ROW LEVEL SECURITY;
ALTER TABLE ioc.dataset_alarm ENABLE ROW LEVEL SECURITY;
ALTER TABLE ioc.load_run ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.catalogue_entry FOR SELECT TO ioc_app
    USING (dataset_id = ANY ((SELECT ioc.visible_dataset_ids())::integer[]));
CREATE POLICY viewer ON ioc.dataset_alarm FOR SELECT TO ioc_app
    USING (dataset_id = ANY ((SELECT ioc.visible_dataset_ids())::integer[]));
CREATE FUNCTION ioc.viewer_name() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT name FROM account WHERE id = ioc.viewer_account() AND active
$$;
REVOKE EXECUTE ON FUNCTION ioc.viewer_name() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.viewer_name() TO ioc_app;
CREATE POLICY viewer ON ioc.load_run FOR SELECT TO ioc_app USING (
    requested_by = (SELECT ioc.viewer_name()) OR job IN (SELECT code FROM ioc.dataset)
);
GRANT SELECT ON ioc.catalogue_entry, ioc.dataset_alarm, ioc.load_run TO ioc_app;

CREATE FUNCTION ioc.tell_load_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY ioc_load_run;
    RETURN NULL;
END
$$;
CREATE TRIGGER tell AFTER INSERT ON ioc.load_run FOR EACH STATEMENT EXECUTE FUNCTION ioc.tell_load_run();

-- A steward hands in a file: the web itself loads nothing, it asks the workers to. The file lies in the inbox,
-- which the workers know; its path is relative to it.
CREATE FUNCTION ioc.request_load(job text, source text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO load_run (job, source, trigger, requested_by)
    SELECT request_load.job, request_load.source, 'upload', a.name
    FROM account a
    WHERE a.id = ioc.viewer_account() AND a.active AND a.roles && ARRAY['steward', 'admin']
    RETURNING id
$$;
REVOKE EXECUTE ON FUNCTION ioc.request_load(text, text), ioc.tell_load_run() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.request_load(text, text) TO ioc_app;
