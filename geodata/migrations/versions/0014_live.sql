-- What happened, for every screen that is watching: readings, positions, alarms, cases. One row for each batch.
-- Each item of `items` states its right as "r": [dataset_id, sensitivity, "area code"].

CREATE TABLE ioc.live_event (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    topic TEXT NOT NULL,
    items JSONB NOT NULL,
    CONSTRAINT pk_live_event PRIMARY KEY (id),
    CONSTRAINT ck_live_event_items CHECK (jsonb_typeof(items) = 'array')
);
CREATE INDEX ix_live_event_at ON ioc.live_event (at);

-- Tell everybody who is watching of a batch; gives the event's id, NULL for an empty batch. Calls wait for each
-- other until the end of their transactions, so that who has seen an id has seen all lower ones: call it last.
CREATE FUNCTION ioc.tell(topic text, items jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
DECLARE
    event_id bigint;
BEGIN
    IF items = '[]' THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ioc.live_event'));
    INSERT INTO live_event (topic, items) VALUES ($1, $2) RETURNING id INTO event_id;
    PERFORM pg_notify('ioc_live', event_id::text);
    RETURN event_id;
END
$$;

-- The events after one, the oldest first. Whoever reads them sees every item: the program shows a viewer those
-- that the viewer's rights cover.
CREATE FUNCTION ioc.live_events(after_id bigint, most integer)
RETURNS TABLE (id bigint, at timestamptz, topic text, items jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT e.id, e.at, e.topic, e.items FROM live_event e WHERE e.id > $1 ORDER BY e.id LIMIT $2
$$;

-- The first and the last event that are kept; 0 and 0 when there are none.
CREATE FUNCTION ioc.live_event_span() RETURNS TABLE (first_id bigint, last_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    SELECT coalesce(min(e.id), 0), coalesce(max(e.id), 0) FROM live_event e
$$;

-- Events serve to take up a broken stream again, for a day; what they told of is kept in its own tables.
CREATE FUNCTION ioc.forget_live_events() RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = ioc, pg_temp AS $$
    WITH forgotten AS (
        DELETE FROM live_event e WHERE e.at < clock_timestamp() - interval '24 hours' RETURNING 1
    )
    SELECT count(*) FROM forgotten
$$;

REVOKE EXECUTE ON FUNCTION ioc.tell, ioc.live_events, ioc.live_event_span, ioc.forget_live_events FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ioc.tell, ioc.live_events, ioc.live_event_span, ioc.forget_live_events TO ioc_app;
