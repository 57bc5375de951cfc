-- The latest of each device and metric, at its station if it has one, with the limits it is coloured by.
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
    SELECT s.device_code, s.metric, l.*, d.id AS device_id, d.station_code, t.id AS station_id, t.datum,
        coalesce(t.name, d.name) AS name, coalesce(t.geom, d.geom) AS geom,
        t.guard_level, t.warning_level, t.design_level
    FROM ioc.latest l
    JOIN ioc.series s ON s.id = l.series_id
    JOIN ioc.device d ON d.code = s.device_code
    LEFT JOIN ioc.station t ON t.code = d.station_code
    WHERE coalesce(d.area_code, '') ^@ %(area)s
) AS r
FULL JOIN ioc.metric m ON m.device_code = r.device_code AND m.metric = r.metric
WHERE coalesce(r.series_id, 0) > 0
