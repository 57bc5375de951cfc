-- Devices on the waiting list: accepting one adds it to the dataset of devices as an edit by hand, so that it stays
-- when the department hands over its next file, and that file stands where it knows the device itself.

-- SQLSTATE IOC04: it waits no more; IOC07: there is no dataset of devices; IOC08: there is no such station;
-- lock_not_available: the dataset is being loaded.
CREATE FUNCTION ioc.accept_device(
    device text, feature bigint, device_name text, at_station text, frame text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
DECLARE
    waiting waiting_device;
    d dataset;
    shape geometry;
    area text;
    content jsonb;
    made feature_edit;
BEGIN
    SELECT * INTO waiting FROM waiting_device WHERE code = device AND state <> 'accepted' FOR UPDATE;
    IF waiting.code IS NULL THEN
        RAISE SQLSTATE 'IOC04' USING MESSAGE = 'the device does not wait';
    END IF;
    -- A load holds this lock alone, so it sees every edit or none.
    SELECT * INTO d FROM dataset WHERE code = 'device' AND published_version_id IS NOT NULL;
    IF d.id IS NULL THEN
        RAISE SQLSTATE 'IOC07' USING MESSAGE = 'there is no dataset of devices';
    ELSIF NOT pg_try_advisory_xact_lock_shared(1229931332, d.id) THEN
        RAISE lock_not_available USING MESSAGE = 'the dataset is being loaded';
    END IF;
    SELECT * INTO d FROM dataset WHERE id = d.id FOR UPDATE;
    IF at_station <> '' THEN
        SELECT s.geom, s.area_code INTO shape, area FROM station s WHERE s.code = at_station;
        IF NOT FOUND THEN
            RAISE SQLSTATE 'IOC08' USING MESSAGE = 'there is no such station';
        END IF;
    ELSIF waiting.last_payload ? 'position' THEN
        shape := ST_SetSRID(ST_MakePoint(
            (waiting.last_payload #>> '{position,lon}')::float8, (waiting.last_payload #>> '{position,lat}')::float8
        ), 4490);
        SELECT g.code INTO area FROM unit_grid g WHERE ST_Contains(g.geom, shape) LIMIT 1;
    END IF;
    IF NOT viewer_may('review', d.id, d.sensitivity, area) THEN
        RAISE insufficient_privilege USING MESSAGE = 'no right to accept devices here';
    END IF;
    IF NOT EXISTS (SELECT FROM ioc.device v WHERE v.code = device) THEN
        content := jsonb_build_object(
            'dataset_id', d.id, 'id', feature, 'code', device, 'name', coalesce(nullif(device_name, ''), device),
            'station_code', nullif(at_station, ''), 'position_frame', frame, 'area_code', area,
            'sensitivity', d.sensitivity, 'protocol', CASE waiting.protocol
                WHEN 'sl651' THEN 'SL 651' WHEN 'hj212' THEN 'HJ 212' WHEN 'jt808' THEN 'JT/T 808'
                ELSE upper(waiting.protocol) END
        );
        INSERT INTO feature_edit (
            dataset_id, version_id, feature_id, code, title, kind, after, after_geom, search, reason, sensitivity,
            area_code, former_area_code, proposed_by, proposer, state, decided_by, decider, decided_at
        )
        SELECT d.id, d.published_version_id, feature, device, content ->> 'name', 'add', content, shape,
            jsonb_build_object('title', content ->> 'name'), '设备接入', d.sensitivity, area, area, a.id,
            a.display_name, 'accepted', a.id, a.display_name, now()
        FROM account a WHERE a.id = viewer_account()
        RETURNING * INTO made;
        PERFORM write_feature(d.target, d.published_version_id, feature, content, shape, made.search);
        INSERT INTO feature_edit_outcome VALUES (d.published_version_id, made.id, 'applied');
        UPDATE dataset SET revision = revision + 1 WHERE id = d.id;
    END IF;
    PERFORM decide_device(device, 'accepted');
END
$$;

-- Its readings are refused from now on, until it is accepted after all; what it sent stays.
CREATE FUNCTION ioc.refuse_device(device text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    d dataset;
BEGIN
    PERFORM FROM waiting_device WHERE code = device AND state = 'waiting' FOR UPDATE;
    IF NOT FOUND THEN
        RAISE SQLSTATE 'IOC04' USING MESSAGE = 'the device does not wait';
    END IF;
    SELECT * INTO d FROM dataset WHERE code = 'device';
    IF d.id IS NULL OR NOT viewer_may('review', d.id, d.sensitivity, NULL) THEN
        RAISE insufficient_privilege USING MESSAGE = 'no right to refuse devices';
    END IF;
    PERFORM decide_device(device, 'refused');
END
$$;

-- Of these two functions only.
CREATE FUNCTION ioc.decide_device(device text, decision text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    UPDATE waiting_device SET state = decision, decided_at = clock_timestamp(),
        decided_by = (SELECT display_name FROM account WHERE id = viewer_account())
    WHERE code = device;
    INSERT INTO audit_entry (account_id, account_name, action, address, layer, subject)
    SELECT a.id, a.name, CASE decision WHEN 'accepted' THEN 'device_accept' ELSE 'device_refuse' END,
        nullif(current_setting('ioc.address', true), ''), 'device', device
    FROM account a WHERE a.id = viewer_account();
    SELECT tell('device', jsonb_build_array(jsonb_build_object(
        'r', jsonb_build_array(d.id, 3, ''), 'device', device, 'state', decision
    ))) FROM dataset d WHERE d.code = 'device';
$$;

REVOKE EXECUTE ON FUNCTION ioc.accept_device, ioc.refuse_device, ioc.decide_device FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.accept_device, ioc.refuse_device TO ioc_app;
