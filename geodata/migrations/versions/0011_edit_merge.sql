-- Edits by hand beside what is delivered: attributes merge one by one, a feature keeps at most 20 photographs,
-- and what must be unique is so in the whole store, not only in what its editor sees.

CREATE OR REPLACE FUNCTION ioc.attributes_of(content jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = ioc, pg_temp AS $$
    SELECT CASE jsonb_typeof(content -> 'attributes') WHEN 'object' THEN content -> 'attributes' ELSE '{}' END
$$;

-- Fields in which two rows of a feature differ, attributes as attributes.<name>; where it came from is no
-- difference.
CREATE OR REPLACE FUNCTION ioc.differing_fields(
    one jsonb, one_shape geometry, other jsonb, other_shape geometry
) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = ioc, public, pg_temp AS $$
    SELECT coalesce(array_agg(name ORDER BY name), '{}') FROM (
        SELECT key AS name FROM jsonb_object_keys(
            (coalesce(one, '{}') || coalesce(other, '{}'))
            - ARRAY['dataset_id', 'id', 'sensitivity', 'source_row', 'load_id', 'warnings', 'attributes']
        ) AS key
        WHERE coalesce(one -> key, 'null') <> coalesce(other -> key, 'null')
        UNION ALL
        SELECT 'attributes.' || key FROM jsonb_object_keys(attributes_of(one) || attributes_of(other)) AS key
        WHERE coalesce(attributes_of(one) -> key, 'null') <> coalesce(attributes_of(other) -> key, 'null')
        UNION ALL SELECT 'geom' WHERE NOT same_place(one_shape, other_shape)
    ) AS differing
$$;

-- Brings an accepted edit into a version and says what became of it. Only what the edit changed is changed;
-- where the version has neither what was there before nor what the edit made of it, the version stands.
CREATE OR REPLACE FUNCTION ioc.bring_edit(edit ioc.feature_edit, version integer, target text)
RETURNS ioc.feature_edit_outcome
LANGUAGE plpgsql SET search_path = ioc, public, pg_temp AS $$
DECLARE
    made feature_edit_outcome;
    content jsonb;
    shape geometry;
    carried boolean;
    changed text[];
    open_fields text[];
    foreign_to text[];
    merged jsonb;
BEGIN
    SELECT r.content, r.shape INTO content, shape FROM version_row(target, version, edit.feature_id) r;
    SELECT v.mode = 'incremental' AND content IS NULL OR (content ->> 'load_id') IS NOT NULL INTO carried
    FROM dataset_version v WHERE v.id = version;
    changed := CASE edit.kind
        WHEN 'add' THEN CASE WHEN content IS NULL THEN '{}'
            ELSE differing_fields(content, shape, edit.after, edit.after_geom) END
        WHEN 'remove' THEN CASE WHEN content IS NULL THEN '{}'
            ELSE differing_fields(content, shape, edit.before, edit.before_geom) END
        ELSE differing_fields(edit.before, edit.before_geom, edit.after, edit.after_geom) END;
    made := ROW(version, edit.id, 'applied', NULL, now());
    IF edit.kind = 'add' AND content IS NULL THEN
        PERFORM write_feature(target, version, edit.feature_id, edit.after, edit.after_geom, edit.search);
    ELSIF edit.kind = 'remove' AND content IS NOT NULL AND changed = '{}' THEN
        PERFORM write_feature(target, version, edit.feature_id, NULL, NULL, NULL);
    ELSIF edit.kind = 'change' AND content IS NULL THEN
        made.outcome := 'conflict';
    ELSIF edit.kind = 'change' THEN
        foreign_to := differing_fields(content, shape, edit.before, edit.before_geom);
        open_fields := ARRAY(
            SELECT unnest(changed)
            INTERSECT SELECT unnest(differing_fields(content, shape, edit.after, edit.after_geom))
        );
        IF open_fields = '{}' THEN
            made.outcome := CASE WHEN carried THEN 'applied' ELSE 'contained' END;
        ELSIF open_fields && foreign_to THEN
            made.outcome := 'conflict';
            made.fields := ARRAY(SELECT unnest(open_fields) INTERSECT SELECT unnest(foreign_to));
        ELSE
            SELECT content || coalesce(jsonb_object_agg(name, edit.after -> name), '{}') INTO merged
            FROM unnest(open_fields) AS name WHERE name <> 'geom' AND name NOT LIKE 'attributes.%';
            IF content ? 'attributes' THEN
                SELECT jsonb_set(merged, '{attributes}', attributes_of(content) || coalesce(
                    jsonb_object_agg(substr(name, 12), attributes_of(edit.after) -> substr(name, 12)), '{}'
                )) INTO merged
                FROM unnest(open_fields) AS name WHERE name LIKE 'attributes.%';
            END IF;
            IF 'geom' = ANY (open_fields) THEN
                shape := edit.after_geom;
            END IF;
            PERFORM write_feature(
                target, version, edit.feature_id, merged || jsonb_build_object('warnings', edit.after -> 'warnings'),
                shape, edit.search
            );
        END IF;
    ELSIF changed = '{}' THEN
        made.outcome := CASE WHEN carried THEN 'applied' ELSE 'contained' END;
    ELSE
        made.outcome := 'conflict';
        made.fields := changed;
    END IF;
    RETURN made;
END
$$;

-- SQLSTATE IOC06: the feature has 20 photographs, those that wait for review counted.
CREATE OR REPLACE FUNCTION ioc.attach_photo(
    edit bigint, media_type text, body bytea, width integer, height integer, taken_at timestamp,
    lon double precision, lat double precision
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    made feature_edit;
BEGIN
    IF NOT EXISTS (
        SELECT FROM feature_edit e
        WHERE e.id = edit AND e.kind = 'photo' AND e.state = 'proposed' AND e.proposed_by = viewer_account()
    ) THEN
        RAISE insufficient_privilege USING MESSAGE = 'no proposal of the viewer''s to attach a photograph to';
    END IF;
    SELECT * INTO made FROM feature_edit WHERE id = edit;
    -- Two who send the last photograph at once must not both find room for it.
    PERFORM pg_advisory_xact_lock(hashtextextended('photo ' || made.dataset_id, made.feature_id));
    IF (
        SELECT count(*) FROM feature_edit e
        WHERE e.dataset_id = made.dataset_id AND e.feature_id = made.feature_id AND e.kind = 'photo'
            AND e.undoes_id IS NULL AND e.state IN ('proposed', 'accepted') AND e.id <> edit
    ) >= 20 THEN
        RAISE SQLSTATE 'IOC06' USING MESSAGE = 'the feature has its most photographs';
    END IF;
    INSERT INTO feature_photo VALUES (edit, media_type, body, width, height, taken_at, lon, lat);
END
$$;

-- The published table of a dataset that the viewer may edit.
CREATE FUNCTION ioc.editable_table(dataset integer) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    found text;
BEGIN
    SELECT format('version.%I', e.target || '_' || e.version_id) INTO found
    FROM editable_datasets() e WHERE e.id = dataset;
    IF found IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'no right to edit this dataset';
    END IF;
    RETURN found;
END
$$;

-- Whether another feature of the dataset has the value; which one, row-level security tells who may see it.
CREATE FUNCTION ioc.value_in_use(dataset integer, besides bigint, field text, value text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    found boolean;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %s WHERE %I::text = $1 AND id <> $2)', editable_table(dataset), field
    ) INTO found USING value, besides;
    RETURN found;
END
$$;

-- Whether another point of the dataset, alike in the fields given, lies within a distance of a place.
CREATE FUNCTION ioc.place_in_use(dataset integer, besides bigint, place geometry, metres float8, alike jsonb)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    found boolean;
BEGIN
    -- A metre is less than a 50,000th of a degree wherever people live; the box takes the index.
    EXECUTE format(
        'SELECT EXISTS (
            SELECT FROM %s f
            WHERE geom_3857 && ST_Transform(ST_Expand($1, $2 / 50000), 3857) AND GeometryType(geom) = ''POINT''
                AND id <> $3 AND ST_DWithin(geom::geography, $1::geography, $2)
                AND NOT EXISTS (
                    SELECT FROM jsonb_each($4) a WHERE a.value <> coalesce(to_jsonb(f) -> a.key, ''null'')
                )
        )', editable_table(dataset)
    ) INTO found USING place, metres, besides, alike;
    RETURN found;
END
$$;

-- The greatest sequence number of component codes that begin so (division and class, 11 digits), in use,
-- proposed or once in use; 0 where there is none.
CREATE FUNCTION ioc.last_component_number(dataset integer, beginning text) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    published text;
    edited text;
BEGIN
    EXECUTE format(
        'SELECT max(code) FROM %s WHERE code ~>=~ $1 AND code ~<~ $2', editable_table(dataset)
    ) INTO published USING beginning || '000000', beginning || ':';
    SELECT max(code) INTO edited FROM feature_edit e
    WHERE e.dataset_id = dataset AND e.code ~ ('^' || beginning || '[0-9]{6}$')
        AND e.state IN ('proposed', 'accepted', 'undone');
    RETURN greatest(right(published, 6)::integer, right(edited, 6)::integer, 0);
END
$$;

REVOKE EXECUTE ON FUNCTION ioc.attributes_of, ioc.editable_table, ioc.value_in_use, ioc.place_in_use,
    ioc.last_component_number FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.attributes_of, ioc.value_in_use, ioc.place_in_use, ioc.last_component_number
    TO ioc_app;
