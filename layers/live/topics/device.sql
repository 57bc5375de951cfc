-- Which devices are online, and since when; those that were never heard of have no time. What concerns all devices
-- is said as it happens, and again while it lasts: nothing of it is kept as a state.
SELECT coalesce(ioc.presence_item(p), jsonb_build_object('device', d.code, 'state', 'never'))
FROM ioc.device d LEFT JOIN ioc.device_presence p ON p.device_code = d.code
WHERE coalesce(d.area_code, '') ^@ %(area)s
