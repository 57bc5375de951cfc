-- Cases are found by the beginning of their number.
CREATE INDEX ix_case_file_code ON ioc.case_file (code text_pattern_ops);
