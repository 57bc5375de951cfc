-- Alarms that were open, as severe and as far in hand as they were then.
SELECT (ioc.alarm_item(a) - 'r') || jsonb_build_object(
    'state', handled.action, 'severity', judged.severity, 'value', judged.value, 'cleared_at', NULL
)
FROM ioc.alarm a
CROSS JOIN LATERAL (
    SELECT s.severity, s.value FROM ioc.alarm_step s
    WHERE s.alarm_id = a.id AND s.at <= %(at)s ORDER BY s.id DESC LIMIT 1
) judged
CROSS JOIN LATERAL (
    SELECT s.action FROM ioc.alarm_step s
    WHERE s.alarm_id = a.id AND s.at <= %(at)s AND s.action IN ('raised', 'acknowledged', 'handling')
    ORDER BY s.id DESC LIMIT 1
) handled
WHERE a.raised_at <= %(at)s AND (a.cleared_at IS NULL OR a.cleared_at > %(at)s)
    AND coalesce(a.area_code, '') ^@ %(area)s
ORDER BY a.id
