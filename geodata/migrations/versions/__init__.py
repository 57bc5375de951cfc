"""One module per revision, oldest first; the SQL they run stands beside them."""
