-- What concerns all devices is said as it happens, and again while it lasts: nothing of it is kept as a state.
SELECT NULL::json WHERE %(area)s::text IS NULL
