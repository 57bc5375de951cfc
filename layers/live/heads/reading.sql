-- Of each series that may report: the area of its device, and the beginning of its item, as JSON without the closing
-- brace: device, station, place, metric, and the limits that it is coloured by.
-- How many rows the viewer's rights leave is not to be foreseen, and a join that takes the metrics for few goes
-- through all of them for each series: a full join never does.
SELECT r.series_id, r.area_code, left(json_strip_nulls(json_build_object(
    'device', r.device_code, 'device_id', r.device_id, 'station', r.station_code, 'station_id', r.station_id,
    'name', r.name, 'datum', r.datum, 'lon', ST_X(r.geom), 'lat', ST_Y(r.geom), 'metric', r.metric,
    'metric_name', m.name, 'unit', m.unit, 'interval_s', m.interval_s,
    'lower_limit', m.lower_limit, 'upper_limit', m.upper_limit,
    'guard_level', CASE r.metric WHEN 'Z' THEN r.guard_level END,
    'warning_level', CASE r.metric WHEN 'Z' THEN r.warning_level END,
    'design_level', CASE r.metric WHEN 'Z' THEN r.design_level END
))::text, -1)
FROM (
    SELECT s.id AS series_id, s.device_code, s.metric, d.id AS device_id, d.station_code,
        coalesce(d.area_code, '') AS area_code,
        t.id AS station_id, t.datum, coalesce(t.name, d.name) AS name, coalesce(t.geom, d.geom) AS geom,
        t.guard_level, t.warning_level, t.design_level
    FROM ioc.series s
    JOIN ioc.device d ON d.code = s.device_code
    LEFT JOIN ioc.station t ON t.code = d.station_code
) AS r
FULL JOIN ioc.metric m ON m.device_code = r.device_code AND m.metric = r.metric
WHERE coalesce(r.series_id, 0) > 0
ORDER BY r.series_id
