-- What the process of the doors for devices says of them every few seconds, for whoever looks after it.

CREATE TABLE ioc.feed_door (
    door text NOT NULL,
    address text NOT NULL,
    connections integer NOT NULL,
    seen_at timestamptz NOT NULL,
    totals jsonb NOT NULL,
    refusals jsonb NOT NULL,
    CONSTRAINT pk_feed_door PRIMARY KEY (door)
);
COMMENT ON COLUMN ioc.feed_door.totals IS 'since the store was made, by what was counted';

CREATE TABLE ioc.feed_count (
    door text NOT NULL,
    minute timestamptz NOT NULL,
    what text NOT NULL,
    number bigint NOT NULL,
    CONSTRAINT pk_feed_count PRIMARY KEY (door, minute, what)
);

CREATE TABLE ioc.device_contact (
    device_code text NOT NULL,
    door text NOT NULL,
    last_at timestamptz NOT NULL,
    messages bigint NOT NULL,
    refused bigint NOT NULL,
    CONSTRAINT pk_device_contact PRIMARY KEY (device_code)
) WITH (fillfactor = 50);

ALTER TABLE ioc.device_contact ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.device_contact FOR SELECT TO ioc_app
    USING (device_code IN (SELECT d.code FROM ioc.device d));
GRANT SELECT ON ioc.device_contact TO ioc_app;

CREATE FUNCTION ioc.sum_counts(one jsonb, other jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = ioc, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(what, number), '{}') FROM (
        SELECT key AS what, sum(value::bigint) AS number
        FROM (SELECT * FROM jsonb_each_text(one) UNION ALL SELECT * FROM jsonb_each_text(other)) counted
        GROUP BY key
    ) summed
$$;

-- Counts of a door since it was noted last. Contacts of devices that are neither known nor waiting are not kept:
-- whoever invents names would fill the store.
CREATE FUNCTION ioc.note_door(
    noted text, listens_at text, connected integer, counts jsonb, contacts jsonb, latest_refusals jsonb
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO feed_door AS known VALUES (noted, listens_at, connected, clock_timestamp(), counts, latest_refusals)
    ON CONFLICT (door) DO UPDATE SET address = excluded.address, connections = excluded.connections,
        seen_at = excluded.seen_at, refusals = excluded.refusals,
        totals = sum_counts(known.totals, excluded.totals);
    INSERT INTO feed_count AS known
    SELECT noted, date_trunc('minute', clock_timestamp()), key, value::bigint FROM jsonb_each_text(counts)
    ON CONFLICT (door, minute, what) DO UPDATE SET number = known.number + excluded.number;
    DELETE FROM feed_count WHERE door = noted AND minute < now() - interval '2 days';
    INSERT INTO device_contact AS known
    SELECT device, noted, at, messages, refused FROM jsonb_to_recordset(contacts)
        AS t (device text, at timestamptz, messages bigint, refused bigint)
    WHERE EXISTS (SELECT FROM device d WHERE d.code = device)
        OR EXISTS (SELECT FROM waiting_device w WHERE w.code = device)
    ORDER BY device
    ON CONFLICT (device_code) DO UPDATE SET door = excluded.door,
        last_at = greatest(known.last_at, excluded.last_at),
        messages = known.messages + excluded.messages, refused = known.refused + excluded.refused;
$$;

-- What Prometheus is told of the doors.
CREATE FUNCTION ioc.door_totals()
RETURNS TABLE (door text, connections integer, seen_at timestamptz, totals jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT d.door, d.connections, d.seen_at, d.totals FROM feed_door d ORDER BY d.door
$$;

REVOKE EXECUTE ON FUNCTION ioc.sum_counts, ioc.note_door, ioc.door_totals FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.note_door, ioc.door_totals TO ioc_app;
