-- By when a case was to be filed when it was filed, and by when it was to be dispatched: what the rates of
-- filing and dispatching in time are counted from (按期立案率, 按期派遣率).
ALTER TABLE ioc.case_file ADD COLUMN filing_deadline timestamptz, ADD COLUMN dispatch_deadline timestamptz;

-- The step before a registration carries the limit that it ended; the registration itself the one it began.
WITH filed AS (
    SELECT DISTINCT ON (s.case_id) s.case_id, b.stage_deadline AS filing, s.stage_deadline AS dispatch
    FROM ioc.case_step s JOIN ioc.case_step b ON (b.case_id, b.number) = (s.case_id, s.number - 1)
    WHERE s.action = 'register' ORDER BY s.case_id, s.number DESC
)
UPDATE ioc.case_file c SET filing_deadline = filed.filing,
    dispatch_deadline = CASE WHEN c.state IN ('returned', 'pending_register') THEN NULL ELSE filed.dispatch END
FROM filed WHERE filed.case_id = c.id;

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
        filing_deadline = CASE t.action WHEN 'register' THEN c.stage_deadline ELSE c.filing_deadline END,
        dispatch_deadline = CASE t.action WHEN 'register' THEN (s ->> 'stage_deadline')::timestamptz
            WHEN 'return' THEN NULL ELSE c.dispatch_deadline END,
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
