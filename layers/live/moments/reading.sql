-- What each series had last reported, a day before the moment at most, as the rest of its item (concat leaves out what
-- is NULL). The trend is against the first value of the hour before the moment; who was silent in it has none.
SELECT s.id, concat(
    ',"at":', to_json(o.observed_at), ',"value":' || o.value, ',"trend":' || sign(o.value - base.value),
    ',"quality":' || to_json(nullif(o.quality, '')), '}'
)
FROM ioc.series s
CROSS JOIN LATERAL (
    SELECT o.observed_at, o.value, o.quality FROM ioc.observation o
    WHERE o.series_id = s.id AND o.value IS NOT NULL
        AND o.observed_at <= %(at)s AND o.observed_at > %(at)s - interval '1 day'
    ORDER BY o.observed_at DESC LIMIT 1
) AS o
LEFT JOIN LATERAL (
    SELECT b.value FROM ioc.observation b
    WHERE b.series_id = s.id AND b.value IS NOT NULL
        AND b.observed_at <= %(at)s AND b.observed_at > %(at)s - interval '1 hour'
    ORDER BY b.observed_at LIMIT 1
) AS base ON true
WHERE s.metric <> 'position'
