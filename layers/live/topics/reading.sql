-- What each device reports of each metric, at its station if it has one, with the limits it is coloured by: the
-- latest, or at a moment what it had last reported by then, a day before at most.
-- How many rows the viewer's rights leave is not to be foreseen, and a join that takes the metrics for few goes
-- through all of them for each series: a full join never does.
SELECT json_strip_nulls(json_build_object(
    'device', r.device_code, 'device_id', r.device_id, 'station', r.station_code, 'station_id', r.station_id,
    'name', r.name, 'datum', r.datum, 'lon', ST_X(r.geom), 'lat', ST_Y(r.geom),
    'metric', r.metric, 'at', r.observed_at, 'value', r.value, 'quality', nullif(r.quality, ''), 'trend', r.trend,
    'metric_name', m.name, 'unit', m.unit, 'interval_s', m.interval_s,
    'lower_limit', m.lower_limit, 'upper_limit', m.upper_limit,
    'guard_level', CASE r.metric WHEN 'Z' THEN r.guard_level END,
    'warning_level', CASE r.metric WHEN 'Z' THEN r.warning_level END,
    'design_level', CASE r.metric WHEN 'Z' THEN r.design_level END
))
FROM (
    SELECT s.id AS series_id, s.device_code, s.metric, l.*, d.id AS device_id, d.station_code,
        t.id AS station_id, t.datum, coalesce(t.name, d.name) AS name, coalesce(t.geom, d.geom) AS geom,
        t.guard_level, t.warning_level, t.design_level
    FROM ioc.series s
    JOIN ioc.device d ON d.code = s.device_code
    LEFT JOIN ioc.station t ON t.code = d.station_code
    CROSS JOIN LATERAL (
        SELECT n.observed_at, n.value, n.quality, n.trend FROM ioc.latest n
        WHERE n.series_id = s.id AND %(at)s::timestamptz IS NULL
        UNION ALL (
            SELECT o.observed_at, o.value, o.quality, NULL FROM ioc.observation o
            WHERE o.series_id = s.id AND o.value IS NOT NULL
                AND o.observed_at <= %(at)s AND o.observed_at > %(at)s - interval '1 day'
            ORDER BY o.observed_at DESC LIMIT 1
        )
    ) AS l
    WHERE coalesce(d.area_code, '') ^@ %(area)s
) AS r
FULL JOIN ioc.metric m ON m.device_code = r.device_code AND m.metric = r.metric
WHERE coalesce(r.series_id, 0) > 0
