"""A small HTTP client that costs little: keep-alive connections on raw streams, one request at a time on each."""

import asyncio
import time


async def _connection(port: int, request: bytes, stop_at: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    done = 0
    try:
        while time.perf_counter() < stop_at:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode(errors="replace"))
            length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            done += 1
    finally:
        writer.close()
    return done


async def _many(port: int, request: bytes, connections: int, for_s: float) -> float:
    began = time.perf_counter()
    done = await asyncio.gather(*(_connection(port, request, began + for_s) for _ in range(connections)))
    return sum(done) / (time.perf_counter() - began)


def requests_per_second(
    port: int, path: str, headers: dict[str, str], *, for_s: float = 3, connections: int = 16
) -> float:
    """Answered GET requests a second; raises on any answer but 200."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    asyncio.run(_many(port, request, connections, 0.5))
    return asyncio.run(_many(port, request, connections, for_s))
