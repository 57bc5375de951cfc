-- Cases: limits of each stage, deferrals (缓办), appeals of overdue marks (超期申诉), places found later by hand,
-- and reporters who are named only to those who have to speak with them.

ALTER TABLE ioc.case_file
    ADD COLUMN matter_class text GENERATED ALWAYS AS (right(matter_code, 5)) STORED,
    ADD COLUMN reported_on date GENERATED ALWAYS AS ((reported_at AT TIME ZONE 'Asia/Shanghai')::date) STORED,
    ADD COLUMN due_on date GENERATED ALWAYS AS ((deadline AT TIME ZONE 'Asia/Shanghai')::date) STORED,
    ADD COLUMN ended_on date GENERATED ALWAYS AS ((ended_at AT TIME ZONE 'Asia/Shanghai')::date) STORED,
    ADD COLUMN stage_deadline timestamptz,
    ADD COLUMN deferral_asked boolean NOT NULL DEFAULT false,
    ADD COLUMN deferred_until timestamptz,
    ADD COLUMN appeal text,
    ADD CONSTRAINT ck_case_file_appeal CHECK (appeal IN ('asked', 'reviewed', 'granted', 'refused'));
ALTER TABLE ioc.case_step ADD COLUMN stage_deadline timestamptz;
CREATE INDEX ix_case_file_appeal ON ioc.case_file (appeal) WHERE appeal IN ('asked', 'reviewed');
CREATE INDEX ix_case_file_reported_on ON ioc.case_file (reported_on);
CREATE INDEX ix_case_file_due_on ON ioc.case_file (due_on);
CREATE INDEX ix_case_file_ended_on ON ioc.case_file (ended_on);

-- A step is never changed or removed, for the owner neither; a case whose steps stay cannot be removed.
CREATE OR REPLACE FUNCTION ioc.keep_case_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'the steps of cases are append only';
END
$$;

INSERT INTO ioc.case_transition (action, from_state, to_state, posts, reason, clock, position)
SELECT action, state, state, posts, true, NULL, position
FROM (VALUES ('pending_handle'), ('handling')) AS handled (state)
CROSS JOIN (VALUES
    ('ask_deferral', '{department}'::text[], 76),
    ('defer', '{duty_chief}', 77),
    ('refuse_deferral', '{duty_chief}', 78)
) AS deferral (action, posts, position);
INSERT INTO ioc.case_transition (action, from_state, to_state, posts, reason, clock, position)
SELECT 'locate', state, state, '{receiver,dispatcher,duty_chief,collector}', false, NULL, 79
FROM unnest('{reported,verifying,pending_register,pending_dispatch,pending_handle,handling,pending_check,
    checking,pending_close,returned,suspended}'::text[]) AS state;
-- Only the unit, only after closing and only if it was overdue, once; two reviewers, who are two persons.
INSERT INTO ioc.case_transition (action, from_state, to_state, posts, reason, clock, position) VALUES
    ('appeal', 'closed', 'closed', '{department}', true, NULL, 95),
    ('review_appeal', 'closed', 'closed', '{dispatcher}', true, NULL, 96),
    ('grant_appeal', 'closed', 'closed', '{duty_chief}', true, NULL, 97),
    ('refuse_appeal', 'closed', 'closed', '{dispatcher,duty_chief}', true, NULL, 98);

-- The rule that forbids a viewer a step which the case's state and their post would allow, by name; NULL: none.
CREATE FUNCTION ioc.case_rule(c ioc.case_file, action text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT CASE
        WHEN action = 'suspend' AND c.suspensions > 0 THEN 'suspended_once'
        WHEN action = 'extend' AND c.extensions >= 2 THEN 'extended_twice'
        WHEN action IN ('extend', 'defer') AND c.deadline < now() THEN 'overdue'
        WHEN action IN ('ask_deferral', 'defer') AND c.deferred_until IS NOT NULL THEN 'deferred_once'
        WHEN action = 'refuse_extension' AND NOT c.extension_asked
            OR action = 'refuse_deferral' AND NOT c.deferral_asked
            OR action = 'review_appeal' AND c.appeal IS DISTINCT FROM 'asked'
            OR action = 'grant_appeal' AND c.appeal IS DISTINCT FROM 'reviewed'
            OR action = 'refuse_appeal' AND NOT coalesce(c.appeal IN ('asked', 'reviewed'), false)
            THEN 'not_asked'
        WHEN action = 'locate' AND c.geom IS NOT NULL THEN 'located_once'
        WHEN action = 'appeal' AND c.appeal IS NOT NULL THEN 'appealed_once'
        WHEN action = 'appeal' AND NOT coalesce(c.deadline < c.stopped_at, false) THEN 'not_overdue'
        WHEN action IN ('grant_appeal', 'refuse_appeal') AND c.appeal = 'reviewed' AND EXISTS (
            SELECT FROM case_step s
            WHERE s.case_id = c.id AND s.action = 'review_appeal' AND s.account_id = viewer_account()
        ) THEN 'second_reviewer'
    END
$$;

-- The component a case is about: by its code, or the nearest of its type within 15 m.
CREATE FUNCTION ioc.case_component(
    component_code text, component_type text, place geometry, OUT id bigint, OUT code text
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
    SELECT e.id, e.code FROM component e
    WHERE CASE WHEN component_code IS NOT NULL THEN e.code = component_code
        ELSE e.type_code = component_type AND place IS NOT NULL
            AND e.geom_3857 && ST_Expand(ST_Transform(place, 3857), 20)
            AND ST_DWithin(e.geom::geography, place::geography, 15) END
    ORDER BY CASE WHEN place IS NOT NULL THEN ST_DistanceSphere(e.geom, place) END LIMIT 1
$$;

CREATE OR REPLACE FUNCTION ioc.write_case_step(
    c ioc.case_file, t ioc.case_transition, s jsonb, account integer, actor text, post text
) RETURNS ioc.case_file
LANGUAGE plpgsql VOLATILE SET search_path = ioc, public, pg_temp AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    given timestamptz := (s ->> 'deadline')::timestamptz;
    until timestamptz := (s ->> 'until')::timestamptz;
    stays boolean := t.from_state = t.to_state;
    former_department text := c.department_code;
    forbidden text := case_rule(c, t.action);
    place geometry;
    about record;
BEGIN
    IF t.reason AND coalesce(btrim(s ->> 'opinion'), '') = '' THEN
        RAISE SQLSTATE 'IOC08' USING MESSAGE = 'reason';
    ELSIF t.action = 'register' AND coalesce(s ->> 'condition_key', '') = '' THEN
        RAISE SQLSTATE 'IOC08' USING MESSAGE = 'condition';
    ELSIF t.action = 'dispatch' AND coalesce(s ->> 'department_code', '') = '' THEN
        RAISE SQLSTATE 'IOC08' USING MESSAGE = 'department';
    ELSIF t.clock IN ('start', 'resume', 'extend') AND given IS NULL THEN
        RAISE SQLSTATE 'IOC08' USING MESSAGE = 'deadline';
    ELSIF t.action IN ('suspend', 'defer')
        AND NOT coalesce(until BETWEEN moment AND moment + interval '1 year', false) THEN
        RAISE SQLSTATE 'IOC08' USING MESSAGE = 'until';
    ELSIF t.action = 'locate' AND NOT (s ? 'lon' AND s ? 'lat') THEN
        RAISE SQLSTATE 'IOC08' USING MESSAGE = 'place';
    ELSIF forbidden IS NOT NULL THEN
        RAISE SQLSTATE 'IOC09' USING MESSAGE = forbidden;
    END IF;
    IF t.action = 'locate' THEN
        place := ST_SetSRID(ST_MakePoint((s ->> 'lon')::float8, (s ->> 'lat')::float8), 4490);
        c.area_code := place_area(place);
        IF c.area_code IS NULL THEN
            RAISE SQLSTATE 'IOC09' USING MESSAGE = 'outside';
        END IF;
        SELECT * INTO about FROM case_component(c.component_code, s ->> 'component_type', place);
        c.geom := place;
        c.component_id := about.id;
        c.component_code := coalesce(about.code, c.component_code);
    END IF;
    UPDATE case_file f SET
        state = t.to_state, version = c.version + 1,
        geom = c.geom, area_code = c.area_code, component_id = c.component_id, component_code = c.component_code,
        matter_code = coalesce(s ->> 'matter_code', c.matter_code), title = coalesce(s ->> 'title', c.title),
        condition_key = coalesce(s ->> 'condition_key', c.condition_key),
        limit_value = coalesce((s ->> 'limit_value')::float8, c.limit_value),
        limit_unit = coalesce(s ->> 'limit_unit', c.limit_unit),
        department_code = CASE t.action
            WHEN 'dispatch' THEN s ->> 'department_code' WHEN 'return' THEN NULL ELSE c.department_code END,
        deadline = CASE WHEN t.clock IN ('start', 'resume', 'extend') THEN given
            WHEN t.clock = 'clear' THEN NULL
            WHEN t.action = 'defer' THEN greatest(c.deadline, until) ELSE c.deadline END,
        stopped_at = CASE WHEN t.clock IN ('stop', 'end') THEN coalesce(c.stopped_at, moment)
            WHEN t.clock IN ('start', 'resume', 'clear') THEN NULL ELSE c.stopped_at END,
        stage_deadline = CASE WHEN stays THEN c.stage_deadline ELSE (s ->> 'stage_deadline')::timestamptz END,
        suspended_until = CASE WHEN t.action = 'suspend' THEN until WHEN stays THEN c.suspended_until END,
        extension_asked = CASE WHEN t.action = 'ask_extension' THEN true
            WHEN t.action IN ('extend', 'refuse_extension') OR NOT stays THEN false ELSE c.extension_asked END,
        deferral_asked = CASE WHEN t.action = 'ask_deferral' THEN true
            WHEN t.action IN ('defer', 'refuse_deferral') OR NOT stays THEN false ELSE c.deferral_asked END,
        deferred_until = CASE WHEN t.action = 'defer' THEN until
            WHEN t.clock IN ('start', 'clear') THEN NULL ELSE c.deferred_until END,
        appeal = CASE t.action WHEN 'appeal' THEN 'asked' WHEN 'review_appeal' THEN 'reviewed'
            WHEN 'grant_appeal' THEN 'granted' WHEN 'refuse_appeal' THEN 'refused' ELSE c.appeal END,
        extensions = c.extensions + (t.action = 'extend')::integer,
        suspensions = c.suspensions + (t.action = 'suspend')::integer,
        reworks = c.reworks + (t.action IN ('fail', 'rework'))::integer,
        returns = c.returns + (t.action = 'return')::integer,
        urges = c.urges + (t.action = 'urge')::integer,
        filed_at = CASE t.action WHEN 'register' THEN moment ELSE c.filed_at END,
        dispatched_at = CASE t.action WHEN 'dispatch' THEN moment ELSE c.dispatched_at END,
        handled_at = CASE WHEN t.action = 'feed_back' THEN moment
            WHEN t.action IN ('fail', 'rework', 'return') THEN NULL ELSE c.handled_at END,
        ended_at = CASE WHEN t.clock = 'end' THEN moment WHEN stays THEN c.ended_at END
    WHERE f.id = c.id RETURNING * INTO c;
    INSERT INTO case_step (
        case_id, number, action, from_state, to_state, at, account_id, actor, post, department_code, opinion,
        deadline, stage_deadline
    ) VALUES (
        c.id, c.version, t.action, t.from_state, t.to_state, moment, account, actor, post, c.department_code,
        nullif(btrim(s ->> 'opinion'), ''), c.deadline, c.stage_deadline
    );
    PERFORM tell_case(c, former_department);
    RETURN c;
END
$$;

-- As before; the report also has stage_deadline, by when it is to be taken on.
CREATE OR REPLACE FUNCTION ioc.file_case(
    report jsonb, OUT case_id bigint, OUT case_code text, OUT known boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    r record;
    d dataset;
    c case_file;
    place geometry;
    area text;
    found record;
    who record;
    day date := (now() AT TIME ZONE 'Asia/Shanghai')::date;
    number integer;
BEGIN
    SELECT * INTO r FROM jsonb_to_record(report) AS t (
        source text, source_code text, channel text, matter_code text, title text, description text, address text,
        lon float8, lat float8, reported_at timestamptz, stage_deadline timestamptz, component_code text,
        component_type text, reporter jsonb, opinion text, synthetic boolean
    );
    place := ST_SetSRID(ST_MakePoint(r.lon, r.lat), 4490);
    area := place_area(place);
    SELECT * INTO d FROM dataset WHERE code = 'case_file';
    SELECT a.id, a.display_name, a.roles INTO who FROM account a
    WHERE a.id = viewer_account() AND a.active
        AND a.roles && '{staff,leader,receiver,dispatcher,duty_chief,collector}'
        AND EXISTS (SELECT FROM unnest(a.areas) AS granted WHERE granted = '*' OR area ^@ granted);
    IF viewer_account() IS NOT NULL AND who.id IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'no right to report a case here';
    END IF;
    SELECT f.id, f.code, true INTO case_id, case_code, known FROM case_file f
    WHERE f.source = r.source AND f.source_code = r.source_code;
    IF known THEN
        RETURN;
    END IF;
    SELECT * INTO found FROM case_component(r.component_code, r.component_type, place);
    INSERT INTO case_number AS n VALUES (day, 1)
    ON CONFLICT ON CONSTRAINT pk_case_number DO UPDATE SET last = n.last + 1 RETURNING n.last INTO number;
    INSERT INTO case_file (
        dataset_id, code, source, source_code, channel, matter_code, title, description, address, geom, area_code,
        sensitivity, component_code, component_id, state, version, reported_at, stage_deadline, synthetic
    ) VALUES (
        d.id, to_char(day, 'YYYYMMDD') || lpad(number::text, 6, '0'), r.source, r.source_code, r.channel,
        r.matter_code, r.title, r.description, r.address, place, area, d.sensitivity,
        coalesce(found.code, r.component_code), found.id, 'reported', 1, coalesce(r.reported_at, now()),
        r.stage_deadline, coalesce(r.synthetic, false)
    ) ON CONFLICT (source, source_code) DO NOTHING RETURNING * INTO c;
    IF c.id IS NULL THEN
        -- The same report came twice at the same moment; the other was faster.
        SELECT f.id, f.code, true INTO case_id, case_code, known FROM case_file f
        WHERE f.source = r.source AND f.source_code = r.source_code;
        RETURN;
    END IF;
    INSERT INTO case_step (case_id, number, action, to_state, account_id, actor, opinion, stage_deadline)
    VALUES (c.id, 1, 'report', 'reported', who.id, coalesce(who.display_name, r.source), r.opinion, r.stage_deadline);
    IF r.reporter IS NOT NULL THEN
        INSERT INTO case_reporter
        VALUES (c.id, r.reporter ->> 'name', r.reporter ->> 'phone', r.reporter ->> 'email');
    END IF;
    PERFORM tell_case(c, NULL);
    case_id := c.id;
    case_code := c.code;
    known := false;
END
$$;

-- Who reported is for those who call back and look on the spot; others are told only that somebody did.
DROP POLICY viewer ON ioc.case_reporter;
CREATE POLICY viewer ON ioc.case_reporter FOR SELECT TO ioc_app USING (EXISTS (
    SELECT FROM ioc.case_file c WHERE c.id = case_id
        AND ioc.case_posts(c.department_code, c.area_code) && '{receiver,duty_chief,collector}'
));
CREATE FUNCTION ioc.case_reporter_masked(wanted bigint, OUT name text, OUT phone text, OUT email text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT left(r.name, 1) || '**',
        CASE WHEN length(r.phone) > 7 THEN left(r.phone, 3) || '****' || right(r.phone, 4)
            WHEN r.phone <> '' THEN '****' END,
        CASE WHEN r.email <> '' THEN left(r.email, 1) || '***@' || split_part(r.email, '@', 2) END
    FROM case_reporter r JOIN case_file c ON c.id = r.case_id
    WHERE r.case_id = wanted AND viewer_sees_case(c)
$$;

REVOKE EXECUTE ON FUNCTION ioc.case_rule, ioc.case_component, ioc.case_reporter_masked FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.case_rule, ioc.case_reporter_masked TO ioc_app;
