"""A load generator of few instructions, so that the server is what is measured: HTTP/1.1, kept sockets."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Load:
    """What a run of requests took."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    bytes: int = 0

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, percent: float) -> float:
        """Latency in milliseconds that this many per cent of requests did not exceed."""
        ordered = sorted(self.latencies)
        if not ordered:
            return 0.0
        return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def add(self, other: "Load") -> None:
        """Count another run in."""
        self.seconds += other.seconds
        self.latencies += other.latencies
        self.bytes += other.bytes


async def drive(work: Sequence[Callable[[], Awaitable[int]]]) -> Load:
    """Run workers at once; each does one request per call, gives its bytes, and -1 when none is left."""
    load = Load()

    async def worker(request: Callable[[], Awaitable[int]]) -> None:
        while True:
            begin = time.perf_counter()
            size = await request()
            if size < 0:
                return
            load.latencies.append(time.perf_counter() - begin)
            load.bytes += size

    begin = time.perf_counter()
    await asyncio.gather(*(worker(one) for one in work))
    load.seconds = time.perf_counter() - begin
    return load


async def request_all(port: int, paths: Sequence[str], connections: int, token: str | None = None) -> Load:
    """GET every path once, over a few kept connections.

    Raises:
        RuntimeError: an answer is neither 200 nor 204.
    """
    left = iter(paths)
    header = f"Authorization: Bearer {token}\r\n" if token else ""
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]

    def requester(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Callable[[], Awaitable[int]]:
        async def request() -> int:
            path = next(left, None)
            if path is None:
                return -1
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n{header}\r\n".encode()
            )
            return await _read_answer(reader, path)

        return request

    try:
        return await drive([requester(*stream) for stream in streams])
    finally:
        for _, writer in streams:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader, path: str) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = head[9:12]
    if status not in (b"200", b"204"):
        raise RuntimeError(f"{path} was answered {status.decode()}")
    if status == b"204":
        return 0
    if b"transfer-encoding: chunked" in head:
        return await _read_chunks(reader)
    begin = head.index(b"content-length:") + 15
    length = int(head[begin : head.index(b"\r\n", begin)])
    await reader.readexactly(length)
    return length


async def _read_chunks(reader: asyncio.StreamReader) -> int:
    total = 0
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
        total += size
    await reader.readexactly(2)
    return total
