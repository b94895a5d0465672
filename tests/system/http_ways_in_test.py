"""The ways into the real program that must be shut, and who its own configuration lets in."""
import json
import socket

import pytest

BODY = b'{"level":"debug"}'


def raw(gateway, request: bytes) -> tuple[int, dict, bytes]:
    """One request as it stands, on a connection of its own; (status, fields, body)."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            piece = connection.recv(65536)
            if not piece:
                break
            answer += piece
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        while len(body) < int(fields.get("content-length", 0)):
            body += connection.recv(65536)
        return int(lines[0].split()[1]), fields, body


def post(path: str, *fields: str, body: bytes = b"{}", host: str = "localhost") -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


JSON = "Content-Type: application/json"


@pytest.mark.parametrize(("name", "request_bytes", "status", "says"), [
    ("an ordinary call", post("/system_health", JSON), 200, ""),
    ("a foreign page's simple post", post("/system_health", "Origin: http://evil.example", "Content-Type: text/plain"), 403, "security.origins"),
    ("a foreign page's form", post("/system_health", "Origin: http://evil.example", "Content-Type: application/x-www-form-urlencoded", body=b"a=b"), 403, "security.origins"),
    ("a form without an origin", post("/system_health", "Content-Type: application/x-www-form-urlencoded", body=b"a=b"), 415, "application/json"),
    ("a text post without an origin", post("/system_health", "Content-Type: text/plain"), 415, "application/json"),
    ("a sandboxed frame", post("/system_health", "Origin: null", JSON), 403, "security.origins"),
    ("a fetch without an origin", post("/system_health", "Sec-Fetch-Site: cross-site", JSON), 403, "security.origins"),
    ("a rebound name", post("/system_health", JSON, host="evil.example"), 421, "server.hosts"),
    ("a rebound name with its origin", post("/system_health", "Origin: http://evil.example", JSON, host="evil.example"), 421, "server.hosts"),
    ("two hosts", post("/system_health", "Host: localhost", JSON), 400, "twice"),
    ("two ways to frame a body", post("/system_health", "Transfer-Encoding: chunked", JSON), 400, ""),
    ("a chunk extension", b"POST /system_health HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\n{}\r\n0\r\n\r\n", 400, "extensions"),
    ("the listed page", post("/system_health", "Origin: http://app.example:3000", JSON), 200, ""),
    ("the page of the gateway itself", post("/system_health", "Origin: http://localhost", JSON), 200, ""),
])
def test_way_in(origins_gateway, name, request_bytes, status, says):
    answered, fields, body = raw(origins_gateway, request_bytes)
    assert answered == status, body
    reply = json.loads(body)
    assert reply["status"] == ("success" if status == 200 else "error")
    if status != 200:
        assert says in reply["error"]["message"]
        assert "access-control-allow-origin" not in fields


@pytest.fixture(scope="module")
def origins_gateway():
    from support.gateway import Gateway
    with Gateway(config={"security": {"origins": ["http://app.example:3000"]}}) as started:
        yield started


def test_cors_is_answered_for_listed_origins_only(origins_gateway):
    def preflight(origin):
        return raw(origins_gateway, (f"OPTIONS /system_health HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n"
                                     "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n"
                                     "Access-Control-Request-Private-Network: true\r\n\r\n").encode())

    status, fields, _ = preflight("http://app.example:3000")
    assert status == 204
    assert fields["access-control-allow-origin"] == "http://app.example:3000"
    assert "Authorization" in fields["access-control-allow-headers"]
    assert "POST" in fields["access-control-allow-methods"]
    assert fields["access-control-allow-private-network"] == "true"
    for origin in ("http://evil.example", "https://app.example:3000", "http://app.example:3001", "null"):
        status, fields, _ = preflight(origin)
        assert status == 403
        assert not any(name.startswith("access-control") for name in fields)


def test_no_operation_runs_for_a_foreign_page(gateway):
    before = gateway.admin.call("logging_get_levels")
    for fields in (["Origin: http://evil.example", JSON], ["Sec-Fetch-Site: cross-site", JSON], ["Content-Type: text/plain"]):
        token = f"Authorization: Bearer {gateway.admin_token}"
        status, _, _ = raw(gateway, post("/logging_set_level", token, *fields, body=BODY))
        assert status in (403, 415)
    assert gateway.admin.call("logging_get_levels") == before


def test_a_token_in_the_address_is_no_token(gateway):
    status, _, _ = raw(gateway, post(f"/logging_get_levels?token={gateway.admin_token}", JSON))
    assert status in (400, 401)
    status, _, _ = raw(gateway, post("/logging_get_levels", JSON, f"Authorization: Bearer {gateway.admin_token}"))
    assert status == 200


def test_an_unknown_tool_names_the_three_nearest(gateway):
    reply = gateway.reply("system_helth")
    assert reply.status == 404
    assert "system_health" in reply.error["message"]
    assert reply.error["message"].split("the nearest are ")[1].count(", ") == 2
