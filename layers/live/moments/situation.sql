SELECT jsonb_build_object('id', s.id, 'kind', s.kind, 'title_zh', s.title_zh, 'title_en', s.title_en,
    'began_at', s.began_at, 'ended_at', NULL)
FROM ioc.situation s
WHERE s.began_at <= %(at)s AND (s.ended_at IS NULL OR s.ended_at > %(at)s) AND EXISTS (
    SELECT FROM ioc.alarm a WHERE a.situation_id = s.id AND coalesce(a.area_code, '') ^@ %(area)s
)
ORDER BY s.id
