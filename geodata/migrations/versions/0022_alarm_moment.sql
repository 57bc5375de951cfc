-- Alarms are judged as of a moment that the caller states (NULL: now), so that what was measured while nobody
-- judged can be judged in order of its time; and a device is silent only as long as somebody has listened.

DROP FUNCTION ioc.reading_sums, ioc.reading_rises, ioc.reading_ages, ioc.reading_frozen, ioc.set_alarms,
    ioc.group_alarms;

-- What these series added up to over the last seconds.
CREATE FUNCTION ioc.reading_sums(series integer[], seconds float8, moment timestamptz) RETURNS TABLE (series_id integer, total float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT o.series_id, sum(o.value) FROM observation o
    WHERE o.series_id = ANY (series) AND o.observed_at > coalesce(moment, now()) - make_interval(secs => seconds)
        AND o.observed_at <= coalesce(moment, now())
    GROUP BY o.series_id
$$;

-- How far the latest value lies above the lowest of the last seconds.
CREATE FUNCTION ioc.reading_rises(series integer[], seconds float8, moment timestamptz) RETURNS TABLE (series_id integer, rise float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT l.series_id, l.value - min(o.value)
    FROM latest l JOIN observation o USING (series_id)
    WHERE l.series_id = ANY (series) AND o.observed_at > coalesce(moment, now()) - make_interval(secs => seconds)
        AND o.observed_at <= l.observed_at
    GROUP BY l.series_id, l.value
$$;

-- How long these series have said nothing while somebody listened.
CREATE FUNCTION ioc.reading_ages(series integer[], moment timestamptz, listening timestamptz) RETURNS TABLE (series_id integer, age_s float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT l.series_id, extract(epoch FROM coalesce(moment, now()) - greatest(l.observed_at, listening))::float8
    FROM latest l WHERE l.series_id = ANY (series)
$$;

-- Of series that had one value in every whole hour of the last seconds, and report still: those seconds.
CREATE FUNCTION ioc.reading_frozen(series integer[], seconds float8, moment timestamptz) RETURNS TABLE (series_id integer, frozen_s float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT l.series_id, CASE
        WHEN count(h.hour) >= floor(seconds / 3600) AND min(h.minimum) = max(h.maximum)
            AND max(h.maximum) = l.value THEN seconds
        ELSE 0 END
    FROM latest l LEFT JOIN observation_hour h ON h.series_id = l.series_id
        AND h.hour > coalesce(moment, now()) - make_interval(secs => seconds + 3600)
    WHERE l.series_id = ANY (series)
    GROUP BY l.series_id, l.value
$$;

-- Raises alarms, changes their severity or clears them; tells of them. `changes` is an array of objects with
-- rule, series_id, severity (null: back to normal), value, limit, at, title_zh, title_en, unit. An alarm that
-- somebody cleared by hand comes again when the values get worse or after they have come back to normal.
CREATE FUNCTION ioc.set_alarms(changes jsonb, moment timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    change record;
    known alarm;
    items jsonb := '[]';
    judged timestamptz := coalesce(moment, clock_timestamp());
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
                title_zh, title_en, severity, worst, value, limit_value, began_at, raised_at, silenced,
                dataset_id, sensitivity, area_code, geom)
            SELECT change.rule, s.id, s.device_code, s.metric, change.unit, d.station_code, t.id,
                coalesce(t.name, d.name, s.device_code), change.title_zh, change.title_en, change.severity,
                change.severity, change.value, change."limit", change.at, judged,
                is_silenced(change.rule, s.device_code, d.station_code, d.area_code),
                d.dataset_id, d.sensitivity, d.area_code, coalesce(d.geom, t.geom)
            FROM series s JOIN device d ON d.code = s.device_code LEFT JOIN station t ON t.code = d.station_code
            WHERE s.id = change.series_id
            ORDER BY d.dataset_id, t.dataset_id LIMIT 1
            RETURNING * INTO known;
            CONTINUE WHEN known.id IS NULL;
            INSERT INTO alarm_step (alarm_id, at, action, severity, value)
            VALUES (known.id, judged, 'raised', known.severity, change.value);
        ELSIF change.severity IS NULL THEN
            UPDATE alarm SET state = 'cleared', cleared_at = judged, value = change.value
            WHERE id = known.id RETURNING * INTO known;
            INSERT INTO alarm_step (alarm_id, at, action, severity, value)
            VALUES (known.id, judged, 'cleared', known.severity, change.value);
        ELSE
            INSERT INTO alarm_step (alarm_id, at, action, severity, value) VALUES (
                known.id, judged, CASE WHEN change.severity < known.severity THEN 'rose' ELSE 'fell' END,
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
CREATE FUNCTION ioc.group_alarms(kinds jsonb, moment timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    wanted record;
    open_id bigint;
    alone bigint[];
    items jsonb := '[]';
    changed bigint[] := '{}';
    judged timestamptz := coalesce(moment, clock_timestamp());
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
                AND a.raised_at > judged - make_interval(secs => wanted.within_s)
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
        UPDATE situation SET ended_at = judged
        WHERE id = open_id AND NOT EXISTS (
            SELECT FROM alarm a WHERE a.situation_id = open_id AND (a.cleared_at IS NULL
                OR a.cleared_at > judged - make_interval(secs => wanted.quiet_s))
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

REVOKE EXECUTE ON FUNCTION ioc.reading_sums, ioc.reading_rises, ioc.reading_ages, ioc.reading_frozen, ioc.set_alarms,
    ioc.group_alarms FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.reading_sums, ioc.reading_rises, ioc.reading_ages, ioc.reading_frozen, ioc.set_alarms,
    ioc.group_alarms TO ioc_app;
