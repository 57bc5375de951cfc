-- Where each vehicle was last.
SELECT jsonb_strip_nulls(jsonb_build_object(
    'vehicle', s.device_code, 'vehicle_id', d.id, 'name', d.name, 'kind', d.device_type,
    'lon', p.lon, 'lat', p.lat, 'speed', p.speed, 'direction', p.direction, 'at', p.observed_at,
    'state', nullif(p.status, '')
))
FROM ioc.latest_position p
JOIN ioc.series s ON s.id = p.series_id
JOIN ioc.device d ON d.code = s.device_code
WHERE coalesce(d.area_code, '') ^@ %(area)s
