-- Where each vehicle had last been, a day before the moment at most.
SELECT jsonb_strip_nulls(jsonb_build_object(
    'vehicle', s.device_code, 'vehicle_id', d.id, 'name', d.name, 'kind', d.device_type,
    'lon', p.lon, 'lat', p.lat, 'speed', p.speed, 'direction', p.direction, 'at', p.observed_at,
    'state', nullif(p.status, '')
))
FROM ioc.series s
JOIN ioc.device d ON d.code = s.device_code
CROSS JOIN LATERAL (
    SELECT v.* FROM ioc.vehicle_position v
    WHERE v.series_id = s.id AND v.observed_at <= %(at)s AND v.observed_at > %(at)s - interval '1 day'
    ORDER BY v.observed_at DESC LIMIT 1
) p
WHERE s.metric = 'position' AND coalesce(d.area_code, '') ^@ %(area)s
