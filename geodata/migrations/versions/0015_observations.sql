-- What devices send: readings and positions as they came, the latest of each, and what is derived of them.
-- A series is what one device reports of one metric; where a device is, is its metric "position".
-- Whoever sees a device sees its readings. Those of a device nobody has accepted are kept and seen by nobody.

-- Days of raw readings and positions, and months of hours, as partitions: schema reading is the owner's alone.
CREATE SCHEMA reading;
REVOKE ALL ON SCHEMA reading FROM PUBLIC;

CREATE TABLE ioc.series (
    id integer GENERATED ALWAYS AS IDENTITY,
    device_code text NOT NULL,
    metric text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_series PRIMARY KEY (id),
    CONSTRAINT uq_series_device_code_metric UNIQUE (device_code, metric)
);

-- No foreign keys from here on: they would cost as much as the reading, and series are never removed.
CREATE TABLE ioc.observation (
    observed_at timestamptz NOT NULL,
    value double precision,
    series_id integer NOT NULL,
    quality text NOT NULL DEFAULT '',
    CONSTRAINT pk_observation PRIMARY KEY (series_id, observed_at) INCLUDE (value)
) PARTITION BY RANGE (observed_at);

CREATE TABLE ioc.latest (
    series_id integer NOT NULL,
    observed_at timestamptz NOT NULL,
    value double precision NOT NULL,
    quality text NOT NULL,
    received_at timestamptz NOT NULL,
    trend smallint NOT NULL,
    base_at timestamptz NOT NULL,
    base_value double precision NOT NULL,
    CONSTRAINT pk_latest PRIMARY KEY (series_id)
) WITH (fillfactor = 50);

CREATE TABLE ioc.observation_hour (
    series_id integer NOT NULL,
    hour timestamptz NOT NULL,
    n integer NOT NULL,
    minimum double precision NOT NULL,
    maximum double precision NOT NULL,
    minimum_at timestamptz NOT NULL,
    maximum_at timestamptz NOT NULL,
    sum double precision NOT NULL,
    last double precision NOT NULL,
    last_at timestamptz NOT NULL,
    CONSTRAINT pk_observation_hour PRIMARY KEY (series_id, hour)
) PARTITION BY RANGE (hour);

CREATE TABLE ioc.observation_day (
    series_id integer NOT NULL,
    day date NOT NULL,
    n integer NOT NULL,
    minimum double precision NOT NULL,
    maximum double precision NOT NULL,
    minimum_at timestamptz NOT NULL,
    maximum_at timestamptz NOT NULL,
    sum double precision NOT NULL,
    last double precision NOT NULL,
    last_at timestamptz NOT NULL,
    CONSTRAINT pk_observation_day PRIMARY KEY (series_id, day)
) WITH (fillfactor = 70);

CREATE TABLE ioc.vehicle_position (
    observed_at timestamptz NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    series_id integer NOT NULL,
    speed real,
    direction real,
    altitude real,
    status text NOT NULL DEFAULT '',
    CONSTRAINT pk_vehicle_position PRIMARY KEY (series_id, observed_at)
) PARTITION BY RANGE (observed_at);

CREATE TABLE ioc.latest_position (
    series_id integer NOT NULL,
    observed_at timestamptz NOT NULL,
    lon double precision NOT NULL,
    lat double precision NOT NULL,
    speed real,
    direction real,
    altitude real,
    status text NOT NULL,
    received_at timestamptz NOT NULL,
    CONSTRAINT pk_latest_position PRIMARY KEY (series_id)
) WITH (fillfactor = 50);

-- An hour's way of a vehicle, made of `n` positions: derived by maintenance, made again when others come late.
CREATE TABLE ioc.vehicle_track (
    series_id integer NOT NULL,
    hour timestamptz NOT NULL,
    n integer NOT NULL,
    length_m double precision NOT NULL,
    geom geometry(LINESTRING, 4490) NOT NULL,
    CONSTRAINT pk_vehicle_track PRIMARY KEY (series_id, hour)
);

-- Devices that report and are in no dataset, until a steward accepts or refuses them.
CREATE TABLE ioc.waiting_device (
    code text NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    protocol text NOT NULL,
    source text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    readings bigint NOT NULL DEFAULT 0,
    positions bigint NOT NULL DEFAULT 0,
    last_payload jsonb NOT NULL,
    decided_by text,
    decided_at timestamptz,
    CONSTRAINT pk_waiting_device PRIMARY KEY (code),
    CONSTRAINT ck_waiting_device_state CHECK (state IN ('waiting', 'accepted', 'refused'))
);

-- A device whose clock was ahead when it last sent a reading of the future.
CREATE TABLE ioc.device_clock (
    device_code text NOT NULL,
    ahead_s double precision NOT NULL,
    noted_at timestamptz NOT NULL,
    CONSTRAINT pk_device_clock PRIMARY KEY (device_code)
);

-- Who may hand readings in over HTTP, and what was answered to requests that are sent twice.
CREATE TABLE ioc.feed_source (
    id integer GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    token_hash text NOT NULL,
    kind text NOT NULL DEFAULT 'http',
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT pk_feed_source PRIMARY KEY (id),
    CONSTRAINT uq_feed_source_token_hash UNIQUE (token_hash)
);
CREATE UNIQUE INDEX uq_feed_source_name_valid ON ioc.feed_source (name) WHERE revoked_at IS NULL;

CREATE TABLE ioc.ingest_request (
    source_id integer NOT NULL,
    key text NOT NULL,
    body_hash text NOT NULL,
    answer jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_ingest_request PRIMARY KEY (source_id, key),
    CONSTRAINT fk_ingest_request_source_id_feed_source FOREIGN KEY (source_id)
        REFERENCES ioc.feed_source (id) ON DELETE CASCADE
);
CREATE INDEX ix_ingest_request_received_at ON ioc.ingest_request (received_at);

-- ---------------------------------------------------------------- rights

ALTER TABLE ioc.series ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.series FOR SELECT TO ioc_app
    USING (device_code IN (SELECT d.code FROM ioc.device d));
DO $$
DECLARE
    named text;
BEGIN
    FOREACH named IN ARRAY ARRAY[
        'observation', 'latest', 'observation_hour', 'observation_day', 'vehicle_position', 'latest_position',
        'vehicle_track'
    ] LOOP
        EXECUTE format('ALTER TABLE ioc.%I ENABLE ROW LEVEL SECURITY', named);
        EXECUTE format(
            'CREATE POLICY viewer ON ioc.%I FOR SELECT TO ioc_app
            USING (series_id IN (SELECT s.id FROM ioc.series s))', named
        );
    END LOOP;
END
$$;
ALTER TABLE ioc.device_clock ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.device_clock FOR SELECT TO ioc_app
    USING (device_code IN (SELECT d.code FROM ioc.device d));
ALTER TABLE ioc.waiting_device ENABLE ROW LEVEL SECURITY;
CREATE POLICY steward ON ioc.waiting_device FOR SELECT TO ioc_app
    USING ((SELECT ioc.viewer_is('steward')) OR (SELECT ioc.viewer_is('admin')));
GRANT SELECT ON ioc.series, ioc.observation, ioc.latest, ioc.observation_hour, ioc.observation_day,
    ioc.vehicle_position, ioc.latest_position, ioc.vehicle_track, ioc.device_clock, ioc.waiting_device TO ioc_app;

-- ---------------------------------------------------------------- partitions

-- Makes the partitions that hold the days from one to another. Attaching does not wait for readers or writers,
-- as making a partition in place would.
CREATE FUNCTION ioc.make_reading_partitions(first_day date, last_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    parent text;
    step interval;
    name text;
    begins timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ioc.make_reading_partitions'));
    FOR parent, step IN VALUES
        ('observation', interval '1 day'), ('vehicle_position', '1 day'), ('observation_hour', '1 month')
    LOOP
        FOR begins IN
            SELECT generate_series(
                date_trunc(CASE step WHEN '1 day' THEN 'day' ELSE 'month' END, first_day::timestamp),
                last_day::timestamp, step
            ) AT TIME ZONE 'UTC'
        LOOP
            name := parent || to_char(begins AT TIME ZONE 'UTC', CASE step WHEN '1 day' THEN '_YYYYMMDD' ELSE '_YYYYMM' END);
            CONTINUE WHEN to_regclass('reading.' || name) IS NOT NULL;
            EXECUTE format(
                'CREATE TABLE reading.%I (LIKE ioc.%I INCLUDING DEFAULTS) WITH (fillfactor = %s)',
                name, parent, CASE parent WHEN 'observation_hour' THEN 70 ELSE 100 END
            );
            EXECUTE format(
                'ALTER TABLE ioc.%I ATTACH PARTITION reading.%I FOR VALUES FROM (%L) TO (%L)',
                parent, name, begins, (begins AT TIME ZONE 'UTC' + step) AT TIME ZONE 'UTC'
            );
        END LOOP;
    END LOOP;
END
$$;

-- ---------------------------------------------------------------- what the intake asks

-- Devices as readings refer to them: state is known, waiting or refused.
CREATE FUNCTION ioc.feed_devices()
RETURNS TABLE (
    code text, state text, device_id bigint, name text, device_type text, position_frame text,
    dataset_id integer, sensitivity smallint, area_code text, station_code text, station_id bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT DISTINCT ON (d.code) d.code, 'known', d.id, d.name, d.device_type, d.position_frame, d.dataset_id,
        d.sensitivity, d.area_code, d.station_code, s.id
    FROM device d LEFT JOIN station s ON s.code = d.station_code
    UNION ALL
    SELECT w.code, w.state, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM waiting_device w
    WHERE w.state <> 'accepted' AND NOT EXISTS (SELECT FROM device d WHERE d.code = w.code)
$$;

CREATE FUNCTION ioc.feed_units() RETURNS TABLE (device_code text, metric text, unit text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT m.device_code, m.metric, m.unit FROM metric m WHERE m.unit IS NOT NULL
$$;

-- Changes whenever the answers of the two functions above may have.
CREATE FUNCTION ioc.feed_devices_state() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT concat_ws('/',
        (SELECT string_agg(published_version_id || '.' || revision, ' ' ORDER BY id) FROM dataset
            WHERE target IN ('device', 'metric', 'station')),
        (SELECT max(decided_at) FROM waiting_device))
$$;

-- The series of these pairs of device and metric, made where they were not known.
CREATE FUNCTION ioc.series_of(device_codes text[], metrics text[])
RETURNS TABLE (id integer, device_code text, metric text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO series (device_code, metric)
    SELECT w.device_code, w.metric FROM unnest($1, $2) AS w (device_code, metric)
    WHERE NOT EXISTS (SELECT FROM series s WHERE s.device_code = w.device_code AND s.metric = w.metric)
    ON CONFLICT DO NOTHING;
    SELECT s.id, s.device_code, s.metric
    FROM unnest($1, $2) AS w (device_code, metric) JOIN series s USING (device_code, metric)
$$;

-- Keeps readings; gives the positions in the arrays, from 1, of those that were there before.
CREATE FUNCTION ioc.keep_readings(
    series integer[], observed timestamptz[], readings double precision[], qualities smallint[], quality_names text[]
) RETURNS integer[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    kept integer;
BEGIN
    INSERT INTO observation (series_id, observed_at, value, quality)
    SELECT s, at, nullif(v, 'NaN'), quality_names[q] FROM unnest(series, observed, readings, qualities) AS given (s, at, v, q)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS kept = ROW_COUNT;
    IF kept = cardinality(series) THEN
        RETURN '{}';
    END IF;
    -- The others were written by another transaction than this one.
    RETURN ARRAY(
        SELECT n::integer FROM unnest(series, observed) WITH ORDINALITY AS given (s, at, n)
        JOIN observation o ON o.series_id = s AND o.observed_at = at
        WHERE o.xmin::text <> (pg_current_xact_id()::text::bigint % 4294967296)::text
    );
END
$$;

-- Adds the aggregates of new readings, one for each series and hour, to those of hours and days.
CREATE FUNCTION ioc.add_readings(
    series integer[], hours timestamptz[], days integer[], counts integer[], minima double precision[],
    maxima double precision[], minimum_times timestamptz[], maximum_times timestamptz[],
    sums double precision[], lasts double precision[], last_times timestamptz[]
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO observation_hour AS known
    SELECT s, h, n, low, high, low_at, high_at, total, final, final_at
    FROM unnest(series, hours, counts, minima, maxima, minimum_times, maximum_times, sums, lasts, last_times)
        AS given (s, h, n, low, high, low_at, high_at, total, final, final_at)
    ON CONFLICT (series_id, hour) DO UPDATE SET
        n = known.n + excluded.n,
        sum = known.sum + excluded.sum,
        minimum = least(known.minimum, excluded.minimum),
        maximum = greatest(known.maximum, excluded.maximum),
        minimum_at = CASE WHEN excluded.minimum < known.minimum THEN excluded.minimum_at ELSE known.minimum_at END,
        maximum_at = CASE WHEN excluded.maximum > known.maximum THEN excluded.maximum_at ELSE known.maximum_at END,
        last = CASE WHEN excluded.last_at > known.last_at THEN excluded.last ELSE known.last END,
        last_at = greatest(known.last_at, excluded.last_at);
    INSERT INTO observation_day AS known
    SELECT s, date '1970-01-01' + d, sum(n), min(low), max(high),
        (array_agg(low_at ORDER BY low, low_at))[1], (array_agg(high_at ORDER BY high DESC, high_at))[1],
        sum(total), (array_agg(final ORDER BY final_at DESC))[1], max(final_at)
    FROM unnest(series, days, counts, minima, maxima, minimum_times, maximum_times, sums, lasts, last_times)
        AS given (s, d, n, low, high, low_at, high_at, total, final, final_at)
    GROUP BY s, d ORDER BY s, d
    ON CONFLICT (series_id, day) DO UPDATE SET
        n = known.n + excluded.n,
        sum = known.sum + excluded.sum,
        minimum = least(known.minimum, excluded.minimum),
        maximum = greatest(known.maximum, excluded.maximum),
        minimum_at = CASE WHEN excluded.minimum < known.minimum THEN excluded.minimum_at ELSE known.minimum_at END,
        maximum_at = CASE WHEN excluded.maximum > known.maximum THEN excluded.maximum_at ELSE known.maximum_at END,
        last = CASE WHEN excluded.last_at > known.last_at THEN excluded.last ELSE known.last END,
        last_at = greatest(known.last_at, excluded.last_at);
$$;

-- Puts the newest reading of each series in place of an older one; gives the series that changed. The trend is
-- against the value of an hour ago at most: -1 falling, 0 the same, 1 rising.
CREATE FUNCTION ioc.keep_latest(
    series integer[], observed timestamptz[], readings double precision[], qualities text[]
) RETURNS TABLE (changed integer, direction smallint)
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO latest AS known (series_id, observed_at, value, quality, received_at, trend, base_at, base_value)
    SELECT s, at, v, q, clock_timestamp(), 0, at, v FROM unnest(series, observed, readings, qualities) AS given (s, at, v, q)
    ON CONFLICT (series_id) DO UPDATE SET
        observed_at = excluded.observed_at, value = excluded.value, quality = excluded.quality,
        received_at = excluded.received_at,
        base_at = CASE WHEN excluded.observed_at > known.base_at + interval '1 hour'
            THEN known.observed_at ELSE known.base_at END,
        base_value = CASE WHEN excluded.observed_at > known.base_at + interval '1 hour'
            THEN known.value ELSE known.base_value END,
        trend = sign(excluded.value - CASE WHEN excluded.observed_at > known.base_at + interval '1 hour'
            THEN known.value ELSE known.base_value END)
    WHERE excluded.observed_at > known.observed_at
    RETURNING known.series_id, known.trend
$$;

-- Keeps positions; gives the places in the arrays, from 1, of those that were there before.
CREATE FUNCTION ioc.keep_positions(
    series integer[], observed timestamptz[], lons double precision[], lats double precision[],
    speeds double precision[], directions double precision[], altitudes double precision[], statuses text[]
) RETURNS integer[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    kept integer;
BEGIN
    INSERT INTO vehicle_position (series_id, observed_at, lon, lat, speed, direction, altitude, status)
    SELECT s, at, x, y, nullif(v, 'NaN'), nullif(d, 'NaN'), nullif(h, 'NaN'), t
    FROM unnest(series, observed, lons, lats, speeds, directions, altitudes, statuses)
        AS given (s, at, x, y, v, d, h, t)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS kept = ROW_COUNT;
    IF kept = cardinality(series) THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(
        SELECT n::integer FROM unnest(series, observed) WITH ORDINALITY AS given (s, at, n)
        JOIN vehicle_position o ON o.series_id = s AND o.observed_at = at
        WHERE o.xmin::text <> (pg_current_xact_id()::text::bigint % 4294967296)::text
    );
END
$$;

CREATE FUNCTION ioc.keep_latest_positions(
    series integer[], observed timestamptz[], lons double precision[], lats double precision[],
    speeds double precision[], directions double precision[], altitudes double precision[], statuses text[]
) RETURNS TABLE (changed integer)
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO latest_position AS known
    SELECT s, at, x, y, nullif(v, 'NaN'), nullif(d, 'NaN'), nullif(h, 'NaN'), t, clock_timestamp()
    FROM unnest(series, observed, lons, lats, speeds, directions, altitudes, statuses)
        AS given (s, at, x, y, v, d, h, t)
    ON CONFLICT (series_id) DO UPDATE SET
        observed_at = excluded.observed_at, lon = excluded.lon, lat = excluded.lat, speed = excluded.speed,
        direction = excluded.direction, altitude = excluded.altitude, status = excluded.status,
        received_at = excluded.received_at
    WHERE excluded.observed_at > known.observed_at
    RETURNING known.series_id
$$;

-- Puts devices on the waiting list, or counts on; gives the codes that are new on it. `seen` is an array of
-- objects with code, protocol, source, readings, positions, last_payload.
CREATE FUNCTION ioc.note_waiting_devices(seen jsonb) RETURNS SETOF text
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO waiting_device AS known (code, protocol, source, readings, positions, last_payload)
    SELECT code, protocol, source, readings, positions, last_payload FROM jsonb_to_recordset(seen) AS t (
        code text, protocol text, source text, readings bigint, positions bigint, last_payload jsonb
    ) ORDER BY code
    ON CONFLICT (code) DO UPDATE SET
        -- Accepted once and gone from the dataset since: it waits again.
        state = CASE known.state WHEN 'refused' THEN 'refused' ELSE 'waiting' END,
        protocol = excluded.protocol, source = excluded.source, last_seen = clock_timestamp(),
        readings = known.readings + excluded.readings, positions = known.positions + excluded.positions,
        last_payload = known.last_payload || excluded.last_payload
    RETURNING CASE WHEN xmax = 0 THEN code END
$$;

CREATE FUNCTION ioc.note_clocks(device_codes text[], seconds double precision[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO device_clock SELECT code, ahead, clock_timestamp() FROM unnest($1, $2) AS t (code, ahead) ORDER BY code
    ON CONFLICT (device_code) DO UPDATE SET ahead_s = excluded.ahead_s, noted_at = excluded.noted_at
$$;

-- ---------------------------------------------------------------- the HTTP door

CREATE FUNCTION ioc.feed_source_of(token_hash text) RETURNS TABLE (id integer, name text, scopes text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT s.id, s.name, s.scopes FROM feed_source s WHERE s.token_hash = $1 AND s.revoked_at IS NULL
$$;

-- What was answered to a request with this key in the last 24 hours.
CREATE FUNCTION ioc.answered_request(source integer, request_key text) RETURNS TABLE (body_hash text, answer jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT r.body_hash, r.answer FROM ingest_request r
    WHERE r.source_id = source AND r.key = request_key AND r.received_at > now() - interval '24 hours'
$$;

CREATE FUNCTION ioc.keep_answer(source integer, request_key text, request_hash text, given jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO ingest_request VALUES (source, request_key, request_hash, given)
    ON CONFLICT (source_id, key) DO UPDATE
        SET body_hash = excluded.body_hash, answer = excluded.answer, received_at = now()
        WHERE ingest_request.received_at <= now() - interval '24 hours'
$$;

CREATE FUNCTION ioc.note_source_use(source integer) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    UPDATE feed_source SET last_used_at = now()
    WHERE id = source AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
$$;

REVOKE EXECUTE ON FUNCTION ioc.make_reading_partitions, ioc.feed_devices, ioc.feed_units, ioc.feed_devices_state,
    ioc.series_of, ioc.keep_readings, ioc.add_readings, ioc.keep_latest, ioc.keep_positions,
    ioc.keep_latest_positions, ioc.note_waiting_devices, ioc.note_clocks, ioc.feed_source_of,
    ioc.answered_request, ioc.keep_answer, ioc.note_source_use FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.make_reading_partitions, ioc.feed_devices, ioc.feed_units, ioc.feed_devices_state,
    ioc.series_of, ioc.keep_readings, ioc.add_readings, ioc.keep_latest, ioc.keep_positions,
    ioc.keep_latest_positions, ioc.note_waiting_devices, ioc.note_clocks, ioc.feed_source_of,
    ioc.answered_request, ioc.keep_answer, ioc.note_source_use TO ioc_app;
