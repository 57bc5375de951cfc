-- What each device and metric had last reported, a day before the moment at most.
-- Limits are looked up in one object: how many rows the viewer's rights leave is not to be foreseen, and a join
-- that takes them for few goes through all of them for each series.
WITH known AS MATERIALIZED (
    SELECT jsonb_object_agg(m.device_code || ' ' || m.metric, jsonb_build_object(
        'metric_name', m.name, 'unit', m.unit, 'interval_s', m.interval_s,
        'lower_limit', m.lower_limit, 'upper_limit', m.upper_limit
    )) AS metrics
    FROM ioc.metric m
)
SELECT jsonb_strip_nulls(jsonb_build_object(
    'device', s.device_code, 'device_id', d.id, 'station', d.station_code, 'station_id', t.id,
    'name', coalesce(t.name, d.name), 'datum', t.datum,
    'lon', ST_X(coalesce(t.geom, d.geom)), 'lat', ST_Y(coalesce(t.geom, d.geom)),
    'metric', s.metric, 'at', l.observed_at, 'value', l.value, 'quality', nullif(l.quality, '')
) || CASE s.metric WHEN 'Z' THEN jsonb_build_object(
    'guard_level', t.guard_level, 'warning_level', t.warning_level, 'design_level', t.design_level
) ELSE '{}' END
|| coalesce((SELECT metrics FROM known) -> (s.device_code || ' ' || s.metric), '{}'))
FROM ioc.series s
JOIN ioc.device d ON d.code = s.device_code
LEFT JOIN ioc.station t ON t.code = d.station_code
CROSS JOIN LATERAL (
    SELECT o.observed_at, o.value, o.quality FROM ioc.observation o
    WHERE o.series_id = s.id AND o.value IS NOT NULL
        AND o.observed_at <= %(at)s AND o.observed_at > %(at)s - interval '1 day'
    ORDER BY o.observed_at DESC LIMIT 1
) l
WHERE coalesce(d.area_code, '') ^@ %(area)s
