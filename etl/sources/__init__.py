"""What departments hand over, one file per kind of source; each names itself in ``FORMAT``."""
