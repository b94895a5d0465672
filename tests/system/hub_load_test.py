"""What many connections, bad ones among them, do to the program: others lose nothing, and everything comes back."""
import json
import os
import socket
import time
from pathlib import Path

import pytest

from support.gateway import Gateway, binary
from support.raw_websocket import RawWebSocket, frame, request

MIB = 1 << 20
SANITIZED = b"__asan_init" in binary().read_bytes()
TEXT, PING = 0x81, 0x89


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grown(pid: int, before: int) -> int:
    """Bytes; nothing to be said of a sanitized program, whose freed memory stays in quarantine."""
    return 0 if SANITIZED else resident(pid) - before


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(condition, what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def opened(gateway, path="/ws/connect", **how) -> RawWebSocket:
    client = RawWebSocket(gateway, path, **how).__enter__()
    client.read()
    return client


def subscribed(gateway, channel: str, **how) -> RawWebSocket:
    client = opened(gateway, **how)
    client.send_text(json.dumps({"type": "subscribe", "channel": channel}))
    assert json.loads(client.read().text)["type"] == "subscribed"
    return client


def test_one_slow_reader_among_a_thousand(make_gateway):
    gateway = make_gateway(config={"limits": {"send_stall_ms": 1000, "close_timeout_ms": 500}})
    slow = subscribed(gateway, "c", receive_buffer=4096)
    slow.send_text('{"type":"subscribe","channel":"flood"}')  # so that it is more than the kernel's buffers take
    slow.read()
    readers = [subscribed(gateway, "c") for _ in range(1000)]
    count, data = 60, "x" * 3_000
    for i in range(count):
        gateway.call("hub_publish", channel="flood", data="x" * 200_000)
        assert gateway.call("hub_publish", channel="c", data=[i, data])["subscribers"] >= 1000
        if i % 10 == 9:
            for reader in readers:
                for expected in range(i - 9, i + 1):
                    assert json.loads(reader.read().text)["data"][0] == expected
    wait_for(lambda: gateway.call("hub_stats")["total_connections"] == 1000, "the slow reader is still there")
    metrics = gateway.get("/metrics").text
    assert any(line.startswith("patchbay_hub_dropped_total") and not line.endswith(" 0") for line in metrics.splitlines())
    for client in [slow, *readers]:
        client.socket.close()
    wait_for(lambda: gateway.call("hub_stats")["total_connections"] == 0, "connections are left")


def test_churn(make_gateway):
    """200 connections a second come, subscribe, get a message and go, half of them without a farewell."""
    gateway = make_gateway()
    handshake = request(gateway, "/ws/connect")
    subscribe = frame(TEXT, b'{"type":"subscribe","channel":"churn"}')

    def wave(count: int) -> None:
        sockets = [socket.create_connection(("127.0.0.1", gateway.port), timeout=20) for _ in range(count)]
        for one in sockets:
            one.sendall(handshake + subscribe)
        for one in sockets:
            got = b""
            while b'"subscribed"' not in got:
                data = one.recv(65536)
                assert data, got
                got += data
        gateway.call("hub_publish", channel="churn", data={})
        for i, one in enumerate(sockets):
            if i % 2:
                one.sendall(frame(0x88, b"\x03\xe8"))
                while one.recv(65536):
                    pass
            one.close()

    seconds = 30
    wave(100)
    wait_for(lambda: gateway.call("hub_stats")["total_connections"] == 0, "connections are left")
    before = resident(gateway.pid), descriptors(gateway.pid), threads(gateway.pid)
    began = time.monotonic()
    done = 0
    while (passed := time.monotonic() - began) < seconds:
        wave(20)
        done += 20
        time.sleep(max(0.0, done / 200 - passed))
    assert done >= 200 * seconds * 0.5, "the machine is too slow for this to say anything"
    wait_for(lambda: gateway.call("hub_stats")["total_connections"] == 0, "connections are left")
    wait_for(lambda: descriptors(gateway.pid) <= before[1] + 2, "descriptors are left")
    assert threads(gateway.pid) == before[2]
    assert grown(gateway.pid, before[0]) < 8 * MIB


def never_finishes(gateway) -> list[RawWebSocket]:
    """The longest messages allowed, but for their last byte."""
    clients = [opened(gateway, f"/ws/notifications/u{i}") for i in range(100)]
    for client in clients:
        client.send_what_is_taken(frame(TEXT, b"[" * (MIB - 1), length=MIB))
    return clients


def never_reads(gateway) -> list[RawWebSocket]:
    """Asks for answers, of which none is read."""
    clients = [opened(gateway, receive_buffer=4096) for _ in range(100)]
    asked = frame(TEXT, b'{"type":"' + b"u" * 200 + b'"}') * 300 + frame(PING, bytes(125)) * 20
    for client in clients:
        client.socket.settimeout(0.05)
        for _ in range(3):
            client.send_what_is_taken(asked)
    return clients


def only_pings(gateway) -> list[RawWebSocket]:
    clients = [opened(gateway, receive_buffer=4096) for _ in range(100)]
    for client in clients:
        client.send_what_is_taken(frame(PING, bytes(125)) * 2000)
    return clients


def tiny_fragments(gateway) -> list[RawWebSocket]:
    clients = [opened(gateway) for _ in range(100)]
    for client in clients:
        client.send_what_is_taken(frame(0x01, b"[") + frame(0x00, b"") * 5000)
    return clients


def lying_lengths(gateway) -> list[RawWebSocket]:
    clients = [opened(gateway) for _ in range(200)]
    for i, client in enumerate(clients):
        client.send_what_is_taken(frame(TEXT, b"x", length=(1 << (16 + i % 47)) - 1))
    return clients


def half_frames(gateway) -> list[RawWebSocket]:
    clients = [opened(gateway) for _ in range(300)]
    for client in clients:
        client.send_what_is_taken(frame(TEXT, b"x" * 60_000)[:100])
    return clients


@pytest.mark.parametrize("attack", [never_finishes, never_reads, only_pings, tiny_fragments, lying_lengths, half_frames])
def test_one_address_cannot_fill_the_memory(make_gateway, attack):
    gateway = make_gateway(config={"limits": {"send_stall_ms": 1000, "close_timeout_ms": 500}})
    for client in attack_free(gateway):
        client.socket.close()
    wait_for(lambda: gateway.call("hub_stats")["total_connections"] == 0, "connections are left")
    before = resident(gateway.pid), descriptors(gateway.pid), threads(gateway.pid)
    clients = attack(gateway)
    most = grown(gateway.pid, before[0])
    used = processor_seconds(gateway.pid)
    began = time.monotonic()
    while time.monotonic() - began < 2:
        most = max(most, grown(gateway.pid, before[0]))
        time.sleep(0.05)
    assert processor_seconds(gateway.pid) - used < (4.5 if SANITIZED else 1.5), "it spins"
    assert most < 64 * MIB, f"{most / MIB:.0f} MiB"
    assert gateway.call("system_health")["status"] == "ok"
    for client in clients:
        client.socket.close()
    wait_for(lambda: descriptors(gateway.pid) <= before[1] + 2, "descriptors are left")
    wait_for(lambda: grown(gateway.pid, before[0]) < 16 * MIB, "memory is left")
    assert threads(gateway.pid) == before[2]


def attack_free(gateway) -> list[RawWebSocket]:
    """What any use of the program leaves in memory for good is not the attack's."""
    return [opened(gateway) for _ in range(50)]


def test_an_idle_connection_costs_little(make_gateway):
    gateway = make_gateway(config={"server": {"shards": 1}})
    for client in [subscribed(gateway, "c") for _ in range(100)]:
        client.socket.close()
    wait_for(lambda: gateway.call("hub_stats")["total_connections"] == 0, "connections are left")
    first = [subscribed(gateway, "c") for _ in range(500)]
    before = resident(gateway.pid)
    more = [subscribed(gateway, "c") for _ in range(2000)]
    each = grown(gateway.pid, before) / len(more)
    for client in first + more:
        client.socket.close()
    assert each < 6 * 1024, f"{each:.0f} bytes a connection"


def test_stopping_with_many_connections(make_gateway):
    """Each gets a hint when to come back, then 1012; what was accepted before has arrived."""
    gateway = make_gateway()
    clients = [subscribed(gateway, "c") for _ in range(300)]
    gateway.call("hub_publish", channel="c", data="the last")
    began = time.monotonic()
    gateway.process.terminate()
    for client in clients:
        messages, close = [], None
        while (got := client.read()) is not None:
            if got.opcode == 8:
                close = got.code
                client.send_what_is_taken(frame(0x88, b"\x03\xf4"))
            elif got.opcode == 1:
                messages.append(json.loads(got.text))
        assert messages[0]["data"] == "the last"
        assert messages[-1]["type"] == "reconnect"
        assert messages[-1]["after_ms"] >= 0
        assert close == 1012
    assert gateway.process.wait(15) == 0
    assert time.monotonic() - began < 10.5
