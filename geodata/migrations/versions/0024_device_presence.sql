-- Whether a device is online, since when, and by how much its clock is behind: said here, for every page and program.

-- What was last told of a device. Offline: nothing came for three of its shortest intervals, ten minutes at least.
CREATE TABLE ioc.device_presence (
    device_code text NOT NULL,
    online boolean NOT NULL,
    since timestamptz NOT NULL,
    CONSTRAINT pk_device_presence PRIMARY KEY (device_code)
) WITH (fillfactor = 50);
COMMENT ON COLUMN ioc.device_presence.since IS 'heard again then; offline: heard last then';

-- A run of looks at how late the newest reading of a device came, all within two minutes of the first one. What comes
-- late of a backlog comes ever less late, and begins the run again; what a slow clock dates stays as late as it was.
CREATE TABLE ioc.device_lag (
    device_code text NOT NULL,
    begun_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    looks integer NOT NULL,
    first_s double precision NOT NULL,
    least_s double precision NOT NULL,
    CONSTRAINT pk_device_lag PRIMARY KEY (device_code)
) WITH (fillfactor = 50);

DO $$
DECLARE
    named text;
BEGIN
    FOREACH named IN ARRAY ARRAY['device_presence', 'device_lag'] LOOP
        EXECUTE format('ALTER TABLE ioc.%I ENABLE ROW LEVEL SECURITY', named);
        EXECUTE format(
            'CREATE POLICY viewer ON ioc.%I FOR SELECT TO ioc_app
            USING (device_code IN (SELECT d.code FROM ioc.device d))', named
        );
        EXECUTE format('GRANT SELECT ON ioc.%I TO ioc_app', named);
    END LOOP;
END
$$;

-- When each known device was last heard, by readings, positions or anything else it said; how late its newest reading
-- came; and its shortest interval.
CREATE FUNCTION ioc.devices_heard()
RETURNS TABLE (device_code text, heard_at timestamptz, received_at timestamptz, lag_s double precision, interval_s float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    WITH newest AS (
        SELECT s.device_code, l.received_at, l.observed_at FROM latest l JOIN series s ON s.id = l.series_id
        UNION ALL
        SELECT s.device_code, p.received_at, p.observed_at FROM latest_position p JOIN series s ON s.id = p.series_id
    ), reported AS (
        SELECT n.device_code, max(n.received_at) AS received_at,
            extract(epoch FROM max(n.received_at) - max(n.observed_at))::float8 AS lag_s
        FROM newest n GROUP BY 1
    ), paced AS (SELECT m.device_code, min(m.interval_s) AS interval_s FROM metric m WHERE m.interval_s > 0 GROUP BY 1)
    SELECT d.code, greatest(r.received_at, c.last_at), r.received_at, r.lag_s, p.interval_s
    FROM (SELECT DISTINCT code FROM device) d
    LEFT JOIN reported r ON r.device_code = d.code
    LEFT JOIN device_contact c ON c.device_code = d.code
    LEFT JOIN paced p ON p.device_code = d.code
    WHERE r.received_at IS NOT NULL OR c.last_at IS NOT NULL
$$;

-- Notes which devices went offline or came back, and tells of it, once; gives their number. While nobody listened,
-- which is before `listening`, no device was silent: until it has had its time none is called offline.
CREATE FUNCTION ioc.note_presence(listening timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    items jsonb;
BEGIN
    WITH judged AS (
        SELECT h.device_code, h.heard_at, k.online AS told, CASE
            WHEN h.heard_at > now() - p.patience THEN true
            WHEN listening > now() - p.patience THEN coalesce(k.online, false)
            ELSE false END AS online
        FROM devices_heard() h
        CROSS JOIN LATERAL (SELECT greatest(
            interval '10 minutes', make_interval(secs => 3 * coalesce(h.interval_s, 300))
        ) AS patience) p
        LEFT JOIN device_presence k ON k.device_code = h.device_code
    ), changed AS (
        INSERT INTO device_presence AS known (device_code, online, since)
        SELECT j.device_code, j.online, CASE WHEN j.online THEN clock_timestamp() ELSE j.heard_at END
        FROM judged j WHERE j.told IS DISTINCT FROM j.online
        ORDER BY j.device_code
        ON CONFLICT (device_code) DO UPDATE SET online = excluded.online, since = excluded.since
        RETURNING known.*
    )
    SELECT coalesce(jsonb_agg(presence_item(changed::device_presence) || jsonb_build_object(
        'r', jsonb_build_array(d.dataset_id, d.sensitivity, coalesce(d.area_code, ''))
    )), '[]') INTO items
    FROM changed JOIN device d ON d.code = changed.device_code;
    PERFORM tell('device', items);
    RETURN jsonb_array_length(items);
END
$$;

-- What is told of a device that went or came back.
CREATE FUNCTION ioc.presence_item(p ioc.device_presence) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = ioc, pg_temp AS $$
    SELECT jsonb_build_object('device', p.device_code,
        'state', CASE WHEN p.online THEN 'online' ELSE 'offline' END, 'since', p.since)
$$;

-- Looks how late the newest readings came, of devices that have reported since they were looked at, each at most
-- every five minutes.
CREATE FUNCTION ioc.note_lags() RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    WITH looked AS (
        INSERT INTO device_lag AS known (device_code, begun_at, seen_at, looks, first_s, least_s)
        SELECT h.device_code, h.received_at, h.received_at, 1, h.lag_s, h.lag_s
        FROM devices_heard() h LEFT JOIN device_lag k ON k.device_code = h.device_code
        WHERE h.received_at IS NOT NULL AND (k.seen_at IS NULL OR h.received_at > k.seen_at + interval '5 minutes')
        ORDER BY h.device_code
        ON CONFLICT (device_code) DO UPDATE SET seen_at = excluded.seen_at,
            begun_at = CASE WHEN abs(excluded.first_s - known.first_s) <= 120 THEN known.begun_at ELSE excluded.seen_at END,
            looks = CASE WHEN abs(excluded.first_s - known.first_s) <= 120 THEN known.looks + 1 ELSE 1 END,
            first_s = CASE WHEN abs(excluded.first_s - known.first_s) <= 120 THEN known.first_s ELSE excluded.first_s END,
            least_s = CASE WHEN abs(excluded.first_s - known.first_s) <= 120
                THEN least(known.least_s, excluded.least_s) ELSE excluded.least_s END
        RETURNING 1
    )
    SELECT count(*)::integer FROM looked
$$;

-- Devices whose clock is wrong: ahead when they last sent a reading of the future, within a day; behind when for an
-- hour and six looks every newest reading came late by the same time, over five minutes and its interval, which dates
-- readings by the beginning of it. Whoever always hands on late looks the same.
CREATE FUNCTION ioc.device_clocks() RETURNS TABLE (device_code text, ahead_s float8, behind_s float8)
LANGUAGE sql STABLE SET search_path = ioc, pg_temp AS $$
    SELECT device_code, max(ahead_s), max(behind_s) FROM (
        SELECT c.device_code, c.ahead_s, NULL::float8 AS behind_s
        FROM device_clock c WHERE c.noted_at > now() - interval '1 day'
        UNION ALL
        SELECT g.device_code, NULL, g.least_s
        FROM device_lag g
        LEFT JOIN (SELECT m.device_code, min(m.interval_s) AS interval_s FROM metric m GROUP BY 1) p USING (device_code)
        WHERE g.looks >= 6 AND g.seen_at >= g.begun_at + interval '1 hour' AND g.seen_at > now() - interval '1 day'
            AND g.least_s > 300 + coalesce(p.interval_s, 0)
    ) wrong GROUP BY 1
$$;

-- When the process of the doors last noted what came in; NULL: it never ran.
CREATE FUNCTION ioc.doors_noted_at() RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT max(d.seen_at) FROM feed_door d
$$;

REVOKE EXECUTE ON FUNCTION ioc.devices_heard, ioc.note_presence, ioc.presence_item, ioc.note_lags, ioc.device_clocks,
    ioc.doors_noted_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.note_presence, ioc.presence_item, ioc.note_lags, ioc.device_clocks, ioc.doors_noted_at
    TO ioc_app;

-- ---------------------------------------------------------------- accepted with a type

DROP FUNCTION ioc.accept_device;

CREATE FUNCTION ioc.accept_device(
    device text, feature bigint, device_name text, kind text, at_station text, frame text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    waiting waiting_device;
    d dataset;
    shape geometry;
    area text;
    content jsonb;
    made feature_edit;
BEGIN
    SELECT * INTO waiting FROM waiting_device WHERE code = device AND state <> 'accepted' FOR UPDATE;
    IF waiting.code IS NULL THEN
        RAISE SQLSTATE 'IOC04' USING MESSAGE = 'the device does not wait';
    END IF;
    -- A load holds this lock alone, so it sees every edit or none.
    SELECT * INTO d FROM dataset WHERE code = 'device' AND published_version_id IS NOT NULL;
    IF d.id IS NULL THEN
        RAISE SQLSTATE 'IOC07' USING MESSAGE = 'there is no dataset of devices';
    ELSIF NOT pg_try_advisory_xact_lock_shared(1229931332, d.id) THEN
        RAISE lock_not_available USING MESSAGE = 'the dataset is being loaded';
    END IF;
    SELECT * INTO d FROM dataset WHERE id = d.id FOR UPDATE;
    IF at_station <> '' THEN
        SELECT s.geom, s.area_code INTO shape, area FROM station s WHERE s.code = at_station;
        IF NOT FOUND THEN
            RAISE SQLSTATE 'IOC08' USING MESSAGE = 'there is no such station';
        END IF;
    ELSIF waiting.last_payload ? 'position' THEN
        shape := ST_SetSRID(ST_MakePoint(
            (waiting.last_payload #>> '{position,lon}')::float8, (waiting.last_payload #>> '{position,lat}')::float8
        ), 4490);
        SELECT g.code INTO area FROM unit_grid g WHERE ST_Contains(g.geom, shape) LIMIT 1;
    END IF;
    IF NOT viewer_may('review', d.id, d.sensitivity, area) THEN
        RAISE insufficient_privilege USING MESSAGE = 'no right to accept devices here';
    END IF;
    IF NOT EXISTS (SELECT FROM ioc.device v WHERE v.code = device) THEN
        content := jsonb_build_object(
            'dataset_id', d.id, 'id', feature, 'code', device, 'name', coalesce(nullif(device_name, ''), device),
            'device_type', nullif(kind, ''), 'station_code', nullif(at_station, ''), 'position_frame', frame, 'area_code', area,
            'sensitivity', d.sensitivity, 'protocol', CASE waiting.protocol
                WHEN 'sl651' THEN 'SL 651' WHEN 'hj212' THEN 'HJ 212' WHEN 'jt808' THEN 'JT/T 808'
                ELSE upper(waiting.protocol) END
        );
        INSERT INTO feature_edit (
            dataset_id, version_id, feature_id, code, title, kind, after, after_geom, search, reason, sensitivity,
            area_code, former_area_code, proposed_by, proposer, state, decided_by, decider, decided_at
        )
        SELECT d.id, d.published_version_id, feature, device, content ->> 'name', 'add', content, shape,
            jsonb_build_object('title', content ->> 'name'), '设备接入', d.sensitivity, area, area, a.id,
            a.display_name, 'accepted', a.id, a.display_name, now()
        FROM account a WHERE a.id = viewer_account()
        RETURNING * INTO made;
        PERFORM write_feature(d.target, d.published_version_id, feature, content, shape, made.search);
        INSERT INTO feature_edit_outcome VALUES (d.published_version_id, made.id, 'applied');
        UPDATE dataset SET revision = revision + 1 WHERE id = d.id;
    END IF;
    PERFORM decide_device(device, 'accepted');
END
$$;

REVOKE EXECUTE ON FUNCTION ioc.accept_device FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.accept_device TO ioc_app;
