"""HTTP_CLIENT through the running gateway, against servers that behave, misbehave and lie."""
import base64
import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import pytest

from support.gateway import Gateway
from support.tls import Authority

LOOPBACK = {"security": {"outgoing": {"allow": ["127.0.0.0/8"]}}}


class Upstream:
    """A server whose every connection runs `script(connection, first_request)` on a thread of its own."""

    def __init__(self, script, certificate=None, port: int = 0):
        self._script = script
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*certificate)
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.requests: list[bytes] = []
        self.connections = 0
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._context else 'http'}://{host}:{self.port}{path}"

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        connection.settimeout(30)
        self._open.add(connection)
        try:
            if self._context:
                self._open.discard(connection)
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.add(connection)
            while request := read_request(connection):
                self.requests.append(request)
                if self._script(connection, request) is False:
                    return
        except OSError:
            pass  # the client has hung up, which is its right
        finally:
            self._open.discard(connection)
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._hang_up(self._socket)
        self._threads[0].join()
        for connection in list(self._open):
            self._hang_up(connection)
        for thread in self._threads[1:]:
            thread.join()
        self._socket.close()

    @staticmethod
    def _hang_up(connection):
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def read_request(connection) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(status: int, body: bytes = b"", **headers: str) -> bytes:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Words\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body


def always(answer: bytes, close: bool = False):
    def script(connection, _):
        connection.sendall(answer)
        return not close

    return script


@pytest.fixture(scope="module")
def open_gateway():
    with Gateway(config=LOOPBACK) as started:
        yield started


@pytest.fixture(scope="module")
def client(open_gateway):
    return open_gateway.admin


def test_an_answer_comes_whole(client):
    with Upstream(always(reply(200, '{"a": [1, "ä"]}'.encode(), Content_Type="application/json", X_Name="value"))) as upstream:
        answer = client.call("http_client_get", url=upstream.url("/path?x=1"), headers={"X-Asked": "yes"})
    assert answer["status"] == 200
    assert answer["json"] == {"a": [1, "ä"]}
    assert json.loads(answer["body"]) == answer["json"]
    assert answer["headers"]["x-name"] == "value"
    assert answer["duration_ms"] >= 0
    head = upstream.requests[0].decode()
    assert head.startswith("GET /path?x=1 HTTP/1.1\r\n") and "\r\nX-Asked: yes\r\n" in head


def test_every_method_sends_what_it_should(client):
    with Upstream(always(reply(200))) as upstream:
        client.call("http_client_post", url=upstream.url(), body={"b": 1})
        client.call("http_client_put", url=upstream.url(), body="text ä")
        client.call("http_client_delete", url=upstream.url())
        client.call("http_client_request", method="OPTIONS", url=upstream.url())
    assert [request.split(b" ")[0] for request in upstream.requests] == [b"POST", b"PUT", b"DELETE", b"OPTIONS"]
    assert upstream.requests[0].endswith(b'\r\n\r\n{"b":1}') and b"application/json" in upstream.requests[0]
    assert upstream.requests[1].endswith("\r\n\r\ntext ä".encode()) and b"text/plain" in upstream.requests[1]
    assert upstream.connections == 1


def test_bytes_that_are_no_text_come_as_base64(client):
    with Upstream(always(reply(200, bytes(range(256))))) as upstream:
        answer = client.call("http_client_get", url=upstream.url())
    assert "body" not in answer
    assert base64.b64decode(answer["body_base64"]) == bytes(range(256))


def test_remote_callers_go_only_where_the_configuration_allows(gateway):
    with Upstream(always(reply(200))) as upstream:
        for spelling in (upstream.url(), f"http://localhost:{upstream.port}/", f"http://2130706433:{upstream.port}/",
                         f"http://0x7f.1:{upstream.port}/", f"http://[::ffff:127.0.0.1]:{upstream.port}/",
                         "http://169.254.169.254/latest/meta-data/"):
            assert gateway.admin.reply("http_client_get", {"url": spelling}).status in (400, 403), spelling
        assert upstream.connections == 0
    assert gateway.admin.error("http_client_get", url="http://127.0.0.1:9/").code == "forbidden"


def test_a_redirect_cannot_lead_past_the_policy(client):
    with Upstream(always(reply(302, Location="http://169.254.169.254/latest/"))) as upstream:
        assert client.call("http_client_get", url=upstream.url())["status"] == 302
        assert client.error("http_client_get", url=upstream.url(), follow_redirects=3).code == "forbidden"


@pytest.mark.parametrize("arguments, pointer", [
    ({"headers": {"X": "a\r\nHost: evil"}}, "/headers/X"),
    ({"headers": {"Host": "evil"}}, "/headers/Host"),
    ({"headers": {"content-length": "5"}}, "/headers/content-length"),
    ({"headers": {"Transfer-Encoding": "chunked"}}, "/headers/Transfer-Encoding"),
    ({"url": "http://127.0.0.1/\r\nX: y"}, "/url"),
    ({"url": "http://user:word@127.0.0.1/"}, "/url"),
    ({"url": "file:///etc/passwd"}, "/url"),
    ({"body": {}}, "/body"),
    ({"timeout_ms": 0}, "/timeout_ms"),
    ({"unknown": 1}, "/unknown"),
])
def test_what_would_forge_a_request_is_refused(client, arguments, pointer):
    error = client.error("http_client_get", **{"url": "http://127.0.0.1:9/", **arguments})
    assert (error.code, error.pointer) == ("invalid_argument", pointer)


HEAD = b"HTTP/1.1 200 OK\r\n"


def endless(start: bytes, piece: bytes):
    def script(connection, _):
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return script


@pytest.mark.parametrize("script, codes", [
    pytest.param(always(b"\x00\x01\x02 no http at all\r\n\r\n", close=True), {"upstream_failed"}, id="garbage"),
    pytest.param(always(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", close=True), {"upstream_failed"}, id="two lengths"),
    pytest.param(always(HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", close=True), {"upstream_failed"}, id="smuggling"),
    pytest.param(always(HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", close=True), {"upstream_failed"}, id="chunk overflow"),
    pytest.param(endless(HEAD, b"X-Filler: " + b"x" * 4000 + b"\r\n"), {"too_large"}, id="endless header"),
    pytest.param(endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", b"x" * 65536), {"upstream_failed"}, id="endless chunk extension"),
    pytest.param(endless(HEAD + b"\r\n", b"x" * 65536), {"too_large"}, id="endless body"),
    pytest.param(endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), {"upstream_failed"}, id="endless interim answers"),
    pytest.param(always(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + b"\x1f\x8b" + b"\0" * 18), {"upstream_failed"}, id="bomb"),
    pytest.param(always(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"), {"upstream_failed"}, id="switch"),
    pytest.param(always(HEAD + b"Content-Length: 100\r\n\r\nhalf", close=True), {"connection_lost"}, id="half an answer"),
    pytest.param(always(b"", close=True), {"connection_lost"}, id="nothing"),
    pytest.param(lambda connection, _: connection.recv(1), {"deadline_exceeded"}, id="silence"),
    pytest.param(always(HEAD + b"Content-Length: 100\r\n\r\nhalf"), {"deadline_exceeded"}, id="a pause without end"),
])
def test_hostile_servers_end_in_a_clear_error(make_gateway, script, codes):
    gateway = make_gateway(config=LOOPBACK)
    with Upstream(script) as upstream:
        begun = time.monotonic()
        error = gateway.admin.error("http_client_get", url=upstream.url(), timeout_ms=1000, attempts=1, max_body=1_000_000)
        assert time.monotonic() - begun < 5
    assert error.code in codes, error.message
    assert gateway.admin.call("system_info")["name"]


def test_retries_follow_the_server(client):
    answers = iter([reply(503, Retry_After="0"), reply(429, Retry_After="0"), reply(200, b"at last")])
    with Upstream(lambda connection, _: connection.sendall(next(answers))) as upstream:
        assert client.call("http_client_get", url=upstream.url())["body"] == "at last"
        assert len(upstream.requests) == 3
    with Upstream(always(reply(503, Retry_After="0"))) as upstream:
        assert client.call("http_client_post", url=upstream.url())["status"] == 503
        assert len(upstream.requests) == 1


def test_connections_are_kept_and_counted(make_gateway):
    admin = make_gateway(config=LOOPBACK).admin
    with Upstream(always(reply(200))) as upstream:
        for _ in range(20):
            admin.call("http_client_get", url=upstream.url())
        stats = admin.call("http_client_stats")
        # One connection for each shard that the calls came in on; the caller keeps one connection itself.
        assert stats["connections_opened"] == upstream.connections == 1
        assert (stats["requests"], stats["connections_reused"], stats["in_flight"]) == (20, 19, 0)


def test_the_breaker_opens_and_finds_the_server_again(make_gateway):
    gateway = make_gateway(config=LOOPBACK)
    admin = gateway.admin
    with Upstream(always(reply(200))) as upstream:
        port = upstream.port
        admin.call("http_client_get", url=upstream.url())
    url = f"http://127.0.0.1:{port}/"
    codes = [admin.error("http_client_post", url=url).code for _ in range(8)]
    assert codes[0] in ("connect_failed", "connection_lost") and codes[-1] == "circuit_open", codes
    refused = admin.error("http_client_post", url=url)
    assert refused.retryable and 0 < refused.reply.error["retry_after_ms"] <= 4000
    metrics = admin.get("/metrics").text
    assert 'patchbay_circuit_breaker_state{rule="http:*",state="open"} 1' in metrics
    with Upstream(always(reply(200, b"back")), port=port) as upstream:
        # The breaker says when to come back: that is what a caller waits.
        time.sleep(refused.reply.error["retry_after_ms"] / 1000 + 0.05)
        assert admin.call("http_client_get", url=upstream.url())["body"] == "back"


@contextmanager
def tls_upstream(certificate):
    with Upstream(always(reply(200, b"private")), certificate) as upstream:
        yield upstream


def test_tls_is_verified(client, certificates, tmp_path):
    ca = {"ca": certificates.ca.read_text()}
    with tls_upstream(certificates.issue("127.0.0.1", "localhost")) as upstream:
        assert client.call("http_client_get", url=upstream.url(), tls=ca)["body"] == "private"
        assert client.call("http_client_get", url=upstream.url(), tls={"verify": False})["body"] == "private"
        assert client.error("http_client_get", url=upstream.url()).code == "tls_failed"
    with tls_upstream(certificates.issue("other.example")) as upstream:
        assert client.error("http_client_get", url=upstream.url(), tls=ca).code == "tls_failed"
    with tls_upstream(certificates.issue("127.0.0.1", expired=True)) as upstream:
        assert client.error("http_client_get", url=upstream.url(), tls=ca).code == "tls_failed"
    own = Authority.self_signed(tmp_path, "127.0.0.1")
    with tls_upstream(own) as upstream:
        assert client.error("http_client_get", url=upstream.url(), tls=ca).code == "tls_failed"
        assert client.call("http_client_get", url=upstream.url(), tls={"ca": own[0].read_text()})["body"] == "private"


def test_no_secret_reaches_the_log(make_gateway):
    gateway = make_gateway(config={**LOOPBACK, "logging": {"level": "debug"}})
    with Upstream(always(reply(503, Retry_After="0"))) as upstream:
        gateway.admin.call("http_client_get", url=upstream.url("/?token=s3cret-in-query"),
                           headers={"Authorization": "Bearer s3cret-in-header"})
    gateway.admin.error("http_client_get", url="http://user:s3cret-in-url@127.0.0.1/")
    gateway.stop()
    assert "s3cret" not in gateway.stderr


def test_many_at_once_share_ten_connections(open_gateway, client):
    with Upstream(always(reply(200, b"x" * 1000))) as upstream:
        failures = []

        def work():
            caller = open_gateway.caller(open_gateway.admin_token)
            for _ in range(20):
                answer = caller.reply("http_client_get", {"url": upstream.url()})
                if answer.status != 200:
                    failures.append(answer.body)

        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        shards = client.call("system_info")["shards"]
        assert len(upstream.requests) == 400 and upstream.connections <= 10 * shards
