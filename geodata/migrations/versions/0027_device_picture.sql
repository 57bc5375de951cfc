-- What the cameras of devices saw. Whoever sees a device sees its pictures; of a device nobody has accepted only the
-- newest is kept, and seen by nobody.
CREATE TABLE ioc.device_picture (
    id bigint GENERATED ALWAYS AS IDENTITY,
    device_code text NOT NULL,
    taken_at timestamptz NOT NULL,
    media_type text NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    body bytea NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_device_picture PRIMARY KEY (id),
    CONSTRAINT uq_device_picture_device_code_taken_at UNIQUE (device_code, taken_at)
);
-- Pictures are packed already.
ALTER TABLE ioc.device_picture ALTER COLUMN body SET STORAGE EXTERNAL;

ALTER TABLE ioc.device_picture ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.device_picture FOR SELECT TO ioc_app
    USING (device_code IN (SELECT d.code FROM ioc.device d));
GRANT SELECT ON ioc.device_picture TO ioc_app;

-- Keeps a picture; false where one of that device and moment was there before.
CREATE FUNCTION ioc.keep_picture(
    device text, taken timestamptz, media text, picture_width integer, picture_height integer, picture bytea
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    is_new boolean;
BEGIN
    INSERT INTO device_picture (device_code, taken_at, media_type, width, height, body)
    VALUES (device, taken, media, picture_width, picture_height, picture)
    ON CONFLICT DO NOTHING;
    is_new := FOUND;
    IF is_new AND NOT EXISTS (SELECT FROM device d WHERE d.code = device) THEN
        DELETE FROM device_picture p WHERE p.device_code = device
            AND p.taken_at < (SELECT max(n.taken_at) FROM device_picture n WHERE n.device_code = device);
    END IF;
    RETURN is_new;
END
$$;

-- Removes pictures from before a moment, but for the newest of each device.
CREATE FUNCTION ioc.forget_pictures(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    removed integer;
BEGIN
    DELETE FROM device_picture p WHERE p.taken_at < before AND EXISTS (
        SELECT FROM device_picture n WHERE n.device_code = p.device_code AND n.taken_at > p.taken_at
    );
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;

-- When each known device was last heard, by readings, positions, pictures or anything else it said; how late its newest reading
-- came; and its shortest interval.
CREATE OR REPLACE FUNCTION ioc.devices_heard()
RETURNS TABLE (device_code text, heard_at timestamptz, received_at timestamptz, lag_s double precision, interval_s float8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    WITH newest AS (
        SELECT s.device_code, l.received_at, l.observed_at FROM latest l JOIN series s ON s.id = l.series_id
        UNION ALL
        SELECT s.device_code, p.received_at, p.observed_at FROM latest_position p JOIN series s ON s.id = p.series_id
        UNION ALL
        SELECT d.code, p.received_at, p.taken_at FROM (SELECT DISTINCT code FROM device) d CROSS JOIN LATERAL (
            SELECT t.received_at, t.taken_at FROM device_picture t WHERE t.device_code = d.code
            ORDER BY t.taken_at DESC LIMIT 1
        ) p
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

REVOKE EXECUTE ON FUNCTION ioc.keep_picture, ioc.forget_pictures FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.keep_picture TO ioc_app;
