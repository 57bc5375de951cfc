-- Editing by hand: who may propose and who may review, what was proposed and decided, photographs, and how an
-- accepted edit gets into the published version and into every version published after it.

-- A grant says what may be done with the rows it covers: see them, propose changes of them, review these.
ALTER TABLE ioc.role_right ADD COLUMN may text NOT NULL DEFAULT 'see',
    ADD CONSTRAINT ck_role_right_may CHECK (may IN ('see', 'propose', 'review'));
ALTER TABLE ioc.account_right ADD COLUMN may text NOT NULL DEFAULT 'see',
    ADD CONSTRAINT ck_account_right_may CHECK (may IN ('see', 'propose', 'review'));
-- What every role gets from the start is no administrator's doing, and no entry of the audit trail.
ALTER TABLE ioc.role_right DISABLE TRIGGER audit_change;
UPDATE ioc.role_right SET may = 'propose' WHERE role = 'staff' AND department_scope = 'own';
UPDATE ioc.role_right SET may = 'review' WHERE role = 'steward' AND department_scope = 'own';
ALTER TABLE ioc.role_right ENABLE TRIGGER audit_change;

-- `revision` counts the edits accepted since the dataset was first loaded: with the version it tells what is
-- shown. `job_text` is the job the published rows were made by, which checks edits too.
ALTER TABLE ioc.dataset ADD COLUMN revision integer NOT NULL DEFAULT 0,
    ADD COLUMN review boolean NOT NULL DEFAULT true,
    ADD COLUMN job_text text;

CREATE TABLE ioc.feature_edit (
    id bigint GENERATED ALWAYS AS IDENTITY,
    dataset_id integer NOT NULL,
    version_id integer NOT NULL,
    feature_id bigint NOT NULL,
    code text NOT NULL,
    title text,
    kind text NOT NULL,
    before jsonb,
    before_geom geometry(GEOMETRY, 4490),
    after jsonb,
    after_geom geometry(GEOMETRY, 4490),
    search jsonb,
    reason text NOT NULL,
    undoes_id bigint,
    sensitivity smallint NOT NULL,
    area_code text,
    former_area_code text,
    proposed_by integer NOT NULL,
    proposer text NOT NULL,
    proposed_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'proposed',
    decided_by integer,
    decider text,
    decided_at timestamptz,
    decision_note text,
    CONSTRAINT pk_feature_edit PRIMARY KEY (id),
    CONSTRAINT fk_feature_edit_dataset_id_dataset FOREIGN KEY (dataset_id) REFERENCES ioc.dataset (id),
    CONSTRAINT fk_feature_edit_version_id_dataset_version FOREIGN KEY (version_id)
        REFERENCES ioc.dataset_version (id),
    CONSTRAINT fk_feature_edit_undoes_id_feature_edit FOREIGN KEY (undoes_id) REFERENCES ioc.feature_edit (id),
    CONSTRAINT fk_feature_edit_proposed_by_account FOREIGN KEY (proposed_by) REFERENCES ioc.account (id),
    CONSTRAINT fk_feature_edit_decided_by_account FOREIGN KEY (decided_by) REFERENCES ioc.account (id),
    CONSTRAINT ck_feature_edit_kind CHECK (kind IN ('add', 'change', 'remove', 'photo')),
    CONSTRAINT ck_feature_edit_state CHECK (
        state IN ('proposed', 'accepted', 'rejected', 'withdrawn', 'undone')
    ),
    CONSTRAINT ck_feature_edit_reason CHECK (length(reason) BETWEEN 1 AND 500)
);
CREATE INDEX ix_feature_edit_dataset_id_feature_id ON ioc.feature_edit (dataset_id, feature_id);
CREATE INDEX ix_feature_edit_state_dataset_id ON ioc.feature_edit (state, dataset_id);
-- Two people do not propose at once what to make of one feature; photographs do not stand in each other's way.
CREATE UNIQUE INDEX uq_feature_edit_open ON ioc.feature_edit (dataset_id, feature_id)
    WHERE state = 'proposed' AND kind <> 'photo';

-- What became of an accepted edit in each version: written into its rows; contained in what was delivered; or in
-- conflict with it, and then the delivery stands.
CREATE TABLE ioc.feature_edit_outcome (
    version_id integer NOT NULL,
    edit_id bigint NOT NULL,
    outcome text NOT NULL,
    fields text[],
    at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_feature_edit_outcome PRIMARY KEY (version_id, edit_id),
    CONSTRAINT fk_feature_edit_outcome_version_id_dataset_version FOREIGN KEY (version_id)
        REFERENCES ioc.dataset_version (id),
    CONSTRAINT fk_feature_edit_outcome_edit_id_feature_edit FOREIGN KEY (edit_id)
        REFERENCES ioc.feature_edit (id),
    CONSTRAINT ck_feature_edit_outcome_outcome CHECK (outcome IN ('applied', 'contained', 'conflict'))
);
CREATE INDEX ix_feature_edit_outcome_edit_id ON ioc.feature_edit_outcome (edit_id);

-- A photograph as it is sent to browsers: without what the camera wrote into it but time and place.
CREATE TABLE ioc.feature_photo (
    edit_id bigint NOT NULL,
    media_type text NOT NULL,
    body bytea NOT NULL,
    width integer NOT NULL,
    height integer NOT NULL,
    taken_at timestamp,
    lon double precision,
    lat double precision,
    CONSTRAINT pk_feature_photo PRIMARY KEY (edit_id),
    CONSTRAINT fk_feature_photo_edit_id_feature_edit FOREIGN KEY (edit_id) REFERENCES ioc.feature_edit (id),
    CONSTRAINT ck_feature_photo_media_type CHECK (media_type IN ('image/jpeg', 'image/png', 'image/webp')),
    CONSTRAINT ck_feature_photo_body CHECK (length(body) <= 10485760)
);

-- Append only, for the owner too: of an edit nothing changes but how it was decided.
CREATE FUNCTION ioc.keep_edit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decision text[] := ARRAY['state', 'decided_by', 'decider', 'decided_at', 'decision_note'];
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'feature_edit' THEN
        IF to_jsonb(OLD) - decision = to_jsonb(NEW) - decision
            AND ((OLD.state = 'proposed' AND NEW.state IN ('accepted', 'rejected', 'withdrawn'))
                OR (OLD.state = 'accepted' AND NEW.state = 'undone')) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE insufficient_privilege USING MESSAGE = 'the history of edits is append only';
END
$$;
CREATE TRIGGER keep_edit BEFORE UPDATE OR DELETE ON ioc.feature_edit
    FOR EACH ROW EXECUTE FUNCTION ioc.keep_edit();
CREATE TRIGGER keep_edit BEFORE UPDATE OR DELETE ON ioc.feature_photo
    FOR EACH ROW EXECUTE FUNCTION ioc.keep_edit();
CREATE TRIGGER keep_edit BEFORE UPDATE OR DELETE ON ioc.feature_edit_outcome
    FOR EACH ROW EXECUTE FUNCTION ioc.keep_edit();

-- Whether the viewer may propose or review changes of such a row. Unlike seeing, this is always bound to the
-- areas of the account or grant.
CREATE FUNCTION ioc.viewer_may(wanted text, dataset integer, row_sensitivity integer, row_area text)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM account a
        JOIN dataset d ON d.id = dataset
        CROSS JOIN LATERAL (
            SELECT least(r.sensitivity, a.sensitivity) AS sensitivity, area, r.may
            FROM role_right r CROSS JOIN unnest(a.areas) AS area
            WHERE r.role = ANY (a.roles) AND r.dataset_code IN ('*', d.code)
                AND (r.department_scope = 'all' OR d.department_code = a.department_code)
            UNION ALL
            SELECT r.sensitivity, r.area_code, r.may FROM account_right r
            WHERE r.account_id = a.id AND r.dataset_code IN ('*', d.code)
                AND r.department_code IN ('*', d.department_code)
        ) AS granted
        WHERE a.id = viewer_account() AND a.active
            AND granted.may IN (wanted, 'review') AND granted.may <> 'see'
            AND granted.sensitivity >= row_sensitivity
            AND (granted.area = '*' OR row_area ^@ granted.area)
    )
$$;

-- Datasets of which the viewer may propose or review changes somewhere.
CREATE FUNCTION ioc.editable_datasets()
RETURNS TABLE (
    id integer, code text, target text, sensitivity smallint, version_id integer, review boolean,
    job_text text, may_review boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT d.id, d.code, d.target, d.sensitivity, d.published_version_id, d.review, d.job_text,
        bool_or(granted.may = 'review')
    FROM account a
    CROSS JOIN dataset d
    CROSS JOIN LATERAL (
        SELECT r.may, least(r.sensitivity, a.sensitivity) AS sensitivity FROM role_right r
        WHERE r.role = ANY (a.roles) AND r.dataset_code IN ('*', d.code)
            AND (r.department_scope = 'all' OR d.department_code = a.department_code)
        UNION ALL
        SELECT r.may, r.sensitivity FROM account_right r
        WHERE r.account_id = a.id AND r.dataset_code IN ('*', d.code)
            AND r.department_code IN ('*', d.department_code)
    ) AS granted
    WHERE a.id = viewer_account() AND a.active AND granted.may <> 'see'
        AND granted.sensitivity >= d.sensitivity AND d.published_version_id IS NOT NULL
    GROUP BY d.id
$$;

CREATE FUNCTION ioc.dataset_revisions() RETURNS TABLE (id integer, revision integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT d.id, d.revision FROM dataset d
$$;

-- A point on a shape, as loading chooses it: itself, the middle of a line, a point inside an area.
CREATE FUNCTION ioc.place_of(shape geometry) RETURNS geometry
LANGUAGE sql IMMUTABLE SET search_path = ioc, public, pg_temp AS $$
    SELECT CASE GeometryType(shape)
        WHEN 'POINT' THEN shape
        WHEN 'LINESTRING' THEN ST_LineInterpolatePoint(shape, 0.5)
        ELSE ST_PointOnSurface(shape) END
$$;

-- Whether a place lies in the area stated for it, or as near as the largest tolerance of a job.
CREATE FUNCTION ioc.area_holds(area text, shape geometry) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
    SELECT area IS NULL OR EXISTS (
        SELECT FROM (
            SELECT geom FROM unit_grid WHERE code = area
            UNION ALL SELECT geom FROM community WHERE code = area
            UNION ALL SELECT geom FROM street WHERE code = area
            UNION ALL SELECT geom FROM district WHERE code = area
        ) AS known
        WHERE ST_DWithin(known.geom::geography, place_of(shape)::geography, 200)
    )
$$;

-- The row of a feature in a version, its geometry apart.
CREATE FUNCTION ioc.version_row(
    target text, version integer, feature bigint, OUT content jsonb, OUT shape geometry
)
LANGUAGE plpgsql STABLE SET search_path = ioc, public, pg_temp AS $$
BEGIN
    EXECUTE format(
        'SELECT to_jsonb(r) - ARRAY[''geom'', ''geom_3857''], r.geom FROM version.%I r WHERE r.id = $1',
        target || '_' || version
    ) INTO content, shape USING feature;
END
$$;

CREATE FUNCTION ioc.same_place(one geometry, other geometry) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = ioc, public, pg_temp AS $$
    -- A hundred-millionth of a degree is a millimetre: two runs of one conversion may differ by less.
    SELECT one IS NOT DISTINCT FROM other OR coalesce(
        GeometryType(one) = GeometryType(other) AND ST_HausdorffDistance(one, other) < 1e-8, false
    )
$$;

-- Fields in which two rows of a feature differ; where it came from is no difference.
CREATE FUNCTION ioc.differing_fields(one jsonb, one_shape geometry, other jsonb, other_shape geometry)
RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = ioc, public, pg_temp AS $$
    SELECT coalesce(array_agg(name ORDER BY name), '{}') FROM (
        SELECT key AS name FROM jsonb_object_keys(
            (coalesce(one, '{}') || coalesce(other, '{}'))
            - ARRAY['dataset_id', 'id', 'sensitivity', 'source_row', 'load_id', 'warnings']
        ) AS key
        WHERE coalesce(one -> key, 'null') <> coalesce(other -> key, 'null')
        UNION ALL SELECT 'geom' WHERE NOT same_place(one_shape, other_shape)
    ) AS differing
$$;

-- Puts a row in place of a feature's in a version, with what the search finds it by; NULL takes it away.
CREATE FUNCTION ioc.write_feature(
    target text, version integer, feature bigint, content jsonb, shape geometry, search jsonb
) RETURNS void
LANGUAGE plpgsql SET search_path = ioc, public, pg_temp AS $$
DECLARE
    rows_table text := format('version.%I', target || '_' || version);
    entries text := format('version.%I', 'search_entry_' || version);
    found jsonb;
    columns text;
    before integer;
BEGIN
    EXECUTE format('DELETE FROM %s WHERE id = $1', rows_table) USING feature;
    GET DIAGNOSTICS before = ROW_COUNT;
    -- The load's numbers are what the map counts by and looks within.
    UPDATE dataset_version v SET
        rows_loaded = rows_loaded - before + (content IS NOT NULL)::integer,
        extent = CASE WHEN shape IS NULL OR jsonb_typeof(extent) IS DISTINCT FROM 'array' THEN extent
            ELSE jsonb_build_array(
                least((extent ->> 0)::float8, ST_XMin(shape)), least((extent ->> 1)::float8, ST_YMin(shape)),
                greatest((extent ->> 2)::float8, ST_XMax(shape)), greatest((extent ->> 3)::float8, ST_YMax(shape))
            ) END
    WHERE v.id = version;
    EXECUTE format(
        'WITH gone AS (DELETE FROM %s WHERE id = $1 RETURNING title, subtitle, pinyin, initials)
        SELECT to_jsonb(gone) FROM gone', entries
    ) INTO found USING feature;
    IF content IS NULL THEN
        RETURN;
    END IF;
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns FROM pg_attribute
    WHERE attrelid = rows_table::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
        AND attname <> 'geom';
    EXECUTE format(
        'INSERT INTO %1$s (%2$s, geom) SELECT %2$s, $2 FROM jsonb_populate_record(NULL::%1$s, $1)',
        rows_table, columns
    ) USING content, shape;
    found := coalesce(search, found);
    IF found ->> 'title' IS NOT NULL THEN
        EXECUTE format(
            'INSERT INTO %s (dataset_id, id, code, area_code, sensitivity, title, subtitle, pinyin, initials, geom)
            SELECT ($1 ->> ''dataset_id'')::integer, ($1 ->> ''id'')::bigint, $1 ->> ''code'', $1 ->> ''area_code'',
                ($1 ->> ''sensitivity'')::smallint, $2 ->> ''title'', $2 ->> ''subtitle'', $2 ->> ''pinyin'',
                $2 ->> ''initials'', ioc.place_of($3)', entries
        ) USING content, found, shape;
    END IF;
END
$$;

-- Brings an accepted edit into a version and says what became of it. Only what the edit changed is changed;
-- where the version has neither what was there before nor what the edit made of it, the version stands.
CREATE FUNCTION ioc.bring_edit(edit ioc.feature_edit, version integer, target text)
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
            FROM unnest(open_fields) AS name WHERE name <> 'geom';
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

-- Brings the accepted edits that a version has not seen yet into it, in the order in which they were accepted:
-- before it is published, be it a new load or an earlier one put back. An edit that a former delivery contained,
-- or overruled, is settled and comes back no more.
CREATE FUNCTION ioc.bring_edits(version integer) RETURNS SETOF ioc.feature_edit_outcome
LANGUAGE plpgsql SET search_path = ioc, public, pg_temp AS $$
DECLARE
    d record;
    edit feature_edit;
    made feature_edit_outcome;
BEGIN
    SELECT s.id, s.target INTO d FROM dataset s JOIN dataset_version v ON v.dataset_id = s.id WHERE v.id = version;
    FOR edit IN
        SELECT e.* FROM feature_edit e
        WHERE e.dataset_id = d.id AND e.state IN ('accepted', 'undone') AND e.kind <> 'photo'
            AND NOT EXISTS (
                SELECT FROM feature_edit_outcome o
                WHERE o.edit_id = e.id
                    AND (o.version_id = version OR (o.version_id < version AND o.outcome <> 'applied'))
            )
        -- Undoing changes the moment of decision: the order of proposals of one feature is that of acceptance.
        ORDER BY e.id
    LOOP
        made := bring_edit(edit, version, d.target);
        INSERT INTO feature_edit_outcome SELECT made.*;
        RETURN NEXT made;
    END LOOP;
END
$$;

CREATE FUNCTION ioc.note_edit(edit ioc.feature_edit, step text, note text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    INSERT INTO audit_entry (account_id, account_name, action, address, layer, subject, detail)
    SELECT a.id, a.name, 'edit', nullif(current_setting('ioc.address', true), ''), d.code, edit.code,
        jsonb_strip_nulls(jsonb_build_object('edit', edit.id, 'step', step, 'kind', edit.kind, 'note', note))
    FROM account a, dataset d WHERE a.id = viewer_account() AND d.id = edit.dataset_id
$$;

-- The one way to propose. `proposal` has the keys dataset_id, kind, feature_id, code, title, after, after_geom
-- (hexadecimal EWKB), search, reason, undoes_id, and base: the row that the proposer saw, with base_geom.
-- SQLSTATE IOC01: the feature has changed since; IOC02: somebody's proposal for it is open; IOC03: it exists.
CREATE FUNCTION ioc.propose_edit(proposal jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    p record;
    d dataset;
    present jsonb;
    present_shape geometry;
    wanted jsonb;
    wanted_shape geometry;
    made feature_edit;
BEGIN
    SELECT * INTO p FROM jsonb_to_record(proposal) AS t (
        dataset_id integer, kind text, feature_id bigint, code text, title text, after jsonb, after_geom text,
        search jsonb, reason text, undoes_id bigint, base jsonb, base_geom text
    );
    SELECT * INTO d FROM dataset WHERE id = p.dataset_id AND published_version_id IS NOT NULL;
    IF d.id IS NULL OR d.target = ANY (ARRAY['district', 'street', 'community', 'unit_grid', 'duty_grid']) THEN
        RAISE insufficient_privilege USING MESSAGE = 'this dataset is not edited by hand';
    END IF;
    SELECT r.content, r.shape INTO present, present_shape
    FROM version_row(d.target, d.published_version_id, p.feature_id) r;
    IF present IS NOT NULL AND NOT viewer_may(
        'propose', d.id, (present ->> 'sensitivity')::integer, present ->> 'area_code'
    ) THEN
        RAISE insufficient_privilege USING MESSAGE = 'no right to change this feature';
    END IF;
    IF p.kind IN ('add', 'change') THEN
        wanted_shape := p.after_geom::geometry;
        wanted := p.after || jsonb_build_object(
            'dataset_id', d.id, 'id', p.feature_id, 'code', p.code,
            'sensitivity', coalesce((present ->> 'sensitivity')::smallint, d.sensitivity)
        );
        IF NOT viewer_may('propose', d.id, (wanted ->> 'sensitivity')::integer, wanted ->> 'area_code')
            OR NOT area_holds(wanted ->> 'area_code', wanted_shape) THEN
            RAISE insufficient_privilege USING MESSAGE = 'no right to place a feature here';
        END IF;
    END IF;
    IF p.kind = 'add' AND present IS NOT NULL THEN
        RAISE SQLSTATE 'IOC03' USING MESSAGE = 'there is a feature with this code';
    ELSIF p.kind <> 'add' AND present IS NULL THEN
        RAISE SQLSTATE 'IOC01' USING MESSAGE = 'the feature is gone';
    ELSIF p.kind IN ('change', 'remove')
        AND differing_fields(present, present_shape, p.base, p.base_geom::geometry) <> '{}' THEN
        RAISE SQLSTATE 'IOC01' USING MESSAGE = 'the feature has changed';
    ELSIF p.kind = 'change' AND present ->> 'code' IS DISTINCT FROM p.code THEN
        RAISE insufficient_privilege USING MESSAGE = 'a code does not change: remove the feature and add it';
    END IF;
    INSERT INTO feature_edit (
        dataset_id, version_id, feature_id, code, title, kind, before, before_geom, after, after_geom, search,
        reason, undoes_id, sensitivity, area_code, former_area_code, proposed_by, proposer
    )
    SELECT d.id, d.published_version_id, p.feature_id, coalesce(present ->> 'code', p.code), p.title, p.kind,
        present, present_shape, wanted, wanted_shape, p.search, p.reason, p.undoes_id,
        coalesce((present ->> 'sensitivity')::smallint, d.sensitivity),
        coalesce(wanted, present) ->> 'area_code', coalesce(present, wanted) ->> 'area_code', a.id, a.display_name
    FROM account a WHERE a.id = viewer_account()
    RETURNING * INTO made;
    PERFORM note_edit(made, 'propose', p.reason);
    RETURN made.id;
EXCEPTION WHEN unique_violation THEN
    RAISE SQLSTATE 'IOC02' USING MESSAGE = 'a proposal for this feature is open';
END
$$;

CREATE FUNCTION ioc.attach_photo(
    edit bigint, media_type text, body bytea, width integer, height integer, taken_at timestamp,
    lon double precision, lat double precision
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM feature_edit e
        WHERE e.id = edit AND e.kind = 'photo' AND e.state = 'proposed' AND e.proposed_by = viewer_account()
    ) THEN
        RAISE insufficient_privilege USING MESSAGE = 'no proposal of the viewer''s to attach a photograph to';
    END IF;
    INSERT INTO feature_photo VALUES (edit, media_type, body, width, height, taken_at, lon, lat);
END
$$;

-- Whether a proposal needs no second person: its dataset says so, or it puts back what another's edit had changed.
CREATE FUNCTION ioc.decides_alone(edit ioc.feature_edit) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT NOT (SELECT review FROM dataset WHERE id = edit.dataset_id) OR EXISTS (
        SELECT FROM feature_edit undone
        WHERE undone.id = edit.undoes_id AND undone.proposed_by <> edit.proposed_by
            AND (undone.kind = 'photo'
                OR differing_fields(undone.before, undone.before_geom, edit.after, edit.after_geom) = '{}')
    )
$$;

-- Accepts, rejects or withdraws a proposal; accepting writes it into the published version.
-- SQLSTATE IOC01: the feature has changed since; IOC04: decided already; IOC05: it is the viewer's own;
-- lock_not_available: the dataset is being loaded.
CREATE FUNCTION ioc.decide_edit(edit_id bigint, decision text, note text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    edit feature_edit;
    d dataset;
    content jsonb;
    shape geometry;
    alone boolean;
BEGIN
    SELECT * INTO edit FROM feature_edit WHERE id = edit_id FOR UPDATE;
    IF edit.id IS NULL OR decision NOT IN ('accepted', 'rejected', 'withdrawn') THEN
        RAISE insufficient_privilege USING MESSAGE = 'no such proposal';
    END IF;
    alone := decides_alone(edit) AND edit.proposed_by = viewer_account();
    IF decision = 'withdrawn' AND edit.proposed_by <> viewer_account() OR decision <> 'withdrawn' AND NOT (
        viewer_may(CASE WHEN alone AND edit.undoes_id IS NULL THEN 'propose' ELSE 'review' END,
            edit.dataset_id, edit.sensitivity, edit.area_code)
        AND viewer_may(CASE WHEN alone AND edit.undoes_id IS NULL THEN 'propose' ELSE 'review' END,
            edit.dataset_id, edit.sensitivity, edit.former_area_code)
    ) THEN
        RAISE insufficient_privilege USING MESSAGE = 'no right to decide on this proposal';
    ELSIF edit.state <> 'proposed' THEN
        RAISE SQLSTATE 'IOC04' USING MESSAGE = 'it is decided already';
    ELSIF decision = 'accepted' AND edit.proposed_by = viewer_account() AND NOT alone THEN
        RAISE SQLSTATE 'IOC05' USING MESSAGE = 'nobody reviews their own proposal';
    END IF;
    IF decision = 'accepted' AND edit.kind <> 'photo' THEN
        -- A load holds this lock alone, so it sees every edit or none.
        IF NOT pg_try_advisory_xact_lock_shared(1229931332, edit.dataset_id) THEN
            RAISE lock_not_available USING MESSAGE = 'the dataset is being loaded';
        END IF;
        SELECT * INTO d FROM dataset WHERE id = edit.dataset_id FOR UPDATE;
        SELECT r.content, r.shape INTO content, shape
        FROM version_row(d.target, d.published_version_id, edit.feature_id) r;
        IF (content IS NULL) <> (edit.before IS NULL)
            OR differing_fields(content, shape, edit.before, edit.before_geom) <> '{}' THEN
            RAISE SQLSTATE 'IOC01' USING MESSAGE = 'the feature has changed since';
        END IF;
        PERFORM write_feature(
            d.target, d.published_version_id, edit.feature_id, edit.after, edit.after_geom, edit.search
        );
        INSERT INTO feature_edit_outcome VALUES (d.published_version_id, edit.id, 'applied');
        UPDATE dataset SET revision = revision + 1 WHERE id = d.id;
    END IF;
    UPDATE feature_edit SET state = decision, decided_by = viewer_account(), decided_at = now(),
        decider = (SELECT display_name FROM account WHERE id = viewer_account()), decision_note = note
    WHERE id = edit.id;
    IF decision = 'accepted' AND edit.undoes_id IS NOT NULL THEN
        UPDATE feature_edit SET state = 'undone' WHERE id = edit.undoes_id AND state = 'accepted';
    END IF;
    PERFORM note_edit(edit, decision, note);
END
$$;

-- An edit is seen by who may see the feature before it and after it.
ALTER TABLE ioc.feature_edit ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.feature_edit FOR SELECT TO ioc_app USING (
    (dataset_id * 4 + sensitivity) = ANY ((SELECT ioc.whole_rights())::integer[])
    OR ((dataset_id || '.' || sensitivity || '.' || coalesce(area_code, ''))
            ^@ ANY ((SELECT ioc.area_rights())::text[])
        AND (dataset_id || '.' || sensitivity || '.' || coalesce(former_area_code, ''))
            ^@ ANY ((SELECT ioc.area_rights())::text[]))
);
ALTER TABLE ioc.feature_photo ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.feature_photo FOR SELECT TO ioc_app
    USING (edit_id IN (SELECT e.id FROM ioc.feature_edit e));
ALTER TABLE ioc.feature_edit_outcome ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.feature_edit_outcome FOR SELECT TO ioc_app
    USING (edit_id IN (SELECT e.id FROM ioc.feature_edit e));
GRANT SELECT ON ioc.feature_edit, ioc.feature_photo, ioc.feature_edit_outcome TO ioc_app;

REVOKE EXECUTE ON FUNCTION ioc.keep_edit, ioc.viewer_may, ioc.editable_datasets, ioc.dataset_revisions,
    ioc.place_of, ioc.area_holds, ioc.version_row, ioc.same_place, ioc.differing_fields, ioc.write_feature,
    ioc.bring_edit, ioc.bring_edits, ioc.note_edit, ioc.propose_edit, ioc.attach_photo, ioc.decides_alone,
    ioc.decide_edit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.viewer_may, ioc.editable_datasets, ioc.dataset_revisions, ioc.same_place,
    ioc.differing_fields, ioc.place_of, ioc.propose_edit, ioc.attach_photo, ioc.decide_edit TO ioc_app;
