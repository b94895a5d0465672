"""Every limit of a WebSocket client, from both sides."""
import json
import resource
import time

import pytest

from support.gateway import Gateway, binary
from support.hub_client import HubClient, static_token
from support.raw_websocket import RawWebSocket, frame, handshake

TEXT, PING = 0x81, 0x89
USER = "/ws/notifications/u1"


@pytest.fixture(scope="module")
def gateway():
    with Gateway(config={"hub": {"echo": True}}) as started:
        yield started


def opened(gateway, path="/ws/connect", **how) -> RawWebSocket:
    client = RawWebSocket(gateway, path, **how).__enter__()
    assert json.loads(client.read().text)["type"] in ("connected", "connection_ack")
    return client


# --- handshake

REFUSED = {
    "version_8": ({"Sec-WebSocket-Version": "8"}, 426),
    "no_version": ({"Sec-WebSocket-Version": None}, 426),
    "no_key": ({"Sec-WebSocket-Key": None}, 400),
    "short_key": ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZQ=="}, 400),
    "key_that_is_no_base64": ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ!!"}, 400),
    "key_of_17_bytes": ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZSE="}, 400),
    "body": ({"Content-Length": "5", "Content-Type": "application/json"}, 400),
    "transfer_encoding": ({"Transfer-Encoding": "chunked", "Content-Type": "application/json"}, 400),
    "foreign_origin": ({"Origin": "http://evil.example"}, 403),
    "null_origin": ({"Origin": "null"}, 403),
    "cross_site": ({"Sec-Fetch-Site": "cross-site"}, 403),
    "foreign_host": ({"Host": "evil.example"}, 421),
    "no_upgrade": ({"Upgrade": None, "Connection": None}, 426),
}


@pytest.mark.parametrize("name", REFUSED)
def test_handshakes_that_are_refused(gateway, name):
    fields, status = REFUSED[name]
    answered, answer, body = handshake(gateway, "/ws/connect", fields)
    assert answered == status, body
    error = json.loads(body)["error"]
    assert error["message"]
    if status == 426:
        assert answer["sec-websocket-version"] == "13"


@pytest.mark.parametrize("path", ["/ws/nowhere", "/ws/", "/ws/no_workflow/app/chat/user", "/ws/channel/bad%20name"])
def test_unknown_endpoints(gateway, path):
    status, _, body = handshake(gateway, path)
    assert status in (400, 404)
    assert json.loads(body)["error"]["code"] in ("not_found", "invalid_argument")


def test_a_same_origin_handshake_is_served(gateway):
    with RawWebSocket(gateway, "/ws/connect", {"Origin": f"http://127.0.0.1:{gateway.port}"}) as client:
        assert "sec-websocket-protocol" not in client.fields
    with RawWebSocket(gateway, "/ws/connect", {"Sec-WebSocket-Protocol": "other, patchbay"}) as client:
        assert client.fields["sec-websocket-protocol"] == "patchbay"


def test_a_wrong_token_is_401_and_is_not_repeated(make_gateway):
    gateway = make_gateway()
    for path, fields in (("/ws/connect?token=secret-word", {}), ("/ws/connect", {"Authorization": "Bearer secret-word"}),
                         ("/ws/connect", {"Sec-WebSocket-Protocol": "patchbay, bearer.secret-word"})):
        status, answer, body = handshake(gateway, path, fields)
        assert status == 401, body
        assert "secret-word" not in body.decode() + str(answer)
    assert "secret-word" not in gateway.stderr


def test_the_http_connections_are_not_used_up(make_gateway):
    gateway = make_gateway(config={"server": {"http": {"max_connections": 4}}})
    clients = [opened(gateway) for _ in range(12)]
    assert gateway.call("system_health")["status"] == "ok"
    for client in clients:
        client.socket.close()


def test_more_sessions_than_allowed_are_503(make_gateway):
    gateway = make_gateway(config={"websocket_server": {"settings": {"max_connections": 3}}})
    clients = [opened(gateway) for _ in range(3)]
    status, fields, body = handshake(gateway, "/ws/connect")
    assert status == 503
    assert int(fields["retry-after"]) >= 1
    assert json.loads(body)["error"]["retryable"] is True
    clients.pop().socket.close()
    deadline = time.monotonic() + 10
    while handshake(gateway, "/ws/connect")[0] != 101:
        assert time.monotonic() < deadline, "the place of a connection that has gone is not given back"


# --- messages

@pytest.mark.parametrize("path, limit", [("/ws/connect", 64 << 10), (USER, 1 << 20), ("/ws/echo", 17 << 20)])
def test_message_size(gateway, path, limit):
    start = opened if path != "/ws/echo" else lambda g, p: RawWebSocket(g, p).__enter__()
    client = start(gateway, path)
    message = b'{"type":"x","pad":"' + b"a" * (limit - 21) + b'"}'
    assert len(message) == limit
    client.send_frame(TEXT, message)
    got = client.read()
    assert got.opcode == 1
    client.send_what_is_taken(frame(TEXT, message + b" "))
    assert client.read_close() == 1009
    client.socket.close()
    # Its length alone is enough: nothing is waited for, nothing kept.
    client = start(gateway, path)
    client.send(frame(TEXT, b"", length=limit + 1))
    assert client.read_close() == 1009
    client.socket.close()


def test_message_size_in_fragments(gateway):
    client = opened(gateway)
    client.send(frame(0x01, b"a" * 40_000))
    client.send_what_is_taken(frame(0x80, b"b" * 40_000))
    assert client.read_close() == 1009


def test_fragments_of_one_message(gateway):
    client = opened(gateway)
    text = b'{"type":"unknown_thing","id":1}' + b" " * 993
    parts = [text[i : i + 1] for i in range(1024)]
    client.send(frame(0x01, parts[0]) + b"".join(frame(0x00, part) for part in parts[1:-1]) + frame(0x80, parts[-1]))
    assert json.loads(client.read().text)["type"] == "error"
    client.send(frame(0x01, b"{") + frame(0x00, b"") * 1024)
    assert client.read_close() == 1008


def test_echo_takes_any_number_of_fragments(gateway):
    with RawWebSocket(gateway, "/ws/echo") as client:
        client.send(frame(0x01, b"a") + b"".join(frame(0x00, b"b") for _ in range(5000)) + frame(0x80))
        assert len(client.read().payload) == 5001


def test_binary_is_refused_but_on_echo(gateway):
    for path in ("/ws/connect", USER):
        client = opened(gateway, path)
        client.send_frame(0x82, b"\x00")
        assert client.read_close() == 1003


def test_what_is_not_json_is_answered(gateway):
    for path in ("/ws/connect", USER):
        client = opened(gateway, path)
        for text in ("{", "", "[" * 65 + "]" * 65, '{"a":1,"a":2}', "[" + "1," * 10_000 + "1]"):
            client.send_text(text)
            answer = json.loads(client.read().text)
            assert (answer["type"], answer["code"]) == ("error", "invalid_argument"), text[:20]


# --- rates

def test_pings(gateway):
    client = opened(gateway)
    client.send(b"".join(frame(PING, str(i).encode()) for i in range(100)))
    pongs = [client.read() for _ in range(11)]
    assert [pong.first for pong in pongs] == [0x8A] * 11
    assert pongs[-1].payload == b"99", "what was folded is answered by the newest"
    client.send(b"".join(frame(PING) for _ in range(250)))
    assert client.read_close() == 1008


def test_commands(make_gateway):
    gateway = make_gateway(config={"limits": {"commands_per_second": 200}})
    client = opened(gateway)
    client.send(b"".join(frame(TEXT, b'{"type":"ping"}') for _ in range(300)))
    client.send_text('{"type":"subscribe","channel":"missions"}')
    while (answer := json.loads(client.read().text))["type"] != "subscribed":
        assert answer.get("code") != "rate_limited", "within the burst"
    client.send_what_is_taken(b"".join(frame(TEXT, b'{"type":"nothing_known"}') for _ in range(3000)))
    codes = set()
    while (got := client.read()) is not None and got.opcode != 8:
        codes.add(json.loads(got.text)["code"])
    assert "rate_limited" in codes
    assert got is not None and got.code == 1008


def test_subscriptions_and_channel_names(gateway):
    client = opened(gateway)
    for i in range(128):
        client.send_text(json.dumps({"type": "subscribe", "channel": f"c{i}"}))
        assert json.loads(client.read().text)["type"] == "subscribed"
    client.send_text('{"type":"subscribe","channel":"one_more"}')
    assert json.loads(client.read().text)["type"] == "error"
    client.send_text('{"type":"unsubscribe","channel":"c0"}')
    assert json.loads(client.read().text)["type"] == "unsubscribed"
    client.send_text(json.dumps({"type": "subscribe", "channel": "n" * 255}))
    assert json.loads(client.read().text)["type"] == "subscribed"
    client.send_text(json.dumps({"type": "unsubscribe", "channel": "c1"}))
    client.read()
    client.send_text(json.dumps({"type": "subscribe", "channel": "n" * 256}))
    assert json.loads(client.read().text)["code"] == "invalid_argument"


# --- time

def test_who_must_authenticate_has_limits_of_its_own(make_gateway):
    gateway = make_gateway(config={"security": {"anonymous": "off"}, "hub": {"deflate": {"enabled": True}},
                                   "limits": {"authentication_timeout_ms": 500}})
    with RawWebSocket(gateway, "/ws/connect", {"Sec-WebSocket-Extensions": "permessage-deflate"}) as client:
        assert "sec-websocket-extensions" not in client.fields
        began = time.monotonic()
        assert client.read_close() == 3000
        assert 0.4 < time.monotonic() - began < 5
    with RawWebSocket(gateway, "/ws/connect") as client:
        client.send_text(json.dumps({"type": "auth", "token": "x" * 5000}))
        assert client.read_close() == 1009


def test_a_close_that_is_not_answered(make_gateway):
    gateway = make_gateway(config={"limits": {"close_timeout_ms": 300}})
    client = opened(gateway)
    client.send_frame(0x82, b"")
    assert client.read_close() == 1003
    began = time.monotonic()
    assert client.has_ended()
    assert time.monotonic() - began < 5


def test_who_does_not_read_is_let_go(make_gateway):
    gateway = make_gateway(config={"limits": {"send_stall_ms": 500, "close_timeout_ms": 300}})
    slow = opened(gateway, receive_buffer=4096)
    slow.send_text('{"type":"subscribe","channel":"c"}')
    assert json.loads(slow.read().text)["type"] == "subscribed"
    fast = opened(gateway)
    fast.send_text('{"type":"subscribe","channel":"c"}')
    assert json.loads(fast.read().text)["type"] == "subscribed"
    data = "x" * 60_000
    for i in range(100):
        gateway.call("hub_publish", channel="c", data=[i, data])
        assert json.loads(fast.read().text)["data"][0] == i, "the other subscriber loses nothing"
    deadline = time.monotonic() + 20
    while gateway.call("hub_stats")["total_connections"] != 1:
        assert time.monotonic() < deadline, "the slow reader is still there"
    assert slow.read_close() in (1013, None)


def test_who_reads_slowly_gets_the_last_value_of_each_channel_below_a_prefix(make_gateway):
    """Six times what a queue holds: that is no overflow, and what is published meanwhile comes behind it."""
    count, changes = 3000, 20
    rule = {"pattern": "last.*", "publish": "hub.publish", "history": {"size": 2, "ttl_s": 60}, "last_value": True}
    gateway = make_gateway(config={"server": {"shards": 2}, "hub": {"namespaces": [rule]},
                                   "limits": {"commands_per_second": 100_000, "send_stall_ms": 60_000}})
    with HubClient(gateway) as publisher:
        for first in range(0, count, 100):
            for number in range(first, first + 100):
                publisher.send(type="publish", channel=f"last.{number}", data=[number, "x" * 2000])
            assert {publisher.next()["type"] for _ in range(100)} == {"published"}
    slow = opened(gateway, receive_buffer=4096)
    slow.send_text('{"type":"subscribe","channel":"last.*"}')
    assert json.loads(slow.read().text)["type"] == "subscribed"
    for number in range(changes):
        assert gateway.call("hub_publish", channel="last.7", data=[number, "new"])["subscribers"] == 1
    events = [json.loads(slow.read().text) for _ in range(count + changes)]
    assert sorted(one["data"][0] for one in events[:count]) == list(range(count))
    assert all(one["channel"] == f"last.{one['data'][0]}" for one in events[:count])
    assert [one["data"] for one in events[count:]] == [[number, "new"] for number in range(changes)]


# --- how many, and how much of one address

@pytest.fixture(scope="module")
def proxied():
    """Behind a trusted proxy, which is where addresses that are not loopback come from here."""
    tokens = [static_token(name, "hub.*", user_id=name) for name in ("anna", "berta", "carla", "dora")]
    with Gateway(config={"server": {"trusted_proxies": ["127.0.0.1"]}, "security": {"tokens": tokens}, "hub": {"users": {"max_connections": 2}},
                         "limits": {"hub_address_connections": 3, "address_bytes": 4 << 20}}) as started:
        yield started


def far(address: str, token: str) -> dict:
    return {"X-Forwarded-For": address, "Authorization": f"Bearer {token}"}


def refused(gateway, path: str, fields: dict) -> None:
    status, answer, body = handshake(gateway, path, fields)
    assert status == 503, body
    assert int(answer["retry-after"]) >= 1
    error = json.loads(body)["error"]
    assert (error["code"], error["retryable"]) == ("unavailable", True) and "WebSocket sessions of one" in error["message"]


def let_in(gateway, path: str, fields: dict) -> None:
    deadline = time.monotonic() + 10
    while (status := handshake(gateway, path, fields)[0]) != 101:
        assert status == 503 and time.monotonic() < deadline, "the place of a connection that has gone is not given back"


def test_sessions_of_one_address(proxied):
    users = ["anna", "berta", "carla", "dora"]
    clients = [opened(proxied, fields=far("203.0.113.1", users[i])) for i in range(3)]
    refused(proxied, "/ws/connect", far("203.0.113.1", "dora"))
    opened(proxied, fields=far("203.0.113.2", "dora")).socket.close()  # another address
    opened(proxied, fields=far("2001:db8::1", "dora")).socket.close()
    clients.pop().socket.close()
    let_in(proxied, "/ws/connect", far("203.0.113.1", "dora"))
    for client in clients:
        client.socket.close()


def test_sessions_of_one_user(proxied):
    clients = [opened(proxied, path, fields=far(f"203.0.113.{10 + i}", "anna")) for i, path in enumerate(("/ws/connect", "/ws/notifications/anna"))]
    refused(proxied, "/ws/connect", far("203.0.113.12", "anna"))
    refused(proxied, "/ws/notifications/anna", far("203.0.113.13", "anna"))
    opened(proxied, fields=far("203.0.113.12", "berta")).socket.close()  # another user
    # Who says who they are in the first message is counted too.
    late = RawWebSocket(proxied, "/ws/connect", {"X-Forwarded-For": "203.0.113.14"}).__enter__()
    late.send_text('{"type":"auth","token":"anna"}')
    assert late.read_close() == 1013
    clients.pop().socket.close()
    let_in(proxied, "/ws/connect", far("203.0.113.12", "anna"))
    clients.pop().socket.close()


def test_loopback_has_no_such_limits(make_gateway):
    gateway = make_gateway(config={"limits": {"hub_address_connections": 1}, "hub": {"users": {"max_connections": 1}}})
    clients = [opened(gateway, USER) for _ in range(4)]
    for client in clients:
        client.socket.close()


UNFINISHED = (1 << 20) - 1024


def begin_a_message(client: RawWebSocket) -> None:
    """All but the end of a message of nearly 1 MiB."""
    client.send_what_is_taken(frame(0x01, b"a" * UNFINISHED))


def test_unfinished_messages_of_one_address(make_gateway):
    gateway = make_gateway(config={"limits": {"address_bytes": 4 << 20}})  # loopback too
    clients = [opened(gateway, USER) for _ in range(8)]
    for client in clients:
        begin_a_message(client)
    # Four times 1 MiB does not fit beside what is held for a connection at all: the others are told to come back.
    closed, kept = [], []
    for client in clients:
        client.socket.settimeout(1.5)
        try:
            got = client.read()
            assert got is not None and got.opcode == 8 and got.code == 1013, got
            closed.append(client)
        except TimeoutError:
            kept.append(client)
    assert len(closed) >= 4 and kept, (len(closed), len(kept))
    assert gateway.call("system_health")["status"] == "ok"  # an ordinary request is served meanwhile
    for client in kept:  # from the other side: who kept within it is served
        client.socket.settimeout(10)
        client.send(frame(0x80, b""))
        assert json.loads(client.read().text)["code"] == "invalid_argument"  # no JSON, but a message
    for client in kept + closed:
        client.socket.close()
    deadline = time.monotonic() + 10
    while True:  # what has gone is given back
        again = [opened(gateway, USER) for _ in range(3)]
        for client in again:
            begin_a_message(client)
            client.send_what_is_taken(frame(0x80, b""))
        answers = [client.read() for client in again]
        for client in again:
            client.socket.close()
        if all(answer is not None and answer.opcode == 1 for answer in answers):
            break
        assert time.monotonic() < deadline, answers


# --- the figures themselves

DOCUMENTED = {"message_bytes": 64 << 10, "user_message_bytes": 1 << 20, "unauthenticated_message_bytes": 4 << 10, "message_fragments": 1024,
              "json_depth": 64, "json_values": 10_000, "json_string_bytes": 1 << 20, "pings_per_second": 100, "commands_per_second": 2000,
              "subscriptions": 128, "send_queue_bytes": 1 << 20, "send_stall_ms": 5000, "close_timeout_ms": 5000, "authentication_timeout_ms": 10_000,
              "renewal_timeout_ms": 25_000, "max_connections": 10_000, "hub_address_connections": 1000, "user_connections": 32,
              "http_connections": 256, "address_bytes": 32 << 20, "echo_message_bytes": 17 << 20}


def limits_of(gateway) -> dict:
    lines = (line for line in gateway.get("/metrics").text.splitlines() if line.startswith("patchbay_limit{"))
    return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_the_limits_in_force_are_the_documented_ones(gateway):
    shown = limits_of(gateway)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    expected = {**DOCUMENTED, "max_connections": min(10_000, hard - 512)}
    assert {name: shown.get(name) for name in expected} == expected


def test_fewer_descriptors_mean_fewer_sessions(make_gateway, monkeypatch, tmp_path):
    narrow = tmp_path / "patchbay"
    narrow.write_text(f'#!/bin/sh\nulimit -n 1024\nulimit -S -n 600\nexec "{binary()}" "$@"\n')
    narrow.chmod(0o755)
    monkeypatch.setenv("PATCHBAY_BIN", str(narrow))
    gateway = make_gateway()
    assert limits_of(gateway)["max_connections"] == 1024 - 512
    assert "fewer WebSocket connections than asked for" in gateway.stderr
    descriptors = next(line for line in open(f"/proc/{gateway.process.pid}/limits") if line.startswith("Max open files")).split()
    assert descriptors[3] == descriptors[4] == "1024", "the soft limit is raised to the hard one"


def test_json_within_its_limits_is_read(gateway):
    client = opened(gateway)
    for data in ("[" * 62 + "]" * 62, "[" + "1," * 9_900 + "1]", json.dumps("x" * 60_000)):
        client.send_text('{"type":"publish","channel":"c","event":"note","data":' + data + "}")
        assert json.loads(client.read().text)["type"] == "published", data[:20]


def test_a_token_in_the_first_message_may_have_some_length(make_gateway):
    gateway = make_gateway(config={"security": {"tokens": [static_token("t" * 3900, "hub.*", id="long")]}})
    with RawWebSocket(gateway, "/ws/connect") as client:
        message = json.dumps({"type": "auth", "token": "t" * 3900})
        client.send_text(message + " " * (4096 - len(message)))
        assert json.loads(client.read().text)["type"] == "authenticated"
    with RawWebSocket(gateway, "/ws/connect") as client:
        client.send_text(message + " " * (4097 - len(message)))
        assert client.read_close() == 1009


def test_failed_logins_of_one_address(make_gateway):
    gateway = make_gateway(config={"security": {"tokens": [static_token("good", "hub.*")], "failed_logins_per_minute": 5}})
    good, bad = ({"Authorization": f"Bearer {word}"} for word in ("good", "bad"))
    assert [handshake(gateway, "/ws/connect", bad)[0] for _ in range(7)] == [401] * 5 + [429] * 2
    assert handshake(gateway, "/ws/connect", good)[0] == 101, "only failing attempts are held back"
