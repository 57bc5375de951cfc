-- Questions to devices (召测): who asked which station for what, and what became of it. The process of the doors asks
-- the station on the connection it speaks on; what the station answers is stored as readings first.

CREATE TABLE ioc.device_question (
    id bigint GENERATED ALWAYS AS IDENTITY,
    device_code text NOT NULL,
    asked jsonb NOT NULL,
    account_id integer,
    asker text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'waiting',
    sendings smallint NOT NULL DEFAULT 0,
    sent_at timestamptz,
    ended_at timestamptz,
    reason text,
    answer jsonb,
    CONSTRAINT pk_device_question PRIMARY KEY (id),
    CONSTRAINT ck_device_question_state CHECK (state IN ('waiting', 'sent', 'answered', 'failed')),
    CONSTRAINT ck_device_question_reason CHECK (reason IN ('offline', 'silent', 'unfit', 'doors'))
);
COMMENT ON COLUMN ioc.device_question.asked IS 'function as two hexadecimal digits; elements, from, to, step_s';
COMMENT ON COLUMN ioc.device_question.expires_at IS 'still open then: the process of the doors did not come back in time';
CREATE INDEX ix_device_question_device_code ON ioc.device_question (device_code, id);
CREATE UNIQUE INDEX uq_device_question_open ON ioc.device_question (device_code, asked)
    WHERE state IN ('waiting', 'sent');

ALTER TABLE ioc.device_question ENABLE ROW LEVEL SECURITY;
CREATE POLICY viewer ON ioc.device_question FOR SELECT TO ioc_app
    USING (device_code IN (SELECT d.code FROM ioc.device d));
GRANT SELECT ON ioc.device_question TO ioc_app;

-- Whether a door for a protocol is open, as its process noted within half a minute.
CREATE FUNCTION ioc.is_door_open(named text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM feed_door d
        WHERE d.door = named AND d.address <> '' AND d.seen_at > clock_timestamp() - interval '30 seconds'
    )
$$;

-- Puts a question; the same one that is still open is not put again. For the owner, and for ioc.ask_device.
-- SQLSTATE IOC08: the device does not speak SL 651; IOC04: too many of its questions are open; IOC07: the doors are
-- shut.
CREATE FUNCTION ioc.put_device_question(device text, question jsonb, account integer, named text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = ioc, pg_temp AS $$
DECLARE
    put bigint;
BEGIN
    -- Two who ask one device at the same time wait for each other.
    PERFORM pg_advisory_xact_lock(hashtext('ioc.device_question'), hashtext(device));
    UPDATE device_question q SET state = 'failed', reason = 'doors', ended_at = q.expires_at
    WHERE q.device_code = device AND q.state IN ('waiting', 'sent') AND q.expires_at < clock_timestamp();
    DELETE FROM device_question q WHERE q.device_code = device AND q.asked_at < now() - interval '90 days';
    IF NOT EXISTS (SELECT FROM ioc.device d WHERE d.code = device AND d.protocol = 'SL 651') THEN
        RAISE SQLSTATE 'IOC08' USING MESSAGE = 'the device does not speak SL 651';
    ELSIF NOT is_door_open('sl651') THEN
        RAISE SQLSTATE 'IOC07' USING MESSAGE = 'the door for SL 651 is shut';
    ELSIF (SELECT count(*) FROM device_question q WHERE q.device_code = device AND q.state IN ('waiting', 'sent')) >= 8
    THEN
        RAISE SQLSTATE 'IOC04' USING MESSAGE = 'too many questions are open';
    END IF;
    SELECT q.id INTO put FROM device_question q
    WHERE q.device_code = device AND q.asked = question AND q.state IN ('waiting', 'sent');
    IF put IS NULL THEN
        INSERT INTO device_question (device_code, asked, account_id, asker, expires_at)
        VALUES (device, question, account, named, clock_timestamp() + interval '15 minutes') RETURNING id INTO put;
    END IF;
    INSERT INTO audit_entry (account_id, account_name, action, address, layer, subject, detail)
    VALUES (account, coalesce((SELECT a.name FROM account a WHERE a.id = account), named), 'device_ask',
        nullif(current_setting('ioc.address', true), ''), 'device', device, question);
    PERFORM pg_notify('ioc_question', device);
    RETURN put;
END
$$;

-- Whether the viewer may ask a device: who may act on its alarms. NULL: it is not the viewer's to see.
CREATE FUNCTION ioc.may_ask_device(device text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, public, pg_temp AS $$
    SELECT may_act_on_alarm(d.dataset_id, d.sensitivity, d.area_code) FROM ioc.device d
    WHERE d.code = $1 AND ((d.dataset_id * 4 + d.sensitivity) = ANY (whole_rights())
        OR (d.dataset_id || '.' || d.sensitivity || '.' || coalesce(d.area_code, '')) ^@ ANY (area_rights()))
    LIMIT 1
$$;

-- The viewer asks a device; NULL: it is not the viewer's to see. See ioc.put_device_question.
CREATE FUNCTION ioc.ask_device(device text, question jsonb) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    may boolean := may_ask_device(device);
BEGIN
    IF may IS NULL THEN
        RETURN NULL;
    ELSIF NOT may THEN
        RAISE insufficient_privilege USING MESSAGE = 'right';
    END IF;
    RETURN (
        SELECT put_device_question(device, question, a.id, a.display_name) FROM account a WHERE a.id = viewer_account()
    );
END
$$;

-- ---------------------------------------------------------------- the process of the doors

-- Questions that are open when the process begins: nobody waits for their answers any more, so they are asked again,
-- unless that was done as often as it may be or too long ago.
CREATE FUNCTION ioc.resume_device_questions(most_sendings integer) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    UPDATE device_question q SET
        state = CASE WHEN q.sendings < most_sendings AND q.expires_at > clock_timestamp() THEN 'waiting' ELSE 'failed' END,
        reason = CASE WHEN q.sendings < most_sendings AND q.expires_at > clock_timestamp() THEN NULL ELSE 'doors' END,
        ended_at = CASE WHEN q.sendings < most_sendings AND q.expires_at > clock_timestamp() THEN NULL
            ELSE clock_timestamp() END
    WHERE q.state IN ('waiting', 'sent')
$$;

-- The next question of each device none of whose questions is under way.
CREATE FUNCTION ioc.waiting_device_questions()
RETURNS TABLE (id bigint, device_code text, asked jsonb, sendings smallint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT DISTINCT ON (q.device_code) q.id, q.device_code, q.asked, q.sendings FROM device_question q
    WHERE q.state = 'waiting' AND q.expires_at > clock_timestamp()
        AND NOT EXISTS (SELECT FROM device_question o WHERE o.device_code = q.device_code AND o.state = 'sent')
    ORDER BY q.device_code, q.id
$$;

CREATE FUNCTION ioc.note_question_sent(question bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    UPDATE device_question q SET state = 'sent', sendings = q.sendings + 1, sent_at = clock_timestamp()
    WHERE q.id = question AND q.state IN ('waiting', 'sent')
$$;

-- Answered, or failed for a reason.
CREATE FUNCTION ioc.end_device_question(question bigint, failure text, given jsonb) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    UPDATE device_question q SET state = CASE WHEN failure IS NULL THEN 'answered' ELSE 'failed' END,
        reason = failure, answer = given, ended_at = clock_timestamp()
    WHERE q.id = question AND q.state IN ('waiting', 'sent')
$$;

REVOKE EXECUTE ON FUNCTION ioc.is_door_open, ioc.put_device_question, ioc.may_ask_device, ioc.ask_device,
    ioc.resume_device_questions, ioc.waiting_device_questions, ioc.note_question_sent, ioc.end_device_question
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.may_ask_device, ioc.ask_device, ioc.resume_device_questions,
    ioc.waiting_device_questions, ioc.note_question_sent, ioc.end_device_question TO ioc_app;
