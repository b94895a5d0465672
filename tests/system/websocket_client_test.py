"""WEBSOCKET, the client side, through the running gateway: against the Python websockets server and hostile ones."""
import base64
import hashlib
import json
import queue
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from support.gateway import Gateway
from support.hostile_websocket import HostileServer, Link, Proxy, RawServer
from support.tls import Authority

LOOPBACK = {"security": {"outgoing": {"allow": ["127.0.0.0/8", "localhost"]}}}
OPENING = [{"expect": {"type": "auth_required"}},
           {"send": {"type": "auth", "access_token": "good"}},
           {"expect": {"type": "auth_ok"}, "refuse": {"type": "auth_invalid"}}]


@pytest.fixture(scope="module")
def open_gateway():
    with Gateway(config=LOOPBACK) as started:
        yield started


@pytest.fixture(scope="module")
def client(open_gateway):
    return open_gateway.admin


@contextmanager
def peer(handler, **options):
    """The real websockets library as the server; the url of it."""
    with serve(handler, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def connection(client, url, **options):
    made = client.call("websocket_connect", url=url, **options)
    try:
        yield made["connection_id"]
    finally:
        client.reply("websocket_close", {"connection_id": made["connection_id"]})


def echo(ws):
    for message in ws:
        ws.send(message)


def answer(ws):
    for message in ws:
        asked = json.loads(message)
        ws.send(json.dumps({"id": asked["id"], "type": "result", "success": True, "result": asked}))


def eventually(condition, seconds: float = 20.0):
    """The first true value of condition(); the test fails when there is none in time."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.01)
    return value


def state(client, connection_id) -> dict:
    return client.call("websocket_status", connection_id=connection_id)["connections"][0]


# --- a server that behaves ---


def test_messages_of_every_kind_come_back(client):
    with peer(echo) as url, connection(client, url) as id:
        for sent, received in [({"message": {"a": [1, "ä"]}}, {"message": {"a": [1, "ä"]}}),
                               ({"message": "text"}, {"message": "text"}),
                               ({"text": "no JSON: €"}, {"text": "no JSON: €"}),
                               ({"binary": base64.b64encode(b"\0\xff").decode()}, {"binary": "AP8="})]:
            assert client.call("websocket_send", connection_id=id, **sent)["queued_bytes"] > 0
            assert client.call("websocket_receive", connection_id=id) == received
        assert client.error("websocket_receive", connection_id=id, timeout_ms=20).code == "deadline_exceeded"


def test_requests_find_their_answers(client):
    with peer(answer) as url, connection(client, url) as id:
        def ask(number):
            return client.call("websocket_request", connection_id=id, message={"n": number})["message"]["result"]["n"]

        with ThreadPoolExecutor(16) as pool:
            assert list(pool.map(ask, range(100))) == list(range(100))
        assert client.error("websocket_receive", connection_id=id, timeout_ms=0).code == "deadline_exceeded"
        refused = client.error("websocket_request", connection_id=id, message={"id": 3})
        assert (refused.code, refused.pointer) == ("invalid_argument", "/message/id")


@pytest.mark.parametrize("compression", [False, True])
def test_large_messages_with_and_without_compression(client, compression):
    seen = []

    def handler(ws):
        seen.append(ws.request.headers.get("Sec-WebSocket-Extensions", ""))
        answer(ws)

    with peer(handler, compression="deflate", max_size=None) as url, connection(client, url, compression=compression) as id:
        for size in (10, 126, 70_000, 900_000):
            text = "".join(chr(ord("a") + (i * i) % 23) for i in range(size))
            got = client.call("websocket_request", connection_id=id, message={"x": text})["message"]
            assert got["result"]["x"] == text
    assert ("permessage-deflate" in seen[0]) == compression


def test_headers_subprotocol_and_user(client):
    seen = queue.Queue()  # the handler begins when its handshake has been answered, perhaps after the client's

    def handler(ws):
        seen.put(ws.request)
        echo(ws)

    with peer(handler, subprotocols=["b"]) as url:
        made = client.call("websocket_connect", url=url.replace("ws://", "ws://user:pa%20ss@") + "/p?token=hidden",
                           headers={"X-One": "1"}, subprotocols=["a", "b"])
        assert made["subprotocol"] == "b"
        request = seen.get(timeout=10)
        assert request.headers["X-One"] == "1"
        assert base64.b64decode(request.headers["Authorization"].split()[1]) == b"user:pa ss"
        assert request.path == "/p?token=hidden"
        shown = state(client, made["connection_id"])
        assert shown["url"] == url + "/p"
        client.call("websocket_close", connection_id=made["connection_id"])


def test_the_opening_is_played_and_its_frames_are_kept(client):
    def handler(ws):
        ws.send('{"type":"auth_required","ha_version":"2026.11.0"}')
        token = json.loads(ws.recv())["access_token"]
        ws.send('{"type":"auth_ok"}' if token == "good" else '{"type":"auth_invalid","message":"wrong token"}')
        answer(ws)

    with peer(handler) as url:
        made = client.call("websocket_connect", url=url, opening=OPENING)
        assert made["opening"] == [{"type": "auth_required", "ha_version": "2026.11.0"}, {"type": "auth_ok"}]
        assert state(client, made["connection_id"])["opening"] == made["opening"]
        client.call("websocket_close", connection_id=made["connection_id"])
        bad = [OPENING[0], {"send": {"type": "auth", "access_token": "bad"}}, OPENING[2]]
        refused = client.error("websocket_connect", url=url, opening=bad)
        assert refused.code == "auth_failed" and "wrong token" in refused.message


def test_a_subscription_streams_and_says_goodbye(client):
    farewell = []

    def handler(ws):
        asked = json.loads(ws.recv())
        ws.send(json.dumps({"id": asked["id"], "type": "result"}))
        for n in range(3):
            ws.send(json.dumps({"id": asked["id"], "event": n}))
        farewell.append(json.loads(ws.recv()))
        answer(ws)

    with peer(handler) as url, connection(client, url) as id:
        with client.stream("websocket_subscribe", connection_id=id, message={"type": "subscribe_events"},
                           unsubscribe={"type": "unsubscribe_events", "subscription": "$id"}) as events:
            got = [next(events) for _ in range(4)]
            assert [event.event for event in got] == ["answer", "message", "message", "message"]
            assert [event.json().get("event") for event in got] == [None, 0, 1, 2]
        assert eventually(lambda: farewell) == [{"id": 2, "type": "unsubscribe_events", "subscription": 1}]
        assert eventually(lambda: state(client, id)["subscriptions"] == 0)


def test_close_carries_code_and_reason(client):
    closed = []

    def handler(ws):
        with pytest.raises(ConnectionClosed):
            ws.recv()
        closed.append((ws.close_code, ws.close_reason))

    with peer(handler) as url:
        made = client.call("websocket_connect", url=url)
        client.call("websocket_close", connection_id=made["connection_id"], code=4002, reason="enough")
        assert eventually(lambda: closed) == [(4002, "enough")]
        assert client.error("websocket_send", connection_id=made["connection_id"], text="x").code == "not_found"
        listed = client.call("websocket_list")["connections"]
        assert made["connection_id"] not in [one["id"] for one in listed]


def test_a_lost_connection_comes_back_with_its_subscriptions(client):
    def script(link: Link):
        while True:
            asked = json.loads(link.read_text())
            if asked["type"] != "never answered":
                link.text(json.dumps({"id": asked["id"], "ok": True}))

    with HostileServer(script) as server, connection(client, server.url(), reconnect_max_ms=100) as id:
        with client.stream("websocket_subscribe", connection_id=id, message={"type": "watch"}) as events:
            assert next(events).event == "answer"
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(client.error, "websocket_request", connection_id=id,
                                      message={"type": "never answered"})
                eventually(lambda: state(client, id)["in_flight"] == 1)
                server.break_all()
                assert waiting.result().code == "connection_lost"
            assert [next(events).event, next(events).event] == ["lost", "restored"]
        now = state(client, id)
        assert (now["state"], now["reconnects"]) == ("open", 1)
        assert client.call("websocket_request", connection_id=id, message={"type": "x"})["message"]["ok"]


def test_while_the_server_is_away_calls_end_at_once_and_the_breaker_opens(make_gateway):
    rules = {"circuit_breaker": {"rules": [{"pattern": "ws:*", "consecutive_failures": 2, "open_ms": 300}]}}
    gateway = make_gateway(config={**LOOPBACK, **rules})
    client = gateway.admin

    def script(link: Link):
        while True:
            link.text(json.dumps({"id": json.loads(link.read_text())["id"]}))

    server = HostileServer(script)
    made = client.call("websocket_connect", url=server.url(), reconnect_max_ms=100)
    id = made["connection_id"]
    server.close()

    def refused():
        begun = time.monotonic()
        error = client.error("websocket_request", connection_id=id, message={"type": "x"})
        assert time.monotonic() - begun < 5
        assert error.code in ("connection_lost", "circuit_open") and error.retryable
        return error.code == "circuit_open"

    assert eventually(refused)
    breakers = client.call("circuit_breaker_list")["breakers"]
    assert any(one["name"] == f"ws:127.0.0.1:{server.port}" and one["rejected"] > 0 for one in breakers)

    def serve_again(connection):
        link = Link(connection)
        link.shake_hands()
        script(link)

    with RawServer(serve_again, port=server.port):
        assert eventually(lambda: client.reply("websocket_request", {"connection_id": id, "message": {"type": "x"}}).status == 200)


def test_a_peer_that_falls_silent_is_noticed(client):
    with HostileServer(lambda link: threading.Event().wait(15)) as server:
        with connection(client, server.url(), reconnect=False, ping_interval_ms=100) as id:
            ended = eventually(lambda: (now := state(client, id))["state"] == "closed" and now)
            assert "did not answer a ping" in ended["last_error"]
        server.break_all()


def test_metrics_count_what_went_by(open_gateway, client):
    with peer(answer) as url, connection(client, url) as id:
        client.call("websocket_request", connection_id=id, message={"type": "x"})
        scraped = open_gateway.admin.get("/metrics").text
        assert 'patchbay_websocket_client_connections{state="open"}' in scraped
        assert 'patchbay_websocket_client_messages_total{direction="out"}' in scraped
        assert "patchbay_websocket_client_request_duration_seconds_count" in scraped
        assert id not in scraped
        stats = client.call("websocket_stats")
        assert stats["requests"] >= 1 and stats["messages_in"] >= 1 and stats["connections"] >= 1


# --- handshakes that fail ---


def respond(head: bytes):
    def script(link: Link):
        link.read_head()
        link.raw(head)
        link.read_until_gone()

    return script


@pytest.mark.parametrize("script, code", [
    (respond(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "upstream_failed"),
    (respond(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"), "upstream_failed"),
    (respond(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), "auth_failed"),
    (respond(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "connect_failed"),
    (respond(b"\x00\x01\x02 garbage\r\n\r\n"), "upstream_failed"),
    (respond(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"), "upstream_failed"),
    (respond(b"HTTP/1.1 101 X\r\nA: " + b"a" * 200_000), "upstream_failed"),
    (lambda link: None, "connect_failed"),
    (lambda link: link.read_until_gone(), "deadline_exceeded"),
], ids=["200", "302", "401", "503", "garbage", "no_accept", "endless_header", "closes", "silence"])
def test_a_handshake_that_fails_says_why(client, script, code):
    with HostileServer(script, handshake=False) as server:
        error = client.error("websocket_connect", url=server.url(), timeout_ms=500,
                             breaker=f"test-handshake-{server.port}")
        assert error.code == code, error.message


def test_what_is_asked_for_is_checked_first(client):
    for arguments, pointer in [({"url": "http://127.0.0.1/"}, "/url"), ({"url": "ws://127.0.0.1:99999/"}, "/url"),
                               ({"url": "ws://127.0.0.1/#x"}, "/url"),
                               ({"url": "ws://127.0.0.1/", "headers": {"Host": "x"}}, "/headers/Host"),
                               ({"url": "ws://127.0.0.1/", "headers": {"X": "a\r\nb"}}, "/headers/X"),
                               ({"url": "ws://127.0.0.1/", "opening": [{}]}, "/opening/0"),
                               ({"url": "ws://127.0.0.1/", "proxy": "ftp://x:1"}, "/proxy"),
                               ({"url": "ws://127.0.0.1/", "timeout_ms": 0}, "/timeout_ms")]:
        error = client.error("websocket_connect", **arguments)
        assert (error.code, error.pointer) == ("invalid_argument", pointer), error.message


def test_addresses_that_are_not_allowed_are_not_connected_to(make_gateway):
    client = make_gateway().admin
    with HostileServer(lambda link: link.read_until_gone(), handshake=False) as server:
        assert client.error("websocket_connect", url=server.url()).code == "forbidden"
        assert server.accepted == 0


# --- peers that break the protocol ---


def then_wait(*steps):
    def script(link: Link):
        for step in steps:
            step(link)
        link.read_until_gone()

    return script


def endless(step):
    def script(link: Link):
        while True:
            step(link)

    return script


def endless_message(link: Link):
    link.frame(0x1, b"x" * 60_000, final=False)
    while True:
        link.frame(0x0, b"x" * 60_000, final=False)


@pytest.mark.parametrize("script, part", [
    (then_wait(lambda link: link.frame(0x1, b"hello", mask=b"abcd")), "broke the protocol"),
    (then_wait(lambda link: link.raw(b"\xa1\x01x")), "broke the protocol"),
    (then_wait(lambda link: link.frame(0x3)), "broke the protocol"),
    (then_wait(lambda link: link.frame(0x1, b"\xff\xfe")), "broke the protocol"),
    (then_wait(lambda link: link.frame(0x0, b"x")), "broke the protocol"),
    (then_wait(lambda link: link.frame(0x9, b"x" * 126)), "broke the protocol"),
    (then_wait(lambda link: link.frame(0x8, b"\x03\xed")), "broke the protocol"),
    (then_wait(lambda link: link.raw(b"\x82\x7f\x7f" + b"\xff" * 7)), "more than 1000000 bytes"),
    (then_wait(lambda link: link.frame(0x1, b"x" * 1_000_001)), "more than 1000000 bytes"),
    (endless_message, "more than 1000000 bytes"),
    (lambda link: link.raw(b"\x81\x05ab"), "broke"),
    (endless(lambda link: link.raw(b"\x89\x01x" * 100)), "pings in a second"),
    (lambda link: link.frame(0x8, b"\x03\xe9moving"), "1001: moving"),
], ids=["masked", "reserved_bit", "opcode", "utf8", "continuation", "long_ping", "close_code", "huge_length", "too_large",
        "endless_message", "cut", "ping_flood", "going_away"])
def test_a_peer_that_breaks_the_rules_is_left(client, script, part):
    with HostileServer(script) as server:
        with connection(client, server.url(), reconnect=False, max_message=1_000_000) as id:
            ended = eventually(lambda: (now := state(client, id))["state"] == "closed" and now)
            assert part in ended["last_error"]
            assert client.error("websocket_request", connection_id=id, message={"type": "x"}).code == "connection_lost"


def test_a_deflate_bomb_is_not_inflated(open_gateway, client):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(b" " * 200_000_000) + packer.flush(zlib.Z_SYNC_FLUSH)

    def script(link: Link):
        head = link.read_head()
        assert b"permessage-deflate" in head
        key = next(line.split(b":", 1)[1].strip() for line in head.split(b"\r\n")
                   if line.lower().startswith(b"sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        link.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        link.frame(0x41, bomb[:-4])
        link.read_until_gone()

    with HostileServer(script, handshake=False) as server:
        with connection(client, server.url(), reconnect=False, compression=True, max_message=1_000_000) as id:
            ended = eventually(lambda: (now := state(client, id))["state"] == "closed" and now)
            assert "more than 1000000 bytes" in ended["last_error"]


def test_strange_answers_harm_nobody(client):
    def script(link: Link):
        link.text('{"id":900,"never":"asked for"}')
        link.text("{broken")
        asked = json.loads(link.read_text())
        link.text('{"id":%d,"deep":%s}' % (asked["id"], "[" * 5000 + "]" * 5000))
        asked = json.loads(link.read_text())
        link.text('[{"id":%d,"first":true},{"id":%d,"second":true},{"type":"news"}]' % (asked["id"], asked["id"]))
        link.read_until_gone()

    with HostileServer(script) as server, connection(client, server.url()) as id:
        assert client.call("websocket_receive", connection_id=id)["message"] == {"id": 900, "never": "asked for"}
        assert client.call("websocket_receive", connection_id=id) == {"text": "{broken"}
        refused = client.error("websocket_request", connection_id=id, message={"type": "x"})
        assert refused.code == "upstream_failed" and "64" in refused.message
        got = client.call("websocket_request", connection_id=id, message={"type": "x"})["message"]
        assert got["first"] is True
        assert client.call("websocket_receive", connection_id=id)["message"] == {"type": "news"}


def test_a_close_that_is_not_answered_ends_all_the_same(client):
    with HostileServer(lambda link: link.read_until_gone()) as server:
        made = client.call("websocket_connect", url=server.url())
        begun = time.monotonic()
        client.call("websocket_close", connection_id=made["connection_id"])
        assert time.monotonic() - begun < 5


# --- TLS and proxies ---


def greeting(connection):
    link = Link(connection)
    link.shake_hands()
    link.text('{"private":true}')
    link.read_until_gone()


def test_tls_is_verified(client, certificates, tmp_path):
    trusted = {"ca": str(certificates.ca)}

    def received(server, tls, host="127.0.0.1"):
        with connection(client, server.url(host=host), tls=tls) as id:
            return client.call("websocket_receive", connection_id=id)["message"]

    def refused(server, tls, host="127.0.0.1"):
        error = client.error("websocket_connect", url=server.url(host=host), tls=tls, breaker=f"tls-{server.port}")
        assert error.code == "tls_failed", error.message
        return error.message

    with RawServer(greeting, certificates.issue("127.0.0.1", "localhost")) as server:
        assert received(server, trusted) == {"private": True}
        assert received(server, trusted, "localhost") == {"private": True}
        assert received(server, {"ca": certificates.ca.read_text()}) == {"private": True}
        assert received(server, {"verify": False}) == {"private": True}
        assert "not trusted" in refused(server, {})
        assert "not for other.example" in refused(server, {**trusted, "server_name": "other.example"})
    with RawServer(greeting, certificates.issue("other.example")) as server:
        assert "not for 127.0.0.1" in refused(server, trusted)
        assert "not for localhost" in refused(server, trusted, "localhost")
        assert received(server, {**trusted, "server_name": "other.example"}) == {"private": True}
    with RawServer(greeting, certificates.issue("127.0.0.1", expired=True)) as server:
        assert "expired" in refused(server, trusted)
    own = Authority.self_signed(tmp_path, "127.0.0.1")
    with RawServer(greeting, own) as server:
        assert "self-signed" in refused(server, trusted)
        assert received(server, {"ca": str(own[0])}) == {"private": True}
    with HostileServer(lambda link: link.raw(b"this is not TLS\r\n\r\n"), handshake=False) as server:
        refused_error = client.error("websocket_connect", url=server.url().replace("ws://", "wss://"))
        assert refused_error.code == "tls_failed"


def test_a_proxy_is_gone_through(client, certificates):
    with RawServer(greeting, certificates.issue("127.0.0.1")) as server, Proxy() as proxy:
        with connection(client, server.url(), tls={"ca": str(certificates.ca)}, proxy=proxy.address("me:pa%20ss")) as id:
            assert client.call("websocket_receive", connection_id=id)["message"] == {"private": True}
        head = proxy.asked[0].decode()
        assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n")
        assert "Proxy-Authorization: Basic " + base64.b64encode(b"me:pa ss").decode() in head


@pytest.mark.parametrize("answer_of_proxy, code", [
    (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "auth_failed"),
    (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "connect_failed"),
    (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "connect_failed"),
], ids=["407", "502", "no_http"])
def test_a_proxy_that_refuses_says_why(client, answer_of_proxy, code):
    with Proxy(refuse=answer_of_proxy) as proxy:
        error = client.error("websocket_connect", url="ws://127.0.0.1:9/", proxy=proxy.address(),
                             breaker=f"proxy-{proxy.port}")
        assert error.code == code, error.message
