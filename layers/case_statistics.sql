-- Cases that were alive from the day %(first)s to the day %(last)s, counted by {key} and in all.
-- The limit is that of handling: late is what was handled after it; an appeal that was granted takes that away.
-- Filing and dispatch have limits of their own, those of their stages; without one, nothing is late.
SELECT GROUPING({key}) = 1 AS total, {key} AS key,
    count(*) FILTER (WHERE reported_in) AS reported,
    count(*) FILTER (WHERE registered_in) AS registered,
    count(*) FILTER (WHERE registered_in AND NOT filed_late) AS in_time_registered,
    count(*) FILTER (WHERE dispatched_in OR dispatch_due) AS need_dispatch,
    count(*) FILTER (WHERE dispatched_in) AS dispatched,
    count(*) FILTER (WHERE dispatched_in AND NOT dispatched_late) AS in_time_dispatched,
    count(*) FILTER (WHERE handled_in OR due AND NOT handled_before) AS need_dispose,
    count(*) FILTER (WHERE handled_in) AS disposed,
    count(*) FILTER (WHERE handled_in AND NOT late) AS in_time_disposed,
    count(*) FILTER (WHERE closed_in OR due) AS need_archive,
    count(*) FILTER (WHERE closed_in) AS archived,
    count(*) FILTER (WHERE closed_in AND NOT late) AS in_time_archived,
    count(*) FILTER (WHERE filed AND NOT over) AS open,
    count(*) FILTER (WHERE due AND NOT handled AND overdue) AS overdue,
    count(*) FILTER (WHERE (closed_in OR due) AND reworks > 0) AS reworked,
    count(*) FILTER (WHERE waived AND NOT over) AS waived
FROM (
    SELECT c.department_code, left(c.area_code, 9) AS street_code, c.matter_class, c.reworks,
        c.reported_on >= p.first AS reported_in,
        coalesce(c.filed_at >= p.beginning AND c.filed_at < p.ending, false) AS registered_in,
        coalesce(c.filed_at > c.filing_deadline, false) AS filed_late,
        coalesce(d.dispatched_at >= p.beginning AND d.dispatched_at < p.ending, false) AS dispatched_in,
        coalesce(d.dispatched_at > c.dispatch_deadline, false) AS dispatched_late,
        coalesce(c.dispatch_deadline < least(p.ending, c.ended_at), false)
            AND coalesce(d.dispatched_at >= p.ending, true) AND c.state NOT IN ('rejected', 'cancelled')
            AS dispatch_due,
        coalesce(c.handled_at >= p.beginning AND c.handled_at < p.ending, false) AS handled_in,
        coalesce(c.handled_at < p.beginning, false) AS handled_before,
        coalesce(c.handled_at < p.ending, false) AS handled,
        coalesce(c.ended_at < p.ending AND c.state IN ('closed', 'force_closed'), false) AS closed_in,
        coalesce(c.ended_at < p.ending, false) AS over,
        coalesce(c.filed_at < p.ending, false) AND c.state NOT IN ('rejected', 'cancelled') AS filed,
        w.waived,
        c.filed_at IS NOT NULL AND c.state NOT IN ('rejected', 'cancelled') AND NOT w.waived
            AND coalesce(c.deadline < p.ending, false) AS due,
        coalesce(c.deadline < least(p.ending, now()), false) AS overdue,
        coalesce(c.deadline < c.stopped_at, false) AND c.appeal IS DISTINCT FROM 'granted' AS late
    FROM ioc.case_file c
    CROSS JOIN (
        SELECT %(first)s::date AS first,
            %(first)s::date::timestamp AT TIME ZONE 'Asia/Shanghai' AS beginning,
            (%(last)s::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' AS ending
    ) AS p
    CROSS JOIN LATERAL (
        -- A case that came back and was filed anew waits for its dispatch again.
        SELECT CASE WHEN c.dispatched_at >= c.filed_at THEN c.dispatched_at END AS dispatched_at
    ) AS d
    CROSS JOIN LATERAL (
        SELECT c.ended_at IS NULL AND (
            c.state = 'suspended' OR coalesce(c.deferred_until >= p.ending, false)
        ) AS waived
    ) AS w
    WHERE c.reported_on <= %(last)s::date AND (c.ended_on >= %(first)s::date OR c.ended_on IS NULL)
) AS one
GROUP BY GROUPING SETS (({key}), ())
ORDER BY 1 DESC, need_archive DESC, 2
