-- Cases that were open, in the state and under the deadline of their last step until then.
SELECT ioc.case_item(c) || jsonb_build_object(
    'state', s.to_state, 'open', true, 'version', s.number, 'department', s.department_code,
    'deadline', s.deadline, 'stopped_at', s.stopped_at,
    'overdue', coalesce(s.deadline < coalesce(s.stopped_at, %(at)s), false)
)
FROM ioc.case_file c
CROSS JOIN LATERAL (
    SELECT last.*, CASE WHEN last.to_state IN ('pending_check', 'checking', 'pending_close', 'suspended') THEN (
        SELECT max(p.at) FROM ioc.case_step p
        WHERE p.case_id = c.id AND p.at <= %(at)s AND p.to_state IN ('pending_check', 'suspended')
    ) END AS stopped_at
    FROM ioc.case_step last
    WHERE last.case_id = c.id AND last.at <= %(at)s
    ORDER BY last.number DESC LIMIT 1
) s
WHERE c.reported_at <= %(at)s AND (c.ended_at IS NULL OR c.ended_at > %(at)s)
    AND coalesce(c.area_code, '') ^@ %(area)s
