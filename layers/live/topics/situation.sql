SELECT jsonb_build_object('id', s.id, 'kind', s.kind, 'title_zh', s.title_zh, 'title_en', s.title_en,
    'began_at', s.began_at, 'ended_at', s.ended_at)
FROM ioc.situation AS s
WHERE s.ended_at IS NULL AND EXISTS (
    SELECT FROM ioc.alarm AS a WHERE a.situation_id = s.id AND coalesce(a.area_code, '') ^@ %(area)s
)
ORDER BY s.id
