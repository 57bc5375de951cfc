-- For slots of a span: rain at the wettest gauge (mm; nothing where no gauge reported), alarms that were open at
-- any time of the slot, alarms that were raised in it. Rain of SL 651-2014: that of an interval, which adds up.
WITH slot AS (
    SELECT at FROM generate_series(%(begin)s::timestamptz, %(end)s::timestamptz - %(step)s::interval, %(step)s) AS at
), gauge AS (
    SELECT id FROM ioc.series WHERE metric ~ '^(DRP|PN[0-9]+|P1)$'
), fallen AS (
    SELECT at, max(total) AS rain FROM (
        SELECT date_bin(%(step)s, observed_at, %(begin)s) AS at, sum(value) AS total FROM ioc.observation
        WHERE %(step)s < interval '1 hour' AND series_id IN (SELECT id FROM gauge)
            AND observed_at >= %(begin)s AND observed_at < %(end)s
        GROUP BY at, series_id
        UNION ALL
        SELECT date_bin(%(step)s, hour, %(begin)s) AS at, sum(sum) FROM ioc.observation_hour
        WHERE %(step)s >= interval '1 hour' AND series_id IN (SELECT id FROM gauge)
            AND hour >= %(begin)s AND hour < %(end)s
        GROUP BY at, series_id
    ) AS of_gauge GROUP BY at
), raised AS (
    SELECT date_bin(%(step)s, raised_at, %(begin)s) AS at, count(*) AS alarms FROM ioc.alarm
    WHERE raised_at >= %(begin)s AND raised_at < %(end)s GROUP BY 1
), cleared AS (
    SELECT date_bin(%(step)s, cleared_at, %(begin)s) AS at, count(*) AS alarms FROM ioc.alarm
    WHERE cleared_at >= %(begin)s AND cleared_at < %(end)s GROUP BY 1
), before AS (
    SELECT count(*) AS alarms FROM ioc.alarm
    WHERE raised_at < %(begin)s AND (cleared_at IS NULL OR cleared_at >= %(begin)s)
)
SELECT fallen.rain, (
    (SELECT alarms FROM before)
    + sum(coalesce(raised.alarms, 0)) OVER (ORDER BY slot.at)
    - sum(coalesce(cleared.alarms, 0)) OVER (ORDER BY slot.at) + coalesce(cleared.alarms, 0)
)::integer, coalesce(raised.alarms, 0)
FROM slot LEFT JOIN fallen USING (at) LEFT JOIN raised USING (at) LEFT JOIN cleared USING (at)
ORDER BY slot.at
