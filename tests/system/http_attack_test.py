"""What one address can make the program hold is bounded, and comes back."""
import os
import socket
import time
from pathlib import Path

import pytest

from support.gateway import binary

MIB = 1 << 20
SANITIZED = b"__asan_init" in binary().read_bytes()


def resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def connect(gateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=10)


def push(connection: socket.socket, data: bytes) -> int:
    """Sends what the other side takes within a moment."""
    connection.settimeout(0.2)
    sent = 0
    try:
        while sent < len(data):
            sent += connection.send(data[sent:sent + 65536])
    except OSError:
        pass
    return sent


def settled(measure, goal, within: float = 60.0 if SANITIZED else 15.0):
    """The measure once it is at the goal or below it, or its last value."""
    deadline = time.monotonic() + within
    while (value := measure()) > goal and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


# In a sanitizer's build freed memory is kept aside for a while; here it would be counted as held.
LEAN = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0:malloc_context_size=0"}


def keeps() -> int:
    """Bytes that may stay resident: a sanitizer's allocator gives back less."""
    return 16 * MIB if SANITIZED else 6 * MIB


# Large blocks, which are mapped one by one, and such as leave holes in the heap. (A sanitizer's allocator keeps those.)
BODIES = {"large": (200, 900_000)} | ({} if SANITIZED else {"small": (700, 60_000)})


@pytest.mark.parametrize("count, size", BODIES.values(), ids=BODIES.keys())
def test_unfinished_bodies(make_gateway, count, size):
    gateway = make_gateway(env=LEAN)
    gateway.call("system_health")
    before, files, tasks = resident(gateway.pid), descriptors(gateway.pid), threads(gateway.pid)
    head = b"POST /system_health HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    attackers = [connect(gateway) for _ in range(count)]
    most = before
    for attacker in attackers:
        push(attacker, head + b" " * size)
        most = max(most, resident(gateway.pid))
    assert most - before < 64 * MIB
    assert gateway.get("/health/live").status_code == 200
    for attacker in attackers:
        attacker.close()
    assert settled(lambda: descriptors(gateway.pid), files + 2) <= files + 2
    assert settled(lambda: resident(gateway.pid), before + keeps()) <= before + keeps()
    assert threads(gateway.pid) <= tasks


def test_answers_that_nobody_reads(make_gateway):
    gateway = make_gateway(env=LEAN)
    gateway.call("system_health")
    before, files = resident(gateway.pid), descriptors(gateway.pid)
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    attackers = [connect(gateway) for _ in range(150)]
    most = before
    for attacker in attackers:
        attacker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        push(attacker, request * 200)
        most = max(most, resident(gateway.pid))
    assert most - before < 64 * MIB
    for attacker in attackers:
        attacker.close()
    assert settled(lambda: descriptors(gateway.pid), files + 2) <= files + 2
    assert settled(lambda: resident(gateway.pid), before + keeps()) <= before + keeps()


def test_too_many_connections_are_told_so(make_gateway):
    gateway = make_gateway(config={"server": {"http": {"max_connections": 20}}})
    held = [connect(gateway) for _ in range(20)]
    for connection in held:  # each has its place once it is answered
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    with connect(gateway) as one_more:
        answer = one_more.recv(65536)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"Retry-After: " in answer
    for connection in held:
        connection.close()
    deadline = time.monotonic() + 5
    status = 503
    while status == 503 and time.monotonic() < deadline:
        status = gateway.get("/health/live").status_code
    assert status == 200


def test_slow_clients_are_cut(make_gateway):
    gateway = make_gateway(config={"limits": {"header_timeout_ms": 500, "body_timeout_ms": 500}})
    with connect(gateway) as slow_header, connect(gateway) as slow_body:
        slow_header.sendall(b"GET /health HTTP/1.1\r\nHost: local")
        slow_body.sendall(b"POST /system_health HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
        for connection in (slow_header, slow_body):
            assert connection.recv(65536).startswith(b"HTTP/1.1 408")
            assert connection.recv(65536) == b""
