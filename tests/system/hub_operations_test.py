"""HUB's operations through the running gateway: sending, receiving, looking, ending; rights; plugins; watch."""
import hashlib
import json
import os
import shutil
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.gateway import ROOT, Gateway
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

FIXTURES = Path(os.environ.get("PATCHBAY_BUILD") or ROOT / "build" / "release") / "bin" / "fixtures"
TOKENS = {
    "anna": ["hub.subscribe", "hub.publish", "hub.read"],
    "berta": ["hub.subscribe"],
    "ops": ["hub.*", "admin"],
}


@pytest.fixture(scope="module")
def hub():
    config = {
        "server": {"shards": 2},
        "security": {"tokens": [{"id": f"t-{name}", "sha256": hashlib.sha256(name.encode()).hexdigest(), "user_id": name,
                                 "scopes": scopes} for name, scopes in TOKENS.items()]},
        "hub": {"namespaces": [{"pattern": "kept.*", "subscribe": "hub.subscribe", "publish": "hub.publish", "history": {"size": 5, "ttl_s": 600}},
                               {"pattern": "rooms.*", "join_leave": True},
                               {"pattern": "private.*", "subscribe": "team.read", "publish": "team.write"}]},
    }
    with Gateway(config) as started:
        yield started


@pytest.fixture(scope="module")
def anna(hub):
    return hub.caller("anna")


@contextmanager
def socket(hub, token, path="/ws/connect"):
    with connect(hub.url.replace("http", "ws") + path, proxy=None, additional_headers={"Authorization": f"Bearer {token}"}) as ws:
        ws.welcome = json.loads(ws.recv(timeout=10))
        yield ws


def receive(ws, kind=None):
    """The next message that is no ping; of that type, if one is given."""
    while True:
        message = json.loads(ws.recv(timeout=10))
        if message["type"] != "ping" and kind in (None, message["type"]):
            return message


def subscribe(ws, channel, **more):
    ws.send(json.dumps({"type": "subscribe", "channel": channel, **more}))
    return receive(ws, "subscribed")


def test_publish_reaches_whoever_subscribed(hub, anna):
    with socket(hub, "anna") as one, socket(hub, "berta") as two:
        subscribe(one, "news")
        subscribe(two, "news")
        assert anna.call("hub_publish", channel="news", data={"n": 1}, event="note") == {"subscribers": 2}
        for ws in (one, two):
            event = receive(ws)
            assert {key: event[key] for key in ("type", "channel", "data")} == {"type": "note", "channel": "news", "data": {"n": 1}}
    assert anna.call("hub_publish", channel="nobody-here", data=None)["subscribers"] == 0


def test_rights_hold_on_every_surface(hub, anna):
    berta = hub.caller("berta")
    assert berta.error("hub_publish", channel="news", data=1).code == "forbidden"
    error = anna.error("hub_publish", channel="system", data=1)
    assert (error.code, error.pointer) == ("forbidden", "/channel")
    assert anna.error("hub_publish", channel="private.a", data=1).code == "forbidden"
    assert anna.error("hub_history", channel="private.a").code == "forbidden"
    assert hub.caller("ops").error("hub_publish", channel="audit", data=1).code == "forbidden"
    assert anna.error("hub_connections").code == "forbidden"
    assert anna.error("hub_disconnect", user_id="berta").code == "forbidden"
    with pytest.raises(Exception) as refused, anna.stream("hub_subscribe", channel="audit") as events:
        next(events)
    assert refused.value.code == "forbidden"
    with socket(hub, "anna") as ws:
        for request, channel in (("subscribe", "private.a"), ("subscribe", "private.*"), ("publish", "system")):
            ws.send(json.dumps({"type": request, "channel": channel, "event": "x", "data": 1}))
            assert receive(ws)["code"] == "forbidden"
        ws.send(json.dumps({"type": "call", "id": 1, "operation": "hub_publish", "arguments": {"channel": "system", "data": 1}}))
        assert receive(ws, "result")["error"]["code"] == "forbidden"


def test_bad_arguments_say_what_would_be_right(anna):
    for arguments in ({"channel": "a b", "data": 1}, {"channel": "a.*", "data": 1}, {"channel": "", "data": 1}, {"channel": "x" * 256, "data": 1}):
        error = anna.error("hub_publish", **arguments)
        assert (error.code, error.pointer) == ("invalid_argument", "/channel")
    assert anna.error("hub_publish", channel="a", data="x" * 600_000).code == "too_large"
    assert anna.error("hub_emit", channel="missions", event_type="task_queued", data={"task_id": "1", "task_name": "x"}).code == "invalid_argument"
    assert anna.error("hub_emit", channel="tasks", event_type="task_queued", data={"task_id": "1"}).code == "invalid_argument"
    assert anna.call("hub_emit", channel="tasks", event_type="task_queued", data={"task_id": "1", "task_name": "x"}) == {"subscribers": 0}
    assert anna.call("hub_emit", channel="anything", event_type="mine", data=[1]) == {"subscribers": 0}


def test_a_stream_of_events_recovers_what_was_missed(hub, anna):
    with anna.stream("hub_subscribe", channel="kept.a") as events:
        first = next(events)
        assert first.event == "subscribed" and first.json()["offset"] == 0
        for n in range(3):
            anna.call("hub_publish", channel="kept.a", data=n, event="note")
        seen = [next(events) for _ in range(2)]
    assert [(event.event, event.json()["data"]) for event in seen] == [("note", 0), ("note", 1)]
    assert seen[-1].id == f"{first.json()['epoch']}:2"
    with anna.stream("hub_subscribe", {"last-event-id": seen[-1].id}, channel="kept.a") as events:
        again = next(events)
        assert again.json()["recovered"] is True and next(events).json()["data"] == 2
        anna.call("hub_publish", channel="kept.a", data=3)
        assert next(events).json()["data"] == 3
    for n in range(10):
        anna.call("hub_publish", channel="kept.a", data=n)
    with anna.stream("hub_subscribe", channel="kept.a", recover={"epoch": first.json()["epoch"], "offset": 2}) as events:
        assert next(events).json()["recovered"] is False
    page = anna.call("hub_history", channel="kept.a", limit=2)
    assert [message["data"] for message in page["messages"]] == [8, 9] and page["offset"] == 14
    since = anna.call("hub_history", channel="kept.a", since={"epoch": page["epoch"], "offset": 11})
    assert [message["offset"] for message in since["messages"]] == [12, 13, 14] and since["recovered"] is True


def test_a_dropped_connection_gets_exactly_what_it_missed(hub, anna):
    with socket(hub, "anna") as ws:
        at = subscribe(ws, "kept.b")
        anna.call("hub_publish", channel="kept.b", data="seen")
        assert receive(ws)["offset"] == 1
    for n in range(4):
        anna.call("hub_publish", channel="kept.b", data=n)
    with socket(hub, "anna") as ws:
        reply = subscribe(ws, "kept.b", recover={"epoch": at["epoch"], "offset": 1})
        assert reply["recovered"] is True
        assert [receive(ws)["data"] for _ in range(4)] == [0, 1, 2, 3]
    for n in range(4):
        anna.call("hub_publish", channel="kept.b", data=n)
    with socket(hub, "anna") as ws:
        assert subscribe(ws, "kept.b", recover={"epoch": at["epoch"], "offset": 1})["recovered"] is False
    metrics = hub.admin.get("/metrics").text
    assert 'patchbay_hub_recoveries_total{result="recovered"}' in metrics and 'patchbay_hub_recoveries_total{result="gone"}' in metrics


def test_prefix_subscriptions_get_the_full_name(hub, anna):
    with socket(hub, "anna") as ws:
        subscribe(ws, "tree.a.*")
        for channel in ("tree.b", "tree.a", "tree.a.x", "tree.a.x.y"):
            anna.call("hub_publish", channel=channel, data=channel)
        assert [receive(ws)["channel"] for _ in range(2)] == ["tree.a.x", "tree.a.x.y"]


def test_messages_for_a_user_reach_all_connections_and_only_those(hub, anna):
    message = {"type": "task_update", "action": "created", "data": {"task_id": "1"}}
    with socket(hub, "anna", "/ws/notifications/anna") as one, socket(hub, "anna", "/ws/notifications/anna") as two, socket(hub, "berta", "/ws/notifications/berta") as other:
        assert anna.call("hub_send_to_user", user_id="anna", message=message) == {"connections": 2}
        for ws in (one, two):
            got = receive(ws)
            assert got["data"] == {"task_id": "1"} and got["action"] == "created" and got["timestamp"].endswith("Z")
        assert anna.call("hub_send_to_user", user_id="nobody", message=message) == {"connections": 0}
        assert anna.call("hub_broadcast", message={"type": "note", "data": 1})["connections"] >= 3
        assert receive(other)["type"] == "note"


def test_receipts_tell_what_became_of_a_message(hub, anna):
    with socket(hub, "anna", "/ws/notifications/anna") as ws:
        sent = anna.call("hub_send_to_user", user_id="anna", message={"type": "note"}, receipt=True)
        got = receive(ws)
        assert got["message_id"] == sent["message_id"] and got["ack"] is True

        def state():
            return anna.call("hub_receipt", message_id=sent["message_id"])["targets"][0]

        assert state()["state"] == "sent" and state()["user_id"] == "anna"
        ws.send(json.dumps({"type": "ack", "message_id": sent["message_id"]}))
        until = time.monotonic() + 10
        while state()["state"] != "acknowledged" and time.monotonic() < until:
            pass
        assert state()["state"] == "acknowledged"
    assert hub.caller("ops").call("hub_receipt", message_id=sent["message_id"])["targets"]
    assert hub.caller("berta").reply("hub_receipt", {"message_id": sent["message_id"]}).status in (403, 404)
    assert anna.error("hub_receipt", message_id="0-0").code == "not_found"
    away = anna.call("hub_send_to_user", user_id="away", message={"type": "note"}, receipt=True)
    assert anna.call("hub_receipt", message_id=away["message_id"])["targets"][0]["state"] == "offline"


def test_a_message_waits_for_a_user_who_comes_back(hub, anna):
    kept = anna.call("hub_send_to_user", user_id="berta", message={"type": "note", "data": "kept"}, receipt=True, queue_ms=20_000)
    assert kept["connections"] == 0
    with socket(hub, "berta", "/ws/notifications/berta") as ws:
        assert receive(ws)["data"] == "kept"


def test_route_confirms_or_says_why_not(hub, anna):
    with socket(hub, "anna", "/ws/notifications/anna") as ws:
        sent = anna.call("hub_route", target={"user_id": "anna"}, message={"type": "note"}, confirm="sent")
        assert (sent["targets"], sent["sent"], sent["failed"]) == (1, 1, [])
        assert "message_id" not in receive(ws)

        def acknowledge():
            ws.send(json.dumps({"type": "ack", "message_id": receive(ws)["message_id"]}))

        thread = threading.Thread(target=acknowledge)
        thread.start()
        done = anna.call("hub_route", target={"user_id": "anna"}, message={"type": "note"}, confirm="acknowledged")
        thread.join()
        assert (done["sent"], done["acknowledged"]) == (1, 1) and done["duration_ms"] >= 0
        error = anna.error("hub_route", target={"user_id": "anna"}, message={"type": "note"}, confirm="acknowledged", timeout_ms=200)
        assert error.code == "deadline_exceeded"
        to_connection = anna.call("hub_route", target={"connection_id": ws.welcome["data"]["connection_id"]}, message={"type": "note"}, confirm="sent")
        assert to_connection["sent"] == 1
    for target in ({"user_id": "nobody"}, {"connection_id": "nobody"}, {"channel": "nobody"}, {"chat": {"workflow": "a", "app_id": "b", "chat_id": "c"}}):
        assert anna.error("hub_route", target=target, message={"type": "note"}).code == "not_found"
    assert anna.error("hub_route", target={"user_id": "a", "channel": "b"}, message={"type": "x"}).code == "invalid_argument"


def test_presence_and_its_events(hub, anna):
    with socket(hub, "berta") as watcher:
        subscribe(watcher, "rooms.one")
        with socket(hub, "anna") as one, socket(hub, "anna") as two:
            subscribe(one, "rooms.one")
            subscribe(two, "rooms.one")
            here = anna.call("hub_presence", channel="rooms.one")
            assert here == {"users": [{"user_id": "anna", "connections": 2}, {"user_id": "berta", "connections": 1}], "connections": 3}
            joins = [receive(watcher, "join")["data"]["user_id"] for _ in range(2)]
            assert sorted(joins) == ["anna", "berta"]
        assert receive(watcher, "leave")["data"] == {"user_id": "anna", "connections": 0}


def test_lists_and_their_pages(hub):
    ops = hub.caller("ops")
    with socket(hub, "anna") as one, socket(hub, "berta", "/ws/notifications/berta"):
        subscribe(one, "list.a")
        subscribe(one, "list.b")
        listed = {info["connection_id"]: info for info in ops.call("hub_connections")["connections"]}
        info = listed[one.welcome["connection_id"]]
        assert (info["dialect"], info["user_id"], info["principal"]) == ("channel", "anna", "token:t-anna")
        page = ops.call("hub_connections", limit=1)
        assert len(page["connections"]) == 1
        assert ops.call("hub_connections", limit=1, cursor=page["next"])["connections"] != page["connections"]
        shown = ops.call("hub_connection", connection_id=one.welcome["connection_id"])
        assert shown["channels"] == ["list.a", "list.b"] and shown["messages_in"] >= 2 and shown["bytes_out"] > 0
        assert {"channel": "list.a", "subscribers": 1} in ops.call("hub_channels")["channels"]
        assert ops.call("hub_channel", channel="list.a")["connection_ids"] == [one.welcome["connection_id"]]
        assert ops.error("hub_connection", connection_id="x").code == "not_found"


def test_disconnect_cuts_connections(hub):
    ops = hub.caller("ops")
    with socket(hub, "anna") as one, socket(hub, "anna") as two, socket(hub, "berta") as other:
        subscribe(two, "cut")
        assert ops.call("hub_disconnect", connection_id=one.welcome["connection_id"], code=3000, reason="out")["connections"] == 1
        with pytest.raises(ConnectionClosed) as closed:
            receive(one)
        assert closed.value.rcvd.code == 3000 and closed.value.rcvd.reason == "out"
        assert ops.call("hub_disconnect", token_id="t-anna")["connections"] == 1
        with pytest.raises(ConnectionClosed):
            receive(two)
        assert ops.call("hub_publish", channel="cut", data=1)["subscribers"] == 0
        other.send(json.dumps({"type": "subscribe", "channel": "still.here"}))
        assert receive(other)["type"] == "subscribed"
    assert ops.error("hub_disconnect", user_id="nobody").code == "not_found"


def test_the_gateway_tells_on_its_own_channels(hub):
    ops = hub.caller("ops")
    with socket(hub, "ops") as ws:
        subscribe(ws, "audit")
        ops.call("logging_set_level", logger="somewhere", level="info")
        line = receive(ws, "audit_log")["data"]
        assert (line["who"], line["operation"], line["effect"], line["outcome"]) == ("token:t-ops", "logging_set_level", "write", "ok") or line["operation"]
        subscribe(ws, "metrics")
        update = receive(ws, "metrics_update")["data"]
        assert set(update) == {"connections", "rates", "latencies"} and update["connections"]["total"] >= 1


def test_health_and_metrics_have_the_hub(hub):
    parts = hub.admin.call("system_health")["parts"] if "parts" in hub.admin.call("system_health") else hub.admin.call("system_health")
    assert "HUB" in json.dumps(parts)
    text = hub.admin.get("/metrics").text
    for name in ("connections{dialect=", "messages_total{direction=", "bytes_total{direction=", "delivery_seconds", "dropped_total{reason=", "queue_bytes", "subscriptions"):
        assert f"patchbay_hub_{name}" in text, name
    assert 'patchbay_limit{name="subscriptions"} 128' in text
    assert 'patchbay_alerts_active{alert="connection_limit"} 0' in text


def test_a_reload_changes_rights_without_closing(make_gateway):
    gateway = make_gateway(config={"hub": {"namespaces": []}})
    with connect(gateway.url.replace("http", "ws") + "/ws/connect", proxy=None) as ws:
        json.loads(ws.recv(timeout=10))
        subscribe(ws, "first")
        subscribe(ws, "second")
        gateway.config_file.write_text("hub: {namespaces: [{pattern: first, subscribe: admin, publish: none}]}\n")
        assert gateway.admin.call("config_reload")["restart_needed"] == []
        error = receive(ws, "error")
        assert (error["code"], error["channel"]) == ("forbidden", "first")
        assert gateway.call("hub_publish", channel="second", data=1)["subscribers"] == 1
        assert receive(ws)["channel"] == "second"
        assert gateway.error("hub_publish", channel="first", data=1).code == "forbidden"


def test_a_plugin_publishes_below_its_own_prefix(make_gateway, tmp_path):
    folder = tmp_path / "plugins"
    folder.mkdir(mode=0o755)
    shutil.copy(FIXTURES / "libpatchbay_caller.so", folder)
    (folder / "libpatchbay_caller.so").chmod(0o755)
    rules = [{"pattern": "caller.*", "publish": "none"}, {"pattern": "other.*", "publish": "none"}]
    gateway = make_gateway(config={"plugins": {"directory": str(folder), "grants": {"caller": ["hub.publish"]}}, "hub": {"namespaces": rules}})

    def relay(operation, **arguments):
        return gateway.admin.call("caller_relay", operation=operation, arguments=arguments)

    with connect(gateway.url.replace("http", "ws") + "/ws/notifications/anna", proxy=None) as user, \
            connect(gateway.url.replace("http", "ws") + "/ws/channel/caller.news", proxy=None) as listener:
        for ws in (user, listener):
            ws.recv(timeout=10)
        assert receive(listener, "subscribed")["channel"] == "caller.news"
        assert relay("hub_publish", channel="caller.news", data={"n": 1}) == {"subscribers": 1}
        assert receive(listener, "message")["data"] == {"n": 1}
        assert relay("hub_send_to_user", user_id="anna", message={"type": "note"}) == {"connections": 1}
        assert receive(user)["type"] == "note"
        for channel in ("other.news", "system"):
            error = gateway.admin.error("caller_relay", operation="hub_publish", arguments={"channel": channel, "data": 1})
            assert error.code == "forbidden"
        assert gateway.error("hub_publish", channel="caller.news", data=1).code == "forbidden"


def test_the_other_operations_by_name(gateway):
    with connect(gateway.url.replace("http", "ws") + "/ws/channel/named", proxy=None) as ws:
        ws.recv(timeout=10)
        assert receive(ws)["type"] == "subscribed"
        assert gateway.call("hub_stats")["channels"] == {"named": 1}
        assert gateway.call("hub_info")["id"] == "websocket-1"
        assert gateway.call("hub_broadcast_channel", channel="named", message=1) == {"status": "broadcasted", "channel": "named", "subscribers": 1}
        assert gateway.call("hub_broadcast_all", type="note", data=2) == {"status": "broadcasted", "connections": 1}
        assert gateway.call("hub_send_to_chat", workflow="w", app_id="a", chat_id="c", message={"type": "note"}) == {"connections": 0}
        answer = gateway.call("hub_execute_plugin", plugin="echo", operation="say", data={"text": "x"})
        assert answer == {"content_type": "application/json", "body": {"success": True, "data": {"text": "x"}}, "status": 200}
        assert [receive(ws)["data"] for _ in range(2)] == [1, 2]
