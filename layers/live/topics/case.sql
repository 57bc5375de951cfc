-- Cases that are open.
SELECT ioc.case_item(c) FROM ioc.case_file c
WHERE c.ended_at IS NULL AND coalesce(c.area_code, '') ^@ %(area)s
