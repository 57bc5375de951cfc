-- What each series reported last, as the rest of its item (concat leaves out what is NULL).
SELECT series_id, concat(
    ',"at":', to_json(observed_at), ',"value":' || value, ',"trend":' || trend, ',"quality":' || to_json(nullif(quality, '')), '}'
) FROM ioc.latest
