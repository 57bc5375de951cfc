-- Where the database's owner may not declare operators leakproof (no superuser), row-level security leaves
-- spatial and trigram indexes unused. These functions then find where the rows lie: they run as the tables'
-- owner, whom no policy hinders, and put the policy of the table, as it stands, into their own condition. They
-- give places of rows (ctid) that the open viewer session may see and nothing else; the query that asks reads
-- those rows itself, under row-level security as ever.

CREATE FUNCTION ioc.viewer_policy(relation regclass) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- With this search path every name in it comes out qualified.
    condition text := (
        SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = relation AND polname = 'viewer'
    );
BEGIN
    IF condition IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s has no rows for viewers', relation);
    END IF;
    RETURN condition;
END
$$;

-- Rows of ioc.<table_name> whose box meets that of `box` (EPSG:3857). In a table of several partitions a place
-- stands for a row of each, so whoever asks compares the boxes again.
CREATE FUNCTION ioc.places_in_box(table_name text, box geometry) RETURNS tid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    relation regclass := format('ioc.%I', table_name)::regclass;
    places tid[];
BEGIN
    EXECUTE format(
        'SELECT array_agg(ctid) FROM %s WHERE geom_3857 && $1 AND (%s)', relation, ioc.viewer_policy(relation)
    ) INTO places USING box;
    RETURN coalesce(places, '{}');
END
$$;

-- Search entries whose title is like every one of `words`, or whose pinyin or initials are like those given
-- (NULL: not asked). Patterns of LIKE; `any_case` compares titles as ILIKE does.
CREATE FUNCTION ioc.places_of_names(words text[], any_case boolean, pinyin_like text, initials_like text)
RETURNS tid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    places tid[];
BEGIN
    EXECUTE format(
        'SELECT array_agg(ctid) FROM ioc.search_entry
        WHERE (title %1$s $1 AND title %1$s ALL ($2) OR pinyin LIKE $3 OR initials LIKE $4) AND (%2$s)',
        CASE WHEN any_case THEN 'ILIKE' ELSE 'LIKE' END, ioc.viewer_policy('ioc.search_entry')
    ) INTO places USING words[1], words[2:], pinyin_like, initials_like;
    RETURN coalesce(places, '{}');
END
$$;

REVOKE EXECUTE ON FUNCTION ioc.viewer_policy, ioc.places_in_box, ioc.places_of_names FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.places_in_box, ioc.places_of_names TO ioc_app;
