"""How many connections a process may hold."""

import resource

WANTED = 65_536


def allow_many_open_files() -> None:
    """Raise the limit of this process, in most systems 1,024, as far as it may, up to what is needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = WANTED if hard == resource.RLIM_INFINITY else min(hard, WANTED)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
