-- Alarms: what devices report beyond limits, from raised to cleared; situations of one cause; silences; and what a
-- district sets otherwise than the rules that come with the program.

CREATE TABLE ioc.situation (
    id bigint GENERATED ALWAYS AS IDENTITY,
    kind text NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    CONSTRAINT pk_situation PRIMARY KEY (id)
);
CREATE UNIQUE INDEX uq_situation_open ON ioc.situation (kind) WHERE ended_at IS NULL;

-- One alarm of a rule at a series at a time: what comes again while it lasts is the same alarm.
CREATE TABLE ioc.alarm (
    id bigint GENERATED ALWAYS AS IDENTITY,
    rule text NOT NULL,
    series_id integer NOT NULL,
    device_code text NOT NULL,
    metric text NOT NULL,
    unit text,
    station_code text,
    station_id bigint,
    place text NOT NULL,
    title_zh text NOT NULL,
    title_en text NOT NULL,
    severity smallint NOT NULL,
    worst smallint NOT NULL,
    state text NOT NULL DEFAULT 'raised',
    value double precision,
    limit_value double precision,
    began_at timestamptz NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    cleared_at timestamptz,
    silenced boolean NOT NULL,
    situation_id bigint,
    dataset_id integer NOT NULL,
    sensitivity smallint NOT NULL,
    area_code text,
    geom geometry(POINT, 4490),
    CONSTRAINT pk_alarm PRIMARY KEY (id),
    CONSTRAINT fk_alarm_situation_id_situation FOREIGN KEY (situation_id) REFERENCES ioc.situation (id),
    CONSTRAINT ck_alarm_severity CHECK (severity BETWEEN 1 AND 4 AND worst BETWEEN 1 AND severity),
    CONSTRAINT ck_alarm_state CHECK (state IN ('raised', 'acknowledged', 'handling', 'cleared')),
    CONSTRAINT ck_alarm_cleared CHECK ((state = 'cleared') = (cleared_at IS NOT NULL))
);
CREATE UNIQUE INDEX uq_alarm_open ON ioc.alarm (rule, series_id) WHERE cleared_at IS NULL;
CREATE INDEX ix_alarm_raised_at ON ioc.alarm (raised_at);
CREATE INDEX ix_alarm_situation_id ON ioc.alarm (situation_id);
CREATE INDEX ix_alarm_device_code ON ioc.alarm (device_code, raised_at);

-- Who did what with an alarm and when; without an account it came of itself. Append only.
CREATE TABLE ioc.alarm_step (
    id bigint GENERATED ALWAYS AS IDENTITY,
    alarm_id bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL,
    severity smallint NOT NULL,
    value double precision,
    account_id integer,
    actor text,
    note text,
    CONSTRAINT pk_alarm_step PRIMARY KEY (id),
    CONSTRAINT fk_alarm_step_alarm_id_alarm FOREIGN KEY (alarm_id) REFERENCES ioc.alarm (id),
    CONSTRAINT fk_alarm_step_account_id_account FOREIGN KEY (account_id) REFERENCES ioc.account (id),
    CONSTRAINT ck_alarm_step_action CHECK (
        action IN ('raised', 'rose', 'fell', 'acknowledged', 'handling', 'note', 'cleared')
    ),
    CONSTRAINT ck_alarm_step_note CHECK (length(note) BETWEEN 1 AND 500)
);
CREATE INDEX ix_alarm_step_alarm_id ON ioc.alarm_step (alarm_id);

-- Series that are not at rest under a rule: the grade reached (0 none, 4 red), and since when the values ask for
-- another one.
CREATE TABLE ioc.alarm_watch (
    rule text NOT NULL,
    series_id integer NOT NULL,
    grade smallint NOT NULL,
    since timestamptz,
    rising boolean NOT NULL,
    judged_at timestamptz NOT NULL,
    CONSTRAINT pk_alarm_watch PRIMARY KEY (series_id, rule)
) WITH (fillfactor = 50);

-- Alarms that are expected: recorded, and told to nobody. What is not named is meant whatever it is.
CREATE TABLE ioc.alarm_silence (
    id bigint GENERATED ALWAYS AS IDENTITY,
    rule text,
    device_code text,
    station_code text,
    area_code text,
    maintenance boolean NOT NULL,
    begins_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    reason text NOT NULL,
    opened_by integer NOT NULL,
    opener text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lifted_at timestamptz,
    lifter text,
    CONSTRAINT pk_alarm_silence PRIMARY KEY (id),
    CONSTRAINT fk_alarm_silence_opened_by_account FOREIGN KEY (opened_by) REFERENCES ioc.account (id),
    CONSTRAINT ck_alarm_silence_named CHECK (num_nonnulls(rule, device_code, station_code, area_code) > 0),
    CONSTRAINT ck_alarm_silence_times CHECK (ends_at > begins_at AND ends_at <= begins_at + interval '1 year'),
    CONSTRAINT ck_alarm_silence_reason CHECK (length(reason) BETWEEN 1 AND 500)
);
CREATE INDEX ix_alarm_silence_ends_at ON ioc.alarm_silence (ends_at);

-- What a district sets otherwise for a rule, for all devices or for one. Append only; the newest holds.
CREATE TABLE ioc.alarm_change (
    id bigint GENERATED ALWAYS AS IDENTITY,
    rule text NOT NULL,
    device_code text,
    change jsonb NOT NULL,
    reason text NOT NULL,
    changed_by integer NOT NULL,
    changer text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT pk_alarm_change PRIMARY KEY (id),
    CONSTRAINT fk_alarm_change_changed_by_account FOREIGN KEY (changed_by) REFERENCES ioc.account (id),
    CONSTRAINT ck_alarm_change_reason CHECK (length(reason) BETWEEN 1 AND 500)
);
CREATE INDEX ix_alarm_change_rule_device_code ON ioc.alarm_change (rule, device_code, id);

CREATE FUNCTION ioc.keep_alarm_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'the history of alarms is append only';
END
$$;
CREATE TRIGGER keep_alarm_history BEFORE UPDATE OR DELETE ON ioc.alarm_step
    FOR EACH ROW EXECUTE FUNCTION ioc.keep_alarm_history();
CREATE TRIGGER keep_alarm_history BEFORE UPDATE OR DELETE ON ioc.alarm_change
    FOR EACH ROW EXECUTE FUNCTION ioc.keep_alarm_history();

-- ---------------------------------------------------------------- rights: an alarm is seen with its device

ALTER TABLE ioc.alarm ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.alarm FOR SELECT TO ioc_app USING (
    (dataset_id * 4 + sensitivity) = ANY ((SELECT ioc.whole_rights())::integer[])
    OR (dataset_id || '.' || sensitivity || '.' || coalesce(area_code, ''))
        ^@ ANY ((SELECT ioc.area_rights())::text[])
);
ALTER TABLE ioc.alarm_step ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.alarm_step FOR SELECT TO ioc_app USING (
    EXISTS (SELECT FROM ioc.alarm a WHERE a.id = alarm_id)
);
ALTER TABLE ioc.situation ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.situation FOR SELECT TO ioc_app USING (
    EXISTS (SELECT FROM ioc.alarm a WHERE a.situation_id = situation.id)
);
-- Silences and changed limits are no secret to whoever works here: they explain why there is no alarm.
ALTER TABLE ioc.alarm_silence ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.alarm_silence FOR SELECT TO ioc_app USING (ioc.viewer_account() IS NOT NULL);
ALTER TABLE ioc.alarm_change ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.alarm_change FOR SELECT TO ioc_app USING (ioc.viewer_account() IS NOT NULL);
GRANT SELECT ON ioc.alarm, ioc.alarm_step, ioc.situation, ioc.alarm_silence, ioc.alarm_change TO ioc_app;

-- ---------------------------------------------------------------- what judging asks

-- Each series with the limits that its department declared.
CREATE FUNCTION ioc.alarm_basis()
RETURNS TABLE (
    series_id integer, device_code text, metric text, lower_limit float8, upper_limit float8, interval_s float8,
    guard_level float8, warning_level float8, design_level float8
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT DISTINCT ON (s.id) s.id, s.device_code, s.metric, m.lower_limit, m.upper_limit, m.interval_s,
        t.guard_level, t.warning_level, t.design_level
    FROM series s
    JOIN device d ON d.code = s.device_code
    LEFT JOIN metric m ON m.device_code = s.device_code AND m.metric = s.metric
    LEFT JOIN station t ON t.code = d.station_code
    ORDER BY s.id, d.dataset_id, m.dataset_id, t.dataset_id
$$;

-- The newest change of each rule and device.
CREATE FUNCTION ioc.alarm_changes() RETURNS TABLE (rule text, device_code text, change jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT DISTINCT ON (c.rule, c.device_code) c.rule, c.device_code, c.change
    FROM alarm_change c ORDER BY c.rule, c.device_code, c.id DESC
$$;

-- Changes whenever the answers of the two functions above may have.
CREATE FUNCTION ioc.alarm_basis_state() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT concat_ws('/', feed_devices_state(), (SELECT max(id) FROM series), (SELECT max(id) FROM alarm_change))
$$;

-- What is known of these series under rules, held until the end of the transaction.
CREATE FUNCTION ioc.alarm_watches(series integer[]) RETURNS SETOF ioc.alarm_watch
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT * FROM alarm_watch WHERE series_id = ANY (series) ORDER BY series_id, rule FOR UPDATE
$$;

-- What these series added up to over the last seconds.
CREATE FUNCTION ioc.reading_sums(series integer[], seconds float8) RETURNS TABLE (series_id integer, total float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT o.series_id, sum(o.value) FROM observation o
    WHERE o.series_id = ANY (series) AND o.observed_at > now() - make_interval(secs => seconds)
        AND o.observed_at <= now()
    GROUP BY o.series_id
$$;

-- How far the latest value lies above the lowest of the last seconds.
CREATE FUNCTION ioc.reading_rises(series integer[], seconds float8) RETURNS TABLE (series_id integer, rise float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT l.series_id, l.value - min(o.value)
    FROM latest l JOIN observation o USING (series_id)
    WHERE l.series_id = ANY (series) AND o.observed_at > now() - make_interval(secs => seconds)
        AND o.observed_at <= l.observed_at
    GROUP BY l.series_id, l.value
$$;

CREATE FUNCTION ioc.reading_ages(series integer[]) RETURNS TABLE (series_id integer, age_s float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT l.series_id, extract(epoch FROM now() - l.observed_at)::float8
    FROM latest l WHERE l.series_id = ANY (series)
$$;

-- Of series that had one value in every whole hour of the last seconds, and report still: those seconds.
CREATE FUNCTION ioc.reading_frozen(series integer[], seconds float8) RETURNS TABLE (series_id integer, frozen_s float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT l.series_id, CASE
        WHEN count(h.hour) >= floor(seconds / 3600) AND min(h.minimum) = max(h.maximum)
            AND max(h.maximum) = l.value THEN seconds
        ELSE 0 END
    FROM latest l LEFT JOIN observation_hour h ON h.series_id = l.series_id
        AND h.hour > now() - make_interval(secs => seconds + 3600)
    WHERE l.series_id = ANY (series)
    GROUP BY l.series_id, l.value
$$;

-- Latest values of series whose device reports at most so much of another metric.
CREATE FUNCTION ioc.reading_while(series integer[], other text, at_most float8)
RETURNS TABLE (series_id integer, value float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT l.series_id, l.value
    FROM latest l JOIN series s ON s.id = l.series_id
    JOIN series t ON t.device_code = s.device_code AND t.metric = other
    JOIN latest m ON m.series_id = t.id
    WHERE l.series_id = ANY (series) AND m.value <= at_most
$$;

CREATE FUNCTION ioc.keep_alarm_watches(judged jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    WITH given AS (
        SELECT * FROM jsonb_to_recordset(judged) AS j (
            rule text, series_id integer, grade smallint, since timestamptz, rising boolean, judged_at timestamptz
        )
    ), rested AS (
        DELETE FROM alarm_watch w USING given g
        WHERE w.series_id = g.series_id AND w.rule = g.rule AND g.grade = 0 AND g.since IS NULL
    )
    INSERT INTO alarm_watch AS known (rule, series_id, grade, since, rising, judged_at)
    SELECT rule, series_id, grade, since, rising, judged_at FROM given WHERE grade > 0 OR since IS NOT NULL
    ORDER BY series_id, rule
    ON CONFLICT (series_id, rule) DO UPDATE SET grade = excluded.grade, since = excluded.since,
        rising = excluded.rising, judged_at = excluded.judged_at
$$;

CREATE FUNCTION ioc.alarm_item(a ioc.alarm) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = ioc, public, pg_temp AS $$
    SELECT jsonb_build_object(
        'r', jsonb_build_array(a.dataset_id, a.sensitivity, coalesce(a.area_code, '')),
        'id', a.id, 'rule', a.rule, 'state', a.state, 'severity', a.severity, 'title_zh', a.title_zh,
        'title_en', a.title_en, 'metric', a.metric, 'unit', a.unit, 'device', a.device_code,
        'station', a.station_code, 'station_id', a.station_id, 'place', a.place, 'lon', ST_X(a.geom),
        'lat', ST_Y(a.geom), 'value', a.value, 'limit', a.limit_value, 'began_at', a.began_at,
        'raised_at', a.raised_at, 'cleared_at', a.cleared_at, 'situation', a.situation_id, 'silenced', a.silenced
    )
$$;

CREATE FUNCTION ioc.is_silenced(rule text, device text, station text, area text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM alarm_silence s
        WHERE clock_timestamp() BETWEEN s.begins_at AND s.ends_at AND s.lifted_at IS NULL
            AND coalesce(s.rule = $1, true) AND coalesce(s.device_code = $2, true)
            AND coalesce(s.station_code = $3, s.station_code IS NULL)
            AND coalesce($4 ^@ s.area_code, s.area_code IS NULL)
    )
$$;

-- Raises alarms, changes their severity or clears them; tells of them. `changes` is an array of objects with
-- rule, series_id, severity (null: back to normal), value, limit, at, title_zh, title_en, unit. An alarm that
-- somebody cleared by hand comes again when the values get worse or after they have come back to normal.
CREATE FUNCTION ioc.set_alarms(changes jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    change record;
    known alarm;
    items jsonb := '[]';
BEGIN
    FOR change IN
        SELECT * FROM jsonb_to_recordset(changes) AS c (
            rule text, series_id integer, severity smallint, former smallint, value float8, "limit" float8,
            at timestamptz, title_zh text, title_en text, unit text
        ) ORDER BY series_id, rule
    LOOP
        SELECT * INTO known FROM alarm a
        WHERE a.rule = change.rule AND a.series_id = change.series_id AND a.cleared_at IS NULL FOR UPDATE;
        IF known.id IS NULL THEN
            CONTINUE WHEN change.severity IS NULL OR change.severity >= change.former;
            INSERT INTO alarm (rule, series_id, device_code, metric, unit, station_code, station_id, place,
                title_zh, title_en, severity, worst, value, limit_value, began_at, silenced, dataset_id,
                sensitivity, area_code, geom)
            SELECT change.rule, s.id, s.device_code, s.metric, change.unit, d.station_code, t.id,
                coalesce(t.name, d.name, s.device_code), change.title_zh, change.title_en, change.severity,
                change.severity, change.value, change."limit", change.at,
                is_silenced(change.rule, s.device_code, d.station_code, d.area_code),
                d.dataset_id, d.sensitivity, d.area_code, coalesce(d.geom, t.geom)
            FROM series s JOIN device d ON d.code = s.device_code LEFT JOIN station t ON t.code = d.station_code
            WHERE s.id = change.series_id
            ORDER BY d.dataset_id, t.dataset_id LIMIT 1
            RETURNING * INTO known;
            CONTINUE WHEN known.id IS NULL;
            INSERT INTO alarm_step (alarm_id, action, severity, value)
            VALUES (known.id, 'raised', known.severity, change.value);
        ELSIF change.severity IS NULL THEN
            UPDATE alarm SET state = 'cleared', cleared_at = clock_timestamp(), value = change.value
            WHERE id = known.id RETURNING * INTO known;
            INSERT INTO alarm_step (alarm_id, action, severity, value)
            VALUES (known.id, 'cleared', known.severity, change.value);
        ELSE
            INSERT INTO alarm_step (alarm_id, action, severity, value) VALUES (
                known.id, CASE WHEN change.severity < known.severity THEN 'rose' ELSE 'fell' END,
                change.severity, change.value
            );
            UPDATE alarm SET severity = change.severity, worst = least(worst, change.severity),
                value = change.value, limit_value = change."limit", title_zh = change.title_zh,
                title_en = change.title_en
            WHERE id = known.id RETURNING * INTO known;
        END IF;
        items := items || alarm_item(known);
    END LOOP;
    PERFORM tell('alarm', items);
    RETURN jsonb_array_length(items);
END
$$;

-- Puts open alarms of one cause together. `kinds` is an array of objects with kind, title_zh, title_en, rules,
-- least (alarms that make a situation), within_s (raised so near to each other), quiet_s (over so long after
-- its last alarm was cleared). An alarm joins the open situation of its kind.
CREATE FUNCTION ioc.group_alarms(kinds jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    wanted record;
    open_id bigint;
    alone bigint[];
    items jsonb := '[]';
    changed bigint[] := '{}';
BEGIN
    FOR wanted IN
        SELECT * FROM jsonb_to_recordset(kinds) AS k (
            kind text, title_zh text, title_en text, rules text[], least integer, within_s float8, quiet_s float8
        )
    LOOP
        SELECT id INTO open_id FROM situation s WHERE s.kind = wanted.kind AND s.ended_at IS NULL;
        alone := ARRAY(
            SELECT a.id FROM alarm a
            WHERE a.rule = ANY (wanted.rules) AND a.situation_id IS NULL AND NOT a.silenced
                AND a.raised_at > clock_timestamp() - make_interval(secs => wanted.within_s)
        );
        IF open_id IS NULL AND cardinality(alone) >= wanted.least THEN
            INSERT INTO situation (kind, title_zh, title_en, began_at)
            SELECT wanted.kind, wanted.title_zh, wanted.title_en, min(a.began_at)
            FROM alarm a WHERE a.id = ANY (alone)
            RETURNING id INTO open_id;
        END IF;
        CONTINUE WHEN open_id IS NULL;
        IF cardinality(alone) > 0 THEN
            UPDATE alarm SET situation_id = open_id WHERE id = ANY (alone);
            items := items || (SELECT jsonb_agg(alarm_item(a) ORDER BY a.id) FROM alarm a WHERE a.id = ANY (alone));
            changed := changed || open_id;
        END IF;
        UPDATE situation SET ended_at = clock_timestamp()
        WHERE id = open_id AND NOT EXISTS (
            SELECT FROM alarm a WHERE a.situation_id = open_id AND (a.cleared_at IS NULL
                OR a.cleared_at > clock_timestamp() - make_interval(secs => wanted.quiet_s))
        );
        IF FOUND THEN
            changed := changed || open_id;
        END IF;
    END LOOP;
    PERFORM tell('alarm', items);
    -- An item for each right that the situation's alarms have, so that whoever sees one of them is told.
    PERFORM tell('situation', coalesce((
        SELECT jsonb_agg(DISTINCT jsonb_build_object(
            'r', jsonb_build_array(a.dataset_id, a.sensitivity, coalesce(a.area_code, '')), 'id', s.id,
            'kind', s.kind, 'title_zh', s.title_zh, 'title_en', s.title_en, 'began_at', s.began_at,
            'ended_at', s.ended_at
        ))
        FROM situation s JOIN alarm a ON a.situation_id = s.id WHERE s.id = ANY (changed)
    ), '[]'));
    RETURN cardinality(changed);
END
$$;

-- ---------------------------------------------------------------- what people do

-- Whether the viewer may act on alarms of such a row: duty officers on all they see, staff on their own
-- department's, administrators.
CREATE FUNCTION ioc.may_act_on_alarm(dataset integer, row_sensitivity integer, row_area text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT viewer_is('admin') OR viewer_is('screen') OR viewer_may('propose', dataset, row_sensitivity, row_area)
$$;

-- The viewer acknowledges an alarm, takes it in hand, notes something, or clears it. NULL: it is not the
-- viewer's to see.
CREATE FUNCTION ioc.act_on_alarm(alarm_id bigint, action text, note text) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    known alarm;
BEGIN
    SELECT * INTO known FROM alarm a WHERE a.id = alarm_id
        AND ((a.dataset_id * 4 + a.sensitivity) = ANY (whole_rights())
            OR (a.dataset_id || '.' || a.sensitivity || '.' || coalesce(a.area_code, '')) ^@ ANY (area_rights()))
        FOR UPDATE;
    IF known.id IS NULL THEN
        RETURN NULL;
    END IF;
    IF NOT may_act_on_alarm(known.dataset_id, known.sensitivity, known.area_code) THEN
        RAISE insufficient_privilege USING MESSAGE = 'right';
    END IF;
    IF action = 'cleared' AND note IS NULL THEN
        RAISE check_violation USING MESSAGE = 'note';
    END IF;
    IF NOT (
        action = 'acknowledged' AND known.state = 'raised'
        OR action = 'handling' AND known.state IN ('raised', 'acknowledged')
        OR action = 'note' AND note IS NOT NULL
        OR action = 'cleared' AND known.state <> 'cleared'
    ) THEN
        RAISE object_not_in_prerequisite_state USING MESSAGE = known.state;
    END IF;
    INSERT INTO alarm_step (alarm_id, action, severity, value, account_id, actor, note)
    SELECT known.id, action, known.severity, known.value, a.id, a.display_name, note
    FROM account a WHERE a.id = viewer_account();
    IF action <> 'note' THEN
        UPDATE alarm SET state = action, cleared_at = CASE action WHEN 'cleared' THEN clock_timestamp() END
        WHERE id = known.id RETURNING * INTO known;
        PERFORM tell('alarm', jsonb_build_array(alarm_item(known)));
    END IF;
    RETURN alarm_item(known);
END
$$;

-- The viewer silences expected alarms; those that are open already keep silent too. Gives the silence's id.
CREATE FUNCTION ioc.open_alarm_silence(
    rule text, device text, station text, area text, maintenance boolean, begins timestamptz, ends timestamptz,
    reason text
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    made bigint;
BEGIN
    IF NOT (viewer_is('admin') OR viewer_is('screen') OR EXISTS (
        SELECT FROM device d WHERE (d.code = open_alarm_silence.device OR d.station_code = station)
            AND viewer_may('propose', d.dataset_id, d.sensitivity, d.area_code)
    )) THEN
        RAISE insufficient_privilege USING MESSAGE = 'right';
    END IF;
    INSERT INTO alarm_silence (rule, device_code, station_code, area_code, maintenance, begins_at, ends_at, reason,
        opened_by, opener)
    SELECT open_alarm_silence.rule, open_alarm_silence.device, station, area, open_alarm_silence.maintenance,
        begins, ends, open_alarm_silence.reason, a.id, a.display_name
    FROM account a WHERE a.id = viewer_account()
    RETURNING id INTO made;
    PERFORM apply_alarm_silences();
    RETURN made;
END
$$;

-- Whoever opened a silence lifts it, duty officers and administrators any.
CREATE FUNCTION ioc.lift_alarm_silence(silence bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
BEGIN
    UPDATE alarm_silence s SET lifted_at = clock_timestamp(), lifter = a.display_name
    FROM account a
    WHERE s.id = silence AND s.lifted_at IS NULL AND a.id = viewer_account()
        AND (s.opened_by = a.id OR viewer_is('admin') OR viewer_is('screen'));
    IF FOUND THEN
        PERFORM apply_alarm_silences();
        RETURN true;
    END IF;
    RETURN false;
END
$$;

-- Silences begin and end by time: open alarms follow them, and are told of when they do.
CREATE FUNCTION ioc.apply_alarm_silences() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    items jsonb;
BEGIN
    WITH changed AS (
        UPDATE alarm a SET silenced = NOT a.silenced
        WHERE a.cleared_at IS NULL
            AND a.silenced <> is_silenced(a.rule, a.device_code, a.station_code, a.area_code)
        RETURNING a.*
    )
    SELECT coalesce(jsonb_agg(alarm_item(changed::alarm)), '[]') INTO items FROM changed;
    PERFORM tell('alarm', items);
    RETURN jsonb_array_length(items);
END
$$;

-- A steward or administrator sets a rule otherwise, for all devices or for one.
CREATE FUNCTION ioc.change_alarm_rule(rule text, device text, change jsonb, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
BEGIN
    IF NOT viewer_is_steward() THEN
        RAISE insufficient_privilege USING MESSAGE = 'right';
    END IF;
    INSERT INTO alarm_change (rule, device_code, change, reason, changed_by, changer)
    SELECT change_alarm_rule.rule, device, change_alarm_rule.change, change_alarm_rule.reason, a.id, a.display_name
    FROM account a WHERE a.id = viewer_account();
END
$$;

REVOKE EXECUTE ON FUNCTION ioc.alarm_basis, ioc.alarm_changes, ioc.alarm_basis_state, ioc.alarm_watches,
    ioc.reading_sums, ioc.reading_rises, ioc.reading_ages, ioc.reading_frozen,
    ioc.reading_while, ioc.keep_alarm_watches, ioc.alarm_item, ioc.is_silenced, ioc.set_alarms,
    ioc.group_alarms, ioc.may_act_on_alarm, ioc.act_on_alarm, ioc.open_alarm_silence, ioc.lift_alarm_silence,
    ioc.apply_alarm_silences, ioc.change_alarm_rule FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.alarm_basis, ioc.alarm_changes, ioc.alarm_basis_state, ioc.alarm_watches,
    ioc.reading_sums, ioc.reading_rises, ioc.reading_ages, ioc.reading_frozen,
    ioc.reading_while, ioc.keep_alarm_watches, ioc.alarm_item, ioc.is_silenced, ioc.set_alarms,
    ioc.group_alarms, ioc.may_act_on_alarm, ioc.act_on_alarm, ioc.open_alarm_silence, ioc.lift_alarm_silence,
    ioc.apply_alarm_silences, ioc.change_alarm_rule TO ioc_app;
