"""PostgreSQL settings that fit the machine the cluster runs on."""

import os
from pathlib import Path

MB = 1024 * 1024


def machine_memory() -> int:
    """Bytes of memory this process may count on: the machine's, or its control group's if less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = Path(name).read_text().strip()
        except OSError:
            continue
        if limit.isdigit():
            return min(total, int(limit))
    return total


def tuned_settings(memory: int, free_disk: int, shared_memory_disk: int) -> dict[str, str]:
    """Settings of a cluster that shares its machine with the web server.

    Args:
        memory: bytes of the machine, as ``machine_memory`` tells.
        free_disk: bytes free where the cluster lies; bounds the write-ahead log.
        shared_memory_disk: bytes of /dev/shm; containers often have 64 MB, too little for parallel queries.
    """
    shared_buffers = min(max(memory // 4, 128 * MB), 4096 * MB)
    settings = {
        "listen_addresses": "",
        "max_connections": "100",
        "superuser_reserved_connections": "3",
        "shared_buffers": _megabytes(shared_buffers),
        "effective_cache_size": _megabytes(max(memory * 6 // 10, 256 * MB)),
        "work_mem": _megabytes(min(max(memory // 384, 8 * MB), 64 * MB)),
        "maintenance_work_mem": _megabytes(min(max(memory // 16, 64 * MB), 1024 * MB)),
        "wal_buffers": "16MB",
        "min_wal_size": "80MB",
        "max_wal_size": _megabytes(min(max(free_disk // 8, 128 * MB), 4096 * MB)),
        "checkpoint_completion_target": "0.9",
        "wal_compression": "on",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "100",
        # Plans here run for milliseconds; compiling them would cost more than it saves.
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_min_duration_statement": "2000",
        "log_lock_waits": "on",
        "log_line_prefix": "%m [%p] %u ",
    }
    if shared_memory_disk < 512 * MB:
        settings["dynamic_shared_memory_type"] = "mmap"
    return settings


def _megabytes(size: int) -> str:
    return f"{size // MB}MB"
