-- Views of the map: one's own, and those that colleagues keep for the department.

CREATE TABLE ioc.saved_view (
    id integer GENERATED ALWAYS AS IDENTITY,
    account_id integer NOT NULL,
    department_code text,
    name text NOT NULL,
    state text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_saved_view PRIMARY KEY (id),
    CONSTRAINT uq_saved_view_account_id_name UNIQUE (account_id, name),
    CONSTRAINT ck_saved_view_name CHECK (length(name) BETWEEN 1 AND 80),
    CONSTRAINT ck_saved_view_state CHECK (length(state) BETWEEN 1 AND 12000),
    CONSTRAINT fk_saved_view_account_id_account FOREIGN KEY (account_id)
        REFERENCES ioc.account (id) ON DELETE CASCADE,
    CONSTRAINT fk_saved_view_department_code_department FOREIGN KEY (department_code)
        REFERENCES ioc.department (code)
);
CREATE INDEX ix_saved_view_account_id ON ioc.saved_view (account_id);
CREATE INDEX ix_saved_view_department_code ON ioc.saved_view (department_code);

CREATE FUNCTION ioc.viewer_account() RETURNS integer LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('ioc.account_id', true), '')::integer
$$;

CREATE FUNCTION ioc.viewer_department() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT department_code FROM account WHERE id = ioc.viewer_account() AND active
$$;

-- The names of colleagues who shared a view, without a look at their accounts.
CREATE FUNCTION ioc.account_display_name(account integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT a.display_name FROM account a
    WHERE a.id = account AND (a.id = ioc.viewer_account() OR a.department_code = ioc.viewer_department())
$$;

ALTER TABLE ioc.saved_view ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.saved_view FOR SELECT TO ioc_app USING (
    account_id = (SELECT ioc.viewer_account())
    OR department_code = (SELECT ioc.viewer_department())
);
CREATE POLICY keep_own ON ioc.saved_view FOR INSERT TO ioc_app WITH CHECK (
    account_id = (SELECT ioc.viewer_account())
    AND (department_code IS NULL OR department_code = (SELECT ioc.viewer_department()))
);
CREATE POLICY remove_own ON ioc.saved_view FOR DELETE TO ioc_app
    USING (account_id = (SELECT ioc.viewer_account()));
GRANT SELECT, INSERT, DELETE ON ioc.saved_view TO ioc_app;

REVOKE EXECUTE ON FUNCTION ioc.viewer_account(), ioc.viewer_department(), ioc.account_display_name(integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.viewer_account(), ioc.viewer_department(), ioc.account_display_name(integer)
    TO ioc_app;
