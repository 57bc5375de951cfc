-- What was open at a moment is what has ended since, or has not ended: found by its end.
CREATE INDEX ix_case_file_ended_at ON ioc.case_file (ended_at);
CREATE INDEX ix_alarm_cleared_at ON ioc.alarm (cleared_at);
