SELECT ioc.alarm_item(a) - 'r' FROM ioc.alarm AS a
WHERE a.cleared_at IS NULL AND coalesce(a.area_code, '') ^@ %(area)s
ORDER BY a.id
