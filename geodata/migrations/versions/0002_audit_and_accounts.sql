-- The audit trail, what guards accounts against guessing, and what lets an administrator keep them from the web.

ALTER TABLE ioc.account ADD COLUMN oidc_subject TEXT CONSTRAINT uq_account_oidc_subject UNIQUE;
ALTER TABLE ioc.credential
    ADD COLUMN address TEXT,
    ADD COLUMN agent TEXT,
    DROP CONSTRAINT ck_credential_kind,
    ADD CONSTRAINT ck_credential_kind CHECK (kind IN ('session', 'token', 'kiosk', 'kiosk_link'));

CREATE TABLE ioc.sign_in_attempt (
    key TEXT NOT NULL,
    failures INTEGER NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE NOT NULL,
    locked_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_sign_in_attempt PRIMARY KEY (key)
);
CREATE INDEX ix_sign_in_attempt_last_at ON ioc.sign_in_attempt (last_at);

-- No foreign key: an entry outlives whatever it tells of.
CREATE TABLE ioc.audit_entry (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    account_id INTEGER,
    account_name TEXT,
    action TEXT NOT NULL,
    address TEXT,
    layer TEXT,
    subject TEXT,
    detail JSONB DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_audit_entry PRIMARY KEY (id)
);
CREATE INDEX ix_audit_entry_at ON ioc.audit_entry (at);
CREATE INDEX ix_audit_entry_account_name ON ioc.audit_entry (account_name, at);

-- Append only. Nobody changes an entry; retention, which is the owner's, may remove what is older than the
-- six months for which article 21 of the Cybersecurity Law has network logs kept.
CREATE FUNCTION ioc.keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < clock_timestamp() - interval '6 months' THEN
        RETURN OLD;
    END IF;
    RAISE insufficient_privilege USING MESSAGE = 'the audit trail is append only';
END
$$;
CREATE TRIGGER keep_audit BEFORE UPDATE OR DELETE ON ioc.audit_entry
    FOR EACH ROW EXECUTE FUNCTION ioc.keep_audit();
CREATE TRIGGER keep_audit_whole BEFORE TRUNCATE ON ioc.audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ioc.keep_audit();

CREATE FUNCTION ioc.viewer_is(wanted text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM account
        WHERE id = nullif(current_setting('ioc.account_id', true), '')::integer
            AND active AND wanted = ANY (roles)
    )
$$;

ALTER TABLE ioc.audit_entry ENABLE ROW LEVEL SECURITY;
CREATE POLICY administrator ON ioc.audit_entry FOR SELECT TO ioc_app USING ((SELECT ioc.viewer_is('admin')));
GRANT SELECT ON ioc.audit_entry TO ioc_app;

-- The one way to write the trail: an array of objects with keys action, account_id, account_name, address,
-- layer, subject, detail.
CREATE FUNCTION ioc.record_audit(entries jsonb) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO audit_entry (account_id, account_name, action, address, layer, subject, detail)
    SELECT account_id, account_name, action, address, layer, subject, coalesce(detail, '{}')
    FROM jsonb_to_recordset(entries) AS e (
        account_id integer, account_name text, action text, address text, layer text, subject text, detail jsonb
    )
$$;

-- Whoever changes accounts, rights, sessions or tokens leaves a trace, the owner at a database prompt too.
-- Who it was: ioc.actor if the program has set it, else the viewer, else the database's own user.
CREATE FUNCTION ioc.audit_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ELSE '{}' END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ELSE '{}' END;
    whole jsonb := before || after;
    change jsonb;
    viewer integer := nullif(current_setting('ioc.account_id', true), '')::integer;
BEGIN
    SELECT jsonb_object_agg(key, CASE
        WHEN key IN ('password_hash', 'secret_hash') THEN '"changed"'
        WHEN TG_OP = 'UPDATE' THEN jsonb_build_array(before -> key, value)
        ELSE value END)
    INTO change
    FROM jsonb_each(CASE WHEN TG_OP = 'DELETE' THEN before ELSE after END)
    WHERE TG_OP <> 'UPDATE' OR before -> key IS DISTINCT FROM value;
    IF change IS NULL OR (TG_TABLE_NAME = 'credential' AND TG_OP = 'INSERT' AND whole ->> 'kind' = 'session') THEN
        RETURN NULL;
    END IF;
    INSERT INTO audit_entry (account_id, account_name, action, address, subject, detail)
    VALUES (
        viewer,
        coalesce(
            nullif(current_setting('ioc.actor', true), ''),
            (SELECT name FROM account WHERE id = viewer),
            session_user || ' (database)'
        ),
        TG_TABLE_NAME || '_' || lower(TG_OP),
        nullif(current_setting('ioc.address', true), ''),
        CASE TG_TABLE_NAME
            WHEN 'account' THEN whole ->> 'name'
            WHEN 'role_right' THEN whole ->> 'role'
            ELSE (SELECT name FROM account WHERE id = (whole ->> 'account_id')::integer)
        END,
        change || CASE WHEN TG_TABLE_NAME = 'credential'
            THEN jsonb_build_object('id', whole -> 'id', 'kind', whole -> 'kind') ELSE '{}' END
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON ioc.account
    FOR EACH ROW EXECUTE FUNCTION ioc.audit_change();
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON ioc.account_right
    FOR EACH ROW EXECUTE FUNCTION ioc.audit_change();
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON ioc.role_right
    FOR EACH ROW EXECUTE FUNCTION ioc.audit_change();
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON ioc.credential
    FOR EACH ROW EXECUTE FUNCTION ioc.audit_change();

-- The web's role may change accounts and rights only while it works for an administrator.
CREATE FUNCTION ioc.guard_administration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER')
        AND NOT ioc.viewer_is('admin') THEN
        RAISE insufficient_privilege USING MESSAGE = 'only an administrator changes accounts and rights';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER guard_administration BEFORE INSERT OR UPDATE OR DELETE ON ioc.account
    FOR EACH STATEMENT EXECUTE FUNCTION ioc.guard_administration();
CREATE TRIGGER guard_administration BEFORE INSERT OR UPDATE OR DELETE ON ioc.account_right
    FOR EACH STATEMENT EXECUTE FUNCTION ioc.guard_administration();
CREATE TRIGGER guard_administration BEFORE DELETE ON ioc.sign_in_attempt
    FOR EACH STATEMENT EXECUTE FUNCTION ioc.guard_administration();
GRANT INSERT, UPDATE ON ioc.account TO ioc_app;
GRANT INSERT, UPDATE, DELETE ON ioc.account_right TO ioc_app;
GRANT SELECT, DELETE ON ioc.sign_in_attempt TO ioc_app;

-- Takes an attempt to sign in down before the password is looked at, so that attempts made at once count as
-- many, and tells how many seconds to wait; 0: go on. The fifth of an account and the twentieth of an address
-- within an hour lock it for a minute, each further one for twice as long, up to a quarter of an hour.
CREATE FUNCTION ioc.begin_sign_in(account_name text, address text) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    attempt record;
    counted record;
    until timestamptz;
BEGIN
    DELETE FROM sign_in_attempt WHERE last_at < moment - interval '1 day';
    FOR attempt IN
        SELECT * FROM (VALUES
            ('account:' || left(account_name, 200), 5), ('address:' || left(address, 60), 20)
        ) AS keys (key, most) WHERE key IS NOT NULL
    LOOP
        SELECT locked_until INTO until FROM sign_in_attempt
        WHERE key = attempt.key AND locked_until > moment;
        IF FOUND THEN
            RETURN ceil(extract(epoch FROM until - moment));
        END IF;
    END LOOP;
    FOR attempt IN
        SELECT * FROM (VALUES
            ('account:' || left(account_name, 200), 5), ('address:' || left(address, 60), 20)
        ) AS keys (key, most) WHERE key IS NOT NULL
    LOOP
        INSERT INTO sign_in_attempt AS a (key, failures, last_at) VALUES (attempt.key, 1, moment)
        ON CONFLICT (key) DO UPDATE SET last_at = moment,
            failures = CASE WHEN a.last_at < moment - interval '1 hour' THEN 1 ELSE a.failures + 1 END
            WHERE a.locked_until IS NULL OR a.locked_until <= moment
        RETURNING a.failures INTO counted;
        IF NOT FOUND THEN
            -- Others made the same attempt at the same moment and were enough.
            RETURN 60;
        END IF;
        UPDATE sign_in_attempt SET locked_until = CASE WHEN counted.failures >= attempt.most
            THEN moment + least(15, 2 ^ least(counted.failures - attempt.most, 10)) * interval '1 minute' END
        WHERE key = attempt.key;
    END LOOP;
    RETURN 0;
END
$$;

-- The password was right: the attempt was no failure.
CREATE FUNCTION ioc.end_sign_in(account_name text, address text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    DELETE FROM sign_in_attempt WHERE key = 'account:' || left(account_name, 200);
    UPDATE sign_in_attempt SET failures = greatest(failures - 1, 0), locked_until = NULL
    WHERE key = 'address:' || left(address, 60);
$$;

-- A person's own new password; every session of theirs ends but the one that asks.
CREATE FUNCTION ioc.change_own_password(new_hash text, kept_secret_hash text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    UPDATE account SET password_hash = new_hash WHERE id = current_setting('ioc.account_id')::integer;
    UPDATE credential SET revoked_at = now()
    WHERE account_id = current_setting('ioc.account_id')::integer AND kind IN ('session', 'kiosk_link')
        AND revoked_at IS NULL AND secret_hash IS DISTINCT FROM kept_secret_hash;
$$;

-- The account of a person whom the single sign-on vouches for, brought to what it says of them; made if
-- `make` says so. NULL: there is none, or its name belongs to another account.
CREATE FUNCTION ioc.account_of_subject(
    subject text, wanted_name text, shown_name text, given_roles text[], department text, given_areas text[],
    given_sensitivity integer, make boolean
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    found_id integer;
BEGIN
    UPDATE account SET display_name = shown_name, roles = given_roles, department_code = department,
        areas = given_areas, sensitivity = given_sensitivity
    WHERE oidc_subject = subject AND active RETURNING id INTO found_id;
    IF found_id IS NULL AND make THEN
        INSERT INTO account (
            name, display_name, roles, department_code, areas, sensitivity, oidc_subject
        ) VALUES (
            wanted_name, shown_name, given_roles, department, given_areas, given_sensitivity, subject
        ) ON CONFLICT DO NOTHING RETURNING id INTO found_id;
    END IF;
    RETURN found_id;
END
$$;

REVOKE EXECUTE ON FUNCTION ioc.keep_audit, ioc.viewer_is, ioc.record_audit, ioc.audit_change,
    ioc.guard_administration, ioc.begin_sign_in, ioc.end_sign_in, ioc.change_own_password,
    ioc.account_of_subject FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.viewer_is, ioc.record_audit, ioc.guard_administration, ioc.begin_sign_in,
    ioc.end_sign_in, ioc.change_own_password, ioc.account_of_subject TO ioc_app;
