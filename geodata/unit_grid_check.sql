-- Violations of the rules of unit grids (V2, V3, V4, V8 of GB/T 47678.3's division rules), one row each:
-- rule, severity, grid codes, community code, number of what the reason states, area in m² on the CGCS2000
-- ellipsoid, geometry in CGCS2000 degrees as WKB. Run under a viewer's rights or as the owner.
-- Parameters: excluded (WKB or NULL), whole_district, sliver_area (m²), sliver_width (m), smallest, largest (m²).
-- Whatever is joined by place is joined by geom_3857 &&, which may use its index under row-level security.
WITH grid AS MATERIALIZED (
    SELECT dataset_id, id, code, community_code, geom_3857 AS place,
        CASE WHEN ST_IsValid(geom) THEN geom ELSE ST_CollectionExtract(ST_MakeValid(geom), 3) END AS geom,
        ST_IsValid(geom) AS valid, ST_IsValidReason(geom) AS fault
    FROM unit_grid WHERE geom IS NOT NULL
), excluded AS MATERIALIZED (
    SELECT ST_SetSRID(ST_GeomFromWKB(%(excluded)s::bytea), 4490) AS geom
), community_shape AS MATERIALIZED (
    SELECT dataset_id, id, code, geom_3857 AS place,
        CASE WHEN ST_IsValid(geom) THEN geom ELSE ST_CollectionExtract(ST_MakeValid(geom), 3) END AS geom
    FROM community WHERE geom IS NOT NULL
), near AS MATERIALIZED (
    SELECT a.dataset_id AS one_dataset, a.id AS one_id, b.dataset_id AS other_dataset, b.id AS other_id
    FROM unit_grid a JOIN unit_grid b
        ON a.geom_3857 && b.geom_3857 AND (a.dataset_id, a.id) < (b.dataset_id, b.id)
), overlap AS (
    SELECT ARRAY[least(a.code, b.code), greatest(a.code, b.code)] AS codes,
        left(least(a.code, b.code), 12) AS community,
        ST_CollectionExtract(ST_Intersection(a.geom, b.geom), 3) AS geom
    FROM near
    JOIN grid a ON (a.dataset_id, a.id) = (one_dataset, one_id)
    JOIN grid b ON (b.dataset_id, b.id) = (other_dataset, other_id)
    WHERE ST_Relate(a.geom, b.geom, '2********')
), beside AS MATERIALIZED (
    SELECT g.dataset_id AS grid_dataset, g.id AS grid_id, c.dataset_id AS community_dataset,
        c.id AS community_id
    FROM community c JOIN unit_grid g ON g.geom_3857 && c.geom_3857
), touching AS (
    SELECT g.dataset_id, g.id, g.code, g.community_code, c.code AS community, g.geom AS whole,
        c.geom AS around, ST_CoveredBy(g.geom, c.geom) AS inside
    FROM beside
    JOIN community_shape c ON (c.dataset_id, c.id) = (community_dataset, community_id)
    JOIN grid g ON (g.dataset_id, g.id) = (grid_dataset, grid_id)
    WHERE ST_Intersects(g.geom, c.geom)
), share AS MATERIALIZED (
    SELECT *, CASE WHEN inside THEN whole ELSE ST_CollectionExtract(ST_Intersection(whole, around), 3) END AS geom
    FROM touching
), home AS MATERIALIZED (
    SELECT dataset_id, id, code, community_code, community, whole, inside, geom,
        row_number() OVER largest AS place, first_value(community) OVER largest AS main
    FROM share WHERE NOT ST_IsEmpty(geom)
    WINDOW largest AS (PARTITION BY dataset_id, id ORDER BY ST_Area(geom) DESC, community)
), covering AS (
    SELECT community_dataset, community_id, ST_Union(g.geom) AS geom
    FROM beside JOIN grid g ON (g.dataset_id, g.id) = (grid_dataset, grid_id)
    GROUP BY community_dataset, community_id
), bare AS (
    SELECT c.code AS community, CASE WHEN g.geom IS NULL THEN c.geom ELSE ST_Difference(c.geom, g.geom) END AS geom
    FROM community_shape c
    LEFT JOIN covering g ON (g.community_dataset, g.community_id) = (c.dataset_id, c.id)
    UNION ALL
    SELECT d.code, ST_Difference(d.geom, ST_Union(
        coalesce((SELECT ST_Union(geom) FROM community_shape), 'SRID=4490;POLYGON EMPTY'::geometry),
        coalesce((SELECT ST_Union(geom) FROM grid), 'SRID=4490;POLYGON EMPTY'::geometry)
    ))
    FROM district d WHERE %(whole_district)s::boolean
), gap AS (
    SELECT community, (ST_Dump(ST_CollectionExtract(
        CASE WHEN e.geom IS NULL OR NOT ST_Intersects(b.geom, e.geom) THEN b.geom
            ELSE ST_Difference(b.geom, e.geom) END, 3
    ))).geom AS geom
    FROM bare b CROSS JOIN excluded e
), housed AS (
    SELECT dataset_id, id, bool_or(inside) AS inside, ST_Union(geom) AS geom FROM home GROUP BY dataset_id, id
), outside AS (
    SELECT g.code, CASE WHEN h.geom IS NULL THEN g.geom
        ELSE ST_CollectionExtract(ST_Difference(g.geom, h.geom), 3) END AS geom
    FROM grid g LEFT JOIN housed h ON (h.dataset_id, h.id) = (g.dataset_id, g.id)
    WHERE h.inside IS NOT TRUE
), land AS (
    SELECT g.code, g.geom, e.geom IS NOT NULL AND ST_Relate(g.geom, e.geom, '2********') AS cut_short,
        CASE WHEN e.geom IS NULL OR NOT ST_Relate(g.geom, e.geom, '2********') THEN g.geom
            ELSE ST_Difference(g.geom, e.geom) END AS dry
    FROM grid g CROSS JOIN excluded e
), measured AS (
    SELECT code, geom, cut_short, ST_Area(dry::geography) AS area FROM land
), violation AS (
    SELECT 'overlap' AS rule, 'error' AS severity, codes, community, NULL::text AS detail, geom, true AS sliver
    FROM overlap
    UNION ALL
    SELECT 'gap', 'error', '{}', community, NULL, geom, true FROM gap
    UNION ALL
    SELECT 'outside', 'error', ARRAY[code], NULL, NULL, geom, true FROM outside
    UNION ALL
    SELECT 'straddling', 'error', ARRAY[code], community, main, geom, true FROM home WHERE place > 1
    UNION ALL
    SELECT 'prefix', 'error', ARRAY[code], community, left(code, 12), whole, false
    FROM home WHERE place = 1 AND left(code, 12) <> community
    UNION ALL
    SELECT 'stated_community', 'error', ARRAY[code], community, community_code, whole, false
    FROM home WHERE place = 1 AND community_code <> community
    UNION ALL
    SELECT 'code', 'error', ARRAY[code], NULL, NULL, geom, false
    FROM unit_grid
    WHERE code !~ '^[1-9]\d{14}$' OR '000' IN (substr(code, 7, 3), substr(code, 10, 3), substr(code, 13, 3))
    UNION ALL
    SELECT 'duplicate', 'error', ARRAY[code], left(code, 12), count(*)::text, ST_Union(geom), false
    FROM grid GROUP BY code HAVING count(*) > 1
    UNION ALL
    SELECT 'geometry', 'error', ARRAY[code], left(code, 12), fault, geom, false FROM grid WHERE NOT valid
    UNION ALL
    SELECT 'geometry', 'error', ARRAY[code], left(code, 12), 'missing', NULL, false
    FROM unit_grid WHERE geom IS NULL
    UNION ALL
    SELECT 'area', 'warning', ARRAY[code], left(code, 12), round(area)::text, geom, false
    FROM measured WHERE area > %(largest)s OR (area < %(smallest)s AND NOT cut_short)
), sized AS (
    SELECT *, sliver AND (
        ST_Area(geom::geography) < %(sliver_area)s
        OR 2 * ST_Area(geom::geography) < %(sliver_width)s * ST_Perimeter(geom::geography)
    ) AS too_small
    FROM violation WHERE geom IS NULL OR NOT ST_IsEmpty(geom)
), shown AS (
    -- Spikes along borders that have no common vertices are taken off what is shown.
    SELECT rule, severity, codes, community, detail, too_small, CASE WHEN sliver AND NOT too_small THEN
        ST_CollectionExtract(ST_Intersection(geom, ST_Buffer(
            ST_Buffer(geom, -half, 'join=mitre'), 2 * half, 'join=mitre'
        )), 3) ELSE geom END AS geom
    FROM sized CROSS JOIN (SELECT %(sliver_width)s / 2 / 111320.0 AS half) AS degrees
)
SELECT rule, severity, codes, community, detail, coalesce(ST_Area(geom::geography), 0) AS area,
    ST_AsBinary(geom), too_small OR coalesce(ST_IsEmpty(geom), false)
FROM shown
ORDER BY severity, rule, area DESC, codes, community, ST_AsBinary(geom)
