"""Every built-in operation once with the right arguments, over HTTP; gateway.py holds each answer against its schema."""
import asyncio
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import websockets


@pytest.fixture(scope="module")
def admin(gateway):
    return gateway.admin


def test_logging(gateway, admin):
    assert admin.call("logging_log", message="from a test", logger="test", fields={"room": "kitchen"}) == {"written": True}
    assert admin.call("logging_log", message="hidden", level="debug") == {"written": False}
    admin.call("logging_operation_start", name="work")
    admin.call("logging_operation_success", name="work", duration_ms=1.5)
    admin.call("logging_operation_failure", name="work", error={"code": "unavailable", "message": "disk full"})
    assert admin.call("logging_set_level", logger="test.deep", level="debug", expires_ms=60_000) == {"previous": "info"}
    assert admin.call("logging_get_levels")["test.deep"] == "debug"
    assert admin.error("logging_set_level", logger="audit", level="off").code == "forbidden"
    errors = admin.call("logging_recent_errors")["errors"]
    assert errors[0]["message"] == "operation failed" and errors[0]["code"] == "unavailable"
    admin.call("logging_flush")
    assert "test: from a test room=kitchen" in gateway.stderr
    assert gateway.call("logging_stats")["lines"]["info"] > 0


def test_a_secret_never_reaches_the_log(gateway, admin):
    admin.call("logging_log", message="Authorization: Bearer abcdefghijk", fields={"password": "hunter2222", "note": f"x {admin.token} y"})
    admin.call("logging_flush")
    for secret in ("abcdefghijk", "hunter2222", admin.token):
        assert secret not in gateway.stderr


def test_security(gateway, admin):
    who = admin.call("security_authenticate", token=admin.token)
    assert who["scopes"] == ["admin"]
    assert admin.error("security_authenticate", token="wrong-token").code == "unauthenticated"
    assert admin.call("security_authorize", principal="anonymous", interface="SYSTEM", operation="info")["allowed"] is True
    assert admin.call("security_check_origin", origin="http://evil.example", host="127.0.0.1:1") == {"allowed": False}
    assert admin.error("security_check_url", url="http://127.0.0.1:1/").code == "forbidden"
    assert admin.call("security_sanitize", data={"password": "x", "a": 1})["data"] == {"password": "***", "a": 1}
    assert "\n" not in admin.call("security_sanitize_for_log", data="a\nb")["data"]
    verdict = admin.call("security_validate", value={"a": 1}, schema={"type": "object", "properties": {"a": {"type": "string"}}})
    assert verdict["valid"] is False and verdict["problems"][0]["pointer"] == "/a"
    digest = admin.call("security_hash", data="hello")["hash"]
    assert digest == hashlib.sha256(b"hello").hexdigest()
    assert admin.call("security_verify_hash", data="hello", hash=digest) == {"match": True}
    assert len(admin.call("security_generate_correlation_id")["id"]) >= 16
    assert admin.call("security_generate_token")["id"] != admin.call("security_generate_token")["id"]
    assert gateway.call("security_stats")


def test_metrics(gateway, admin):
    admin.call("metrics_declare", name="test_orders_total", type="counter", help="Orders", labels=["shop"])
    admin.call("metrics_increment", name="test_orders_total", value=2, labels={"shop": "north"})
    admin.call("metrics_set_gauge", name="test_level", value=4)
    admin.call("metrics_add_gauge", name="test_level", value=-1)
    admin.call("metrics_observe", name="test_seconds", value=0.2, buckets=[0.1, 1])
    admin.call("metrics_record_operation", operation="import", duration_ms=12)
    admin.call("metrics_record_api", api="shop", endpoint="/orders", status=200, duration_ms=3)
    assert gateway.call("metrics_get", name="test_level")["value"] == 3
    assert gateway.call("metrics_get", name="test_orders_total", labels={"shop": "north"})["value"] == 2
    assert gateway.call("metrics_performance_report")["operations"]
    assert "test_orders_total" in gateway.call("metrics_scrape")["body"]
    assert gateway.call("metrics_stats")
    assert admin.error("metrics_increment", name="patchbay_mine").code == "invalid_argument"


def test_config(gateway, admin):
    assert admin.call("config_get", key="logging.level") == {"value": "info", "source": "default"}
    assert admin.call("config_set", key="logging.level", value="debug")["previous"] == "info"
    assert admin.call("config_get", key="logging.level")["source"] == "override"
    assert admin.call("logging_get_levels")["*"] == "debug", "a live key takes effect at once"
    admin.call("config_set", key="logging.level", value="info")
    assert admin.call("config_get_category", prefix="logging")
    assert admin.error("config_set", key="logging.level", value="loud").code == "invalid_argument"
    (gateway.folder / "more.yaml").write_text("security: {origins: ['http://localhost:3000']}\n")
    assert admin.call("config_load_file", path="more.yaml")["count"] == 1
    assert admin.call("security_check_origin", origin="http://localhost:3000", host="127.0.0.1:1") == {"allowed": True}
    assert admin.error("config_load_file", path="../../etc/passwd").code == "forbidden"
    assert admin.call("config_load_environment")["count"] == 0
    assert admin.call("config_validate", config={"loging": {}})["valid"] is False
    assert "changed" in admin.call("config_switch_preset", name="standard")
    assert "changed" in admin.call("config_reload")
    assert gateway.call("config_stats")


def test_circuit_breaker(gateway, admin):
    admin.call("circuit_breaker_configure", name="payments", consecutive_failures=2)
    for _ in range(2):
        permit = admin.call("circuit_breaker_acquire", name="payments")["permit"]
        admin.call("circuit_breaker_record", permit=permit, success=False)
    refused = admin.error("circuit_breaker_acquire", name="payments")
    assert (refused.code, refused.status) == ("circuit_open", 503) and refused.reply.error["retry_after_ms"] > 0
    assert admin.call("circuit_breaker_get", name="payments")["state"] == "open"
    assert [b["name"] for b in admin.call("circuit_breaker_list", state="open")["breakers"]] == ["payments"]
    admin.call("circuit_breaker_force", name="payments", state="disabled")
    assert admin.call("circuit_breaker_reset", name="payments") == {"count": 1}
    assert admin.call("circuit_breaker_call", name="self", interface="SYSTEM", operation="info", args={})["name"] == "patchbay"
    assert admin.call("circuit_breaker_reset_all")["count"] >= 2
    assert gateway.call("circuit_breaker_stats")


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self):
        length = int(self.headers.get("content-length") or 0)
        body = json.dumps({"method": self.command, "body": self.rfile.read(length).decode()}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def open_gateway(http_port, websocket_port):
    """A gateway whose remote callers may reach the two servers of this test."""
    from support.gateway import Gateway
    with Gateway(config={"security": {"outgoing": {"allow": [f"127.0.0.1:{http_port}", f"127.0.0.1:{websocket_port}"]}}}) as started:
        yield started


@pytest.fixture(scope="module")
def http_port():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture(scope="module")
def websocket_port():
    """Answers requests by id, then says `tick` twice to those who ask for it."""
    loop = asyncio.new_event_loop()
    ready: list[int] = []
    started = threading.Event()

    async def serve(socket):
        async for text in socket:
            message = json.loads(text)
            if "id" in message:
                await socket.send(json.dumps({"id": message["id"], "got": message}))
            if message.get("type") == "ticks":
                for number in range(2):
                    await socket.send(json.dumps({"id": message["id"], "tick": number}))
            if message.get("type") == "say":
                await socket.send(json.dumps({"said": message["text"]}))

    async def main():
        server = await websockets.serve(serve, "127.0.0.1", 0)
        ready.append(server.sockets[0].getsockname()[1])
        started.set()
        await asyncio.get_running_loop().create_future()

    task = threading.Thread(target=lambda: loop.run_until_complete(main()), daemon=True)
    task.start()
    assert started.wait(10)
    yield ready[0]


def test_http_client(open_gateway, http_port):
    admin = open_gateway.admin
    url = f"http://127.0.0.1:{http_port}/x"
    assert admin.call("security_check_url", url=url)["addresses"] == ["127.0.0.1"]
    assert admin.call("http_client_request", method="GET", url=url)["json"]["method"] == "GET"
    assert admin.call("http_client_get", url=url)["status"] == 200
    assert admin.call("http_client_post", url=url, body={"a": 1})["json"]["body"] == '{"a":1}'
    assert admin.call("http_client_put", url=url, body="text")["json"]["body"] == "text"
    assert admin.call("http_client_delete", url=url)["json"]["method"] == "DELETE"
    assert admin.error("http_client_get", url="http://127.0.0.1:1/").code == "forbidden"
    assert open_gateway.call("http_client_stats")


def test_websocket(open_gateway, websocket_port):
    admin = open_gateway.admin
    made = admin.call("websocket_connect", url=f"ws://127.0.0.1:{websocket_port}/")["connection_id"]
    answer = admin.call("websocket_request", connection_id=made, message={"type": "hello"})["message"]
    assert answer["got"]["type"] == "hello"
    admin.call("websocket_send", connection_id=made, message={"type": "say", "text": "x"})
    assert admin.call("websocket_receive", connection_id=made)["message"] == {"said": "x"}
    with admin.stream("websocket_subscribe", connection_id=made, message={"type": "ticks"}) as events:
        seen = [next(events).json() for _ in range(3)]
    assert [event.get("tick") for event in seen[1:]] == [0, 1]
    assert [c["id"] for c in admin.call("websocket_list")["connections"]] == [made]
    assert admin.call("websocket_status", connection_id=made)["connections"][0]["state"] == "open"
    assert open_gateway.call("websocket_stats")["connections"] >= 1
    admin.call("websocket_close", connection_id=made)
    assert admin.error("websocket_request", connection_id=made, message={"type": "x"}).code == "not_found"


def test_system(gateway, admin):
    assert gateway.call("system_live") == {"status": "ok"}
    health = gateway.call("system_health")
    assert health["endpoints"] == gateway.call("system_info")["endpoints"] == gateway.call("system_operations")["count"]
    assert {part["name"] for part in health["parts"]} >= {"LOGGING", "WEBSOCKET", "ECHO"}
    assert gateway.call("system_operations", tool="system_info")["operations"][0]["arguments"]["type"] == "object"
    assert gateway.error("system_operations", interface="SISTEM").code == "not_found"
    assert gateway.call("system_describe", format="markdown")["body"].startswith("#")
    assert admin.call("system_trace_recent")["traces"] is not None
    assert gateway.call("system_stats")["calls"] > 0
    with admin.stream("system_logs", limit=1) as events:
        admin.call("logging_log", message="for the reader of the log")
        assert next(events).json()["message"]


def test_health_routes(gateway):
    assert gateway.get("/health/live").json() == {"status": "ok"}
    ready = gateway.get("/health/ready")
    assert ready.status_code == 200 and ready.json()["ready"] is True
    assert gateway.get("/health").json()["version"] == gateway.call("system_info")["version"]


def test_plugins(gateway, admin):
    names = [plugin["name"] for plugin in admin.call("plugins_list")["plugins"]]
    assert "echo" in names
    plugin = admin.call("plugins_info", name="echo")["plugin"]
    assert plugin["prefix"] == "echo"
    file = plugin["file"]
    assert admin.call("plugins_replace", file=file)
    assert gateway.call("echo_say", text="still there") == {"text": "still there"}
    admin.call("plugins_unload", name="echo")
    assert gateway.error("echo_say", text="x").code == "not_found"
    admin.call("plugins_load", file=file)
    assert gateway.call("echo_say_later", text="back") == {"text": "back"}
    assert admin.call("plugins_reload_all")
    assert gateway.call("plugins_stats")
    with gateway.stream("echo_count", count=2) as events:
        assert [next(events).event for _ in range(3)][-1] == "end"


def test_shutdown(make_gateway):
    gateway = make_gateway()
    assert gateway.admin.call("system_info")["name"] == "patchbay"
    assert gateway.admin.call("system_shutdown") == {"stopping": True}
    assert gateway.wait(10) == 0
