"""The hub's HTTP side (hub_protocol, section 4): bare answers, exactly these fields; /events with Last-Event-ID."""
import hashlib
import json
import urllib.request

import httpx
import pytest
from support.gateway import server_sent_events
from websockets.sync.client import connect


def subscribed(gateway, *channels, path="/ws/connect"):
    ws = connect(gateway.url.replace("http", "ws") + path, proxy=None)
    ws.welcome = json.loads(ws.recv(timeout=10))
    for channel in channels:
        ws.send(json.dumps({"type": "subscribe", "channel": channel}))
        assert json.loads(ws.recv(timeout=10))["type"] == "subscribed"
    return ws


def post(gateway, path, body):
    response = gateway.http.post(path, json=body)
    return response.status_code, response.json()


def test_broadcast_to_a_channel(gateway):
    with subscribed(gateway, "missions") as ws:
        body = {"channel": "missions", "message": {"mission_id": "7"}, "type": "mission_update"}
        assert post(gateway, "/api/ws/broadcast", body) == (200, {"status": "broadcasted", "channel": "missions", "subscribers": 1})
        event = json.loads(ws.recv(timeout=10))
        assert (event["type"], event["data"]) == ("mission_update", {"mission_id": "7"})
        status, answer = post(gateway, "/api/ws/broadcast", {**body, "receipt": True, "idempotency_key": "once"})
        assert status == 200 and set(answer) == {"status", "channel", "subscribers", "message_id"}
        again = post(gateway, "/api/ws/broadcast", {**body, "receipt": True, "idempotency_key": "once"})[1]
        assert again == answer
        assert json.loads(ws.recv(timeout=10))["message_id"] == answer["message_id"]
    status, answer = post(gateway, "/api/ws/broadcast", {"channel": "system", "message": 1})
    assert status == 403 and answer["status"] == "error" and answer["error"]["code"] == "forbidden"


def test_broadcast_to_all(gateway):
    with subscribed(gateway, path="/ws/notifications/anna") as ws:
        message = {"type": "system_announcement", "data": {"message": "Back at noon"}}
        assert post(gateway, "/api/ws/broadcast/all", message) == (200, {"status": "broadcasted", "connections": 1})
        got = json.loads(ws.recv(timeout=10))
        assert got["message"] == "Back at noon" and got["data"] == {"message": "Back at noon"}


def test_stats_channel_and_info(gateway):
    with subscribed(gateway, "missions", "tasks") as one, subscribed(gateway, "missions") as two:
        stats = gateway.get("/api/ws/stats").json()
        assert stats == {"total_connections": 2, "total_users": 0, "total_channels": 2, "channels": {"missions": 2, "tasks": 1}}
        channel = gateway.get("/api/ws/channels/missions").json()
        assert channel == {"channel": "missions", "subscribers": 2,
                           "connection_ids": sorted([one.welcome["connection_id"], two.welcome["connection_id"]])}
        page = gateway.get("/api/ws/channels/missions?limit=1").json()
        rest = gateway.get(f"/api/ws/channels/missions?limit=1&cursor={page['next']}").json()
        assert page["connection_ids"] + rest["connection_ids"] == channel["connection_ids"] and "next" not in rest
    info = gateway.get("/api/ws/info").json()
    assert set(info) == {"id", "name", "version", "capabilities", "relationships", "dialects", "channels", "limits", "heartbeat_interval"}
    assert info["channels"] == ["missions", "agents", "system", "tasks", "audit", "metrics"] and info["heartbeat_interval"] == 30
    assert '"heartbeat_interval":30}' in gateway.get("/api/ws/info").text  # a whole number, as documented
    assert {"path": "/ws/connect", "name": "channel"} in info["dialects"]


def test_execute_plugin(gateway):
    call = lambda **body: post(gateway, "/api/execute/plugin", body)  # noqa: E731
    assert call(plugin="echo", operation="say", data={"text": "hello"}, user_id="user_123") == (200, {"success": True, "data": {"text": "hello"}})
    status, answer = call(plugin="echo", operation="say", data={"text": 5})
    assert status == 400 and answer["success"] is False and answer["error"]["code"] == "invalid_argument"
    assert call(plugin="nobody", operation="say")[0] == 404
    assert call(plugin="echo", operation="nothing")[0] == 404
    assert call(plugin="gateway", operation="system_shutdown")[0] == 404


def test_execute_plugin_for_another_user_needs_the_scope(make_gateway):
    tokens = [{"id": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "user_id": "u-" + name, "scopes": scopes}
              for name, scopes in (("plain", ["echo.say"]), ("proxy", ["echo.say", "hub.impersonate"]))]
    gateway = make_gateway(config={"security": {"tokens": tokens}})
    body = {"plugin": "echo", "operation": "say", "data": {"text": "x"}}
    plain, proxy = gateway.caller("plain"), gateway.caller("proxy")
    assert post(plain, "/api/execute/plugin", {**body, "user_id": "u-plain"})[0] == 200
    status, answer = post(plain, "/api/execute/plugin", {**body, "user_id": "other"})
    assert status == 403 and answer["error"]["code"] == "forbidden"
    assert post(proxy, "/api/execute/plugin", {**body, "user_id": "other"})[0] == 200
    assert httpx.post(gateway.url + "/api/execute/plugin", json=body).status_code == 401


def events_of(gateway, path, headers=None):
    return gateway.http.stream("GET", path, headers={"accept": "text/event-stream", **(headers or {})})


def test_events_with_last_event_id(make_gateway):
    gateway = make_gateway(config={"hub": {"namespaces": [{"pattern": "kept.*", "history": {"size": 10, "ttl_s": 600}}]}})
    with events_of(gateway, "/events/kept.a") as response:
        assert response.status_code == 200 and response.headers["content-type"].startswith("text/event-stream")
        events = server_sent_events(response.iter_lines())
        assert next(events).event == "subscribed"
        for n in range(3):
            gateway.call("hub_publish", channel="kept.a", data={"n": n}, event="note")
        first = next(events)
        assert first.event == "note"
        assert {key: first.json()[key] for key in ("type", "channel", "data", "offset")} == {"type": "note", "channel": "kept.a", "data": {"n": 0}, "offset": 1}
        epoch, offset = first.id.split(":")
        assert offset == "1" and epoch
    with events_of(gateway, "/events/kept.a", {"last-event-id": first.id}) as response:
        events = server_sent_events(response.iter_lines())
        assert next(events).json()["recovered"] is True
        assert [next(events).json()["data"]["n"] for _ in range(2)] == [1, 2]
    with events_of(gateway, "/events/kept.a", {"last-event-id": "another:1"}) as response:
        assert next(server_sent_events(response.iter_lines())).json()["recovered"] is False


def test_events_of_a_prefix_begin_with_the_last_values(make_gateway):
    gateway = make_gateway(config={"hub": {"namespaces": [{"pattern": "last.*", "history": {"size": 10, "ttl_s": 600}, "last_value": True}]}})
    names = [f"last.{number}" for number in range(8)]
    for value in (1, 2):
        for name in names:
            gateway.call("hub_publish", channel=name, data=value, event="note")
    with events_of(gateway, "/events/last.*") as response:
        events = server_sent_events(response.iter_lines())
        assert next(events).json() == {"channel": "last.*"}
        first = [next(events) for _ in names]
        assert [(one.event, one.json()["channel"], one.json()["data"]) for one in first] == [("note", name, 2) for name in names]
        gateway.call("hub_publish", channel=names[0], data=3, event="note")
        assert next(events).json()["data"] == 3
    # Who comes back gets the present state once more.
    with events_of(gateway, "/events/last.*", {"last-event-id": first[0].id}) as response:
        events = server_sent_events(response.iter_lines())
        assert next(events).event == "subscribed"
        assert sorted((one.json()["channel"], one.json()["data"]) for one in (next(events) for _ in names)) == [
            (name, 3 if name == names[0] else 2) for name in names]


@pytest.mark.parametrize("accept", [None, "*/*", "text/html, */*;q=0.8", "text/event-stream"])
def test_events_are_server_sent_whatever_is_asked_for(gateway, accept):
    # urllib adds no Accept of its own, httpx does.
    request = urllib.request.Request(gateway.url + "/events/missions", headers={} if accept is None else {"Accept": accept})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert next(server_sent_events(line.decode().rstrip("\r\n") for line in response)).event == "subscribed"


def test_a_tool_streams_lines_unless_events_are_asked_for(gateway):
    with gateway.http.stream("GET", "/hub_subscribe?channel=missions", headers={"accept": "*/*"}) as response:
        assert response.headers["content-type"].startswith("application/x-ndjson")
    with gateway.http.stream("GET", "/events/missions", headers={"accept": "application/x-ndjson"}) as response:
        assert response.headers["content-type"].startswith("application/x-ndjson")


def test_events_take_the_token_from_the_query(make_gateway):
    tokens = [{"id": "t", "sha256": hashlib.sha256(b"secret-token").hexdigest(), "scopes": ["hub.subscribe"]}]
    gateway = make_gateway(config={"security": {"tokens": tokens}, "logging": {"level": "debug"}})
    with events_of(gateway, "/events/missions?token=secret-token") as response:
        assert response.status_code == 200
        assert next(server_sent_events(response.iter_lines())).event == "subscribed"
    with events_of(gateway, "/events/missions") as response:
        assert response.status_code == 401
    with events_of(gateway, "/events/missions?token=wrong") as response:
        assert response.status_code == 401
    assert gateway.get("/api/ws/stats?token=secret-token").status_code == 401
    assert "secret-token" not in gateway.stderr


def test_a_stopping_gateway_says_so(make_gateway):
    gateway = make_gateway()
    with subscribed(gateway, "system") as ws:
        gateway.stop()
        kinds = []
        try:
            while True:
                kinds.append(json.loads(ws.recv(timeout=10))["type"])
        except Exception:  # closed
            assert ws.close_code == 1012
        assert "system_shutdown" in kinds and "reconnect" in kinds


def test_a_call_that_runs_when_the_gateway_stops_is_unavailable(make_gateway):
    gateway = make_gateway()
    with subscribed(gateway) as ws:
        ws.send(json.dumps({"type": "call", "id": 7, "operation": "echo_count", "arguments": {"count": 100_000, "interval_ms": 50}}))
        assert json.loads(ws.recv(timeout=10))["type"] == "stream"
        gateway.stop()
        got = []
        try:
            while True:
                got.append(json.loads(ws.recv(timeout=10)))
        except Exception:  # closed
            assert ws.close_code == 1012
        result = next(one for one in got if one["type"] == "result")
        assert (result["id"], result["error"]["code"], result["error"]["retryable"]) == (7, "unavailable", True), result
        assert result["error"]["retry_after_ms"] > 0
        assert any(one["type"] == "reconnect" for one in got)


def test_events_of_a_channel_nobody_may_hear(gateway):
    with events_of(gateway, "/events/audit") as response:
        assert response.status_code == 403
    with events_of(gateway, "/events/a%20b") as response:
        assert response.status_code == 400
