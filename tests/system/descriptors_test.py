"""Without a free descriptor nobody new gets in, nobody inside is disturbed, and all is well once one is free again."""
import resource
import socket
import time

from support.gateway import Caller


def cpu_seconds(pid: int) -> float:
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_no_free_descriptors(make_gateway):
    gateway = make_gateway(config={"limits": {"http_connections": 1000}})
    inside = gateway.caller(gateway.admin_token)
    assert inside.call("system_version")["version"]
    before = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    in_use = 64
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (in_use, before[1]))
    waiting = [socket.create_connection(("127.0.0.1", gateway.port), timeout=10) for _ in range(100)]
    begun = cpu_seconds(gateway.pid)
    for _ in range(10):
        assert inside.call("system_version")["version"], "a connection that is there goes on"
        time.sleep(0.1)
    assert cpu_seconds(gateway.pid) - begun < 0.6, "it spins on a socket that it cannot accept"
    assert "cannot accept connections" in gateway.stderr
    assert gateway.stderr.count("cannot accept connections") < 20, "it fills the log"
    for one in waiting:
        one.close()
    with Caller(gateway.url, gateway.admin_token) as late:
        assert late.call("system_version")["version"]
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, before)
