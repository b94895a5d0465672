"""The channel dialect over real connections, message by message."""
import json
import re
import time

import pytest

from support.hub_client import HubClient

CONFIG = {
    "hub": {"namespaces": [
        {"pattern": "kept.*", "subscribe": "hub.subscribe", "publish": "hub.publish", "presence": "hub.subscribe",
         "history": {"size": 5, "ttl_s": 60}},
        {"pattern": "last.*", "publish": "hub.publish", "history": {"size": 5, "ttl_s": 60}, "last_value": True},
        {"pattern": "quiet.*", "subscribe": "hub.subscribe", "publish": "none"}]},
    "limits": {"subscriptions": 4, "running_calls": 3},
}


@pytest.fixture(scope="module")
def gateway():
    from support.gateway import Gateway
    with Gateway(config=CONFIG) as started:
        yield started


@pytest.fixture
def client(gateway):
    with HubClient(gateway) as connected:
        yield connected


def is_now(timestamp) -> bool:
    return isinstance(timestamp, float) and abs(timestamp - time.time()) < 60


def test_welcome(client):
    assert set(client.welcome) == {"type", "connection_id", "timestamp"}
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", client.welcome["connection_id"])
    assert is_now(client.welcome["timestamp"])


def test_subscribe_event_unsubscribe(gateway, client):
    answer = client.request(type="subscribe", channel="missions", id="s")
    assert is_now(answer.pop("timestamp"))
    assert answer == {"type": "subscribed", "id": "s", "channel": "missions"}
    assert gateway.call("hub_publish", channel="missions", event="mission_created", data={"mission_id": "7"})["subscribers"] == 1
    event = client.next()
    assert is_now(event.pop("timestamp"))
    assert event == {"type": "mission_created", "channel": "missions", "data": {"mission_id": "7"}}
    answer = client.request(type="unsubscribe", channel="missions")
    assert answer["type"] == "unsubscribed" and is_now(answer["timestamp"])
    assert gateway.call("hub_publish", channel="missions", data=1)["subscribers"] == 0
    client.nothing_before()


def test_the_path_subscribes(gateway):
    with HubClient(gateway, "/ws/channel/tasks") as client:
        assert client.next()["type"] == "subscribed"
        gateway.call("hub_publish", channel="tasks", data=1)
        assert client.next()["data"] == 1


def test_prefix_events_carry_the_full_channel(gateway, client):
    client.subscribe("rooms.first.*")
    gateway.call("hub_publish", channel="rooms.second.a", data=1)
    gateway.call("hub_publish", channel="rooms.first.a", data=2)
    event = client.next()
    assert (event["channel"], event["data"]) == ("rooms.first.a", 2)


def test_a_prefix_begins_with_the_last_value_of_each_channel(gateway, client):
    names = [f"last.p.{number}" for number in range(20)] + ["last.p.deep.down"]  # at home on all shards
    for value in (1, 2):
        for name in [*names, "last.other"]:
            gateway.call("hub_publish", channel=name, data=value)
    client.subscribe("last.p.*")
    first = [client.next() for _ in names]
    assert [(one["channel"], one["data"], one["offset"]) for one in first] == [(name, 2, 2) for name in names]
    assert [one["timestamp"] for one in first] == sorted(one["timestamp"] for one in first)
    gateway.call("hub_publish", channel=names[3], data=3)
    event = client.next()
    assert (event["channel"], event["data"], event["offset"]) == (names[3], 3, 3)
    client.nothing_before()


def test_publish(gateway, client):
    client.subscribe("c")
    client.send(type="publish", channel="c", event="note", data={"a": [1, None, "ü"]}, id=3)
    assert client.until("published") == {"type": "published", "id": 3, "channel": "c", "subscribers": 1}
    event = client.until("note")
    assert event["data"] == {"a": [1, None, "ü"]}
    assert client.request(type="publish", channel="nobody", data=1)["subscribers"] == 0


def test_standard_types(client):
    error = client.request(type="publish", channel="tasks", event="mission_started", data={"mission_id": "1"})
    assert (error["type"], error["code"], error["request"]) == ("error", "invalid_argument", "publish")
    error = client.request(type="publish", channel="missions", event="mission_created", data={"mission_id": "1"})
    assert error["code"] == "invalid_argument" and error["pointer"] == "/data/mission_data"
    answer = client.request(type="publish", channel="missions", event="mission_created",
                            data={"mission_id": "1", "mission_data": {}})
    assert answer["type"] == "published"


def test_recovery_of_exactly_what_was_missed(gateway):
    with HubClient(gateway) as first:
        position = first.subscribe("kept.r")
        gateway.call("hub_publish", channel="kept.r", data="seen")
        event = first.next()
        assert event["offset"] == position["offset"] + 1
        first.cut()
    for word in ("one", "two", "three"):
        gateway.call("hub_publish", channel="kept.r", data=word)
    with HubClient(gateway) as again:
        answer = again.subscribe("kept.r", recover={"epoch": position["epoch"], "offset": event["offset"]})
        assert answer["recovered"] is True
        assert [again.next()["data"] for _ in range(3)] == ["one", "two", "three"]
        gateway.call("hub_publish", channel="kept.r", data="live")
        live = again.next()
        assert live["data"] == "live" and live["offset"] == event["offset"] + 4


def test_recovery_says_when_it_cannot(gateway, client):
    position = client.subscribe("kept.short")
    client.send(type="unsubscribe", channel="kept.short")
    client.until("unsubscribed")
    for i in range(8):
        gateway.call("hub_publish", channel="kept.short", data=i)
    answer = client.subscribe("kept.short", recover={"epoch": position["epoch"], "offset": position["offset"]})
    assert answer["recovered"] is False and answer["offset"] == position["offset"] + 8
    client.nothing_before()
    client.request(type="unsubscribe", channel="kept.short")
    answer = client.subscribe("kept.short", recover={"epoch": "another", "offset": answer["offset"]})
    assert answer["recovered"] is False


def test_presence_and_history(gateway, client):
    client.subscribe("kept.p")
    answer = client.request(type="presence", channel="kept.p", id=1)
    assert answer["type"] == "presence" and answer["id"] == 1 and answer["channel"] == "kept.p"
    assert answer["data"]["connections"] == 1
    gateway.call("hub_publish", channel="kept.p", data={"n": 1})
    gateway.call("hub_publish", channel="kept.p", data={"n": 2})
    client.next(), client.next()
    answer = client.request(type="history", channel="kept.p", limit=1, id=2)
    assert [message["data"] for message in answer["data"]["messages"]] == [{"n": 2}]
    answer = client.request(type="history", channel="kept.p",
                            since={"epoch": answer["data"]["epoch"], "offset": answer["data"]["offset"] - 1})
    assert [message["data"] for message in answer["data"]["messages"]] == [{"n": 2}]


def test_acknowledgement(gateway, client):
    client.subscribe("c")
    message_id = gateway.call("hub_publish", channel="c", data=1, receipt=True)["message_id"]
    event = client.next()
    assert event["message_id"] == message_id and event["ack"] is True
    client.send(type="ack", message_id=message_id)
    client.nothing_before()
    targets = gateway.call("hub_receipt", message_id=message_id)["targets"]
    assert [(target["connection_id"], target["state"]) for target in targets] == [(client.id, "acknowledged")]


def test_call(client):
    assert client.request(type="call", id=7, operation="echo_say", arguments={"text": "hi"}) == {
        "type": "result", "id": 7, "status": "success", "data": {"text": "hi"}}
    answer = client.request(type="call", id=8, operation="echo_sai", arguments={})
    assert answer["status"] == "error" and answer["error"]["code"] == "not_found" and "echo_say" in answer["error"]["message"]
    answer = client.request(type="call", id=9, operation="logging_get_levels")
    assert answer["error"]["code"] == "unauthenticated"  # a token would help
    answer = client.request(type="call", id=10, operation="echo_say", arguments={"text": 5})
    assert answer["error"]["code"] == "invalid_argument" and answer["error"]["pointer"] == "/text"


def test_streams_and_cancel(client):
    client.send(type="call", id="s", operation="echo_count", arguments={"count": 3})
    events = [client.next() for _ in range(3)]
    assert all(event["type"] == "stream" and event["id"] == "s" for event in events)
    assert client.next() == {"type": "result", "id": "s", "status": "success", "data": {"counted": 3}}
    client.send(type="call", id="long", operation="echo_count", arguments={"count": 1000, "interval_ms": 20})
    client.next()
    conflict = client.request(type="call", id="long", operation="echo_count", arguments={"count": 1})
    while conflict["type"] == "stream":
        conflict = client.next()
    assert (conflict["type"], conflict["code"]) == ("error", "conflict")
    client.send(type="cancel", id="long")
    result = client.until("result")
    assert result["id"] == "long" and result["error"]["code"] == "cancelled"


def test_running_calls_are_limited(client):
    for number in range(4):
        client.send(type="call", id=number, operation="echo_count", arguments={"count": 2, "interval_ms": 300})
    answer = client.until("result")
    assert answer["id"] == 3 and answer["error"]["code"] == "rate_limited"
    assert sorted(client.until("result")["id"] for _ in range(3)) == [0, 1, 2]


def test_subscriptions_are_limited(client):
    for number in range(4):
        client.subscribe(f"n{number}")
    error = client.request(type="subscribe", channel="n5", id=1)
    assert (error["type"], error["code"], error["channel"], error["id"]) == ("error", "rate_limited", "n5", 1)
    assert client.subscribe("n0")["type"] == "subscribed"


@pytest.mark.parametrize("text, code, more", [
    ("nonsense", "invalid_argument", {}),
    ("[]", "invalid_argument", {}),
    ('{"id":5}', "invalid_argument", {"id": 5}),
    ('{"type":"dance","id":"x"}', "invalid_argument", {"id": "x", "request": "dance"}),
    ('{"type":"subscribe","channel":"a b"}', "invalid_argument", {"request": "subscribe", "channel": "a b"}),
    ('{"type":"subscribe","channel":"audit"}', "forbidden", {"request": "subscribe", "channel": "audit"}),
    ('{"type":"publish","channel":"quiet.a","data":1}', "forbidden", {"request": "publish", "channel": "quiet.a"}),
    ('{"type":"publish","channel":"c"}', "invalid_argument", {"pointer": "/data"}),
    ('{"type":"ack","message_id":"none"}', "not_found", {"request": "ack"}),
    ('{"type":"subscribe","channel":"c","channel":"d"}', "invalid_argument", {}),
    ('{"type":"subscribe","channel":"\\ud800"}', "invalid_argument", {}),
])
def test_errors_keep_the_connection(client, text, code, more):
    client.send_text(text)
    error = client.next()
    assert error["type"] == "error" and error["code"] == code and error["message"]
    assert is_now(error["timestamp"])
    assert {key: error.get(key) for key in more} == more
    client.nothing_before()


def test_binary_frames_close_it(client):
    client.send_text(b"{}")
    assert client.closed()[0] == 1003


def test_messages_are_limited(gateway):
    with HubClient(gateway) as client:
        client.send(type="publish", channel="c", data="x" * 60_000)
        assert client.next()["type"] == "published"
        client.send_text(json.dumps({"type": "publish", "channel": "c", "data": "x" * 70_000}))
        assert client.closed()[0] == 1009


def test_other_calls_go_on_beside_a_stream(client):
    client.send(type="call", id=1, operation="echo_count", arguments={"count": 100, "interval_ms": 30})
    client.next()
    client.send(type="call", id=2, operation="echo_say", arguments={"text": "x"})
    assert client.until("result")["id"] == 2
    client.send(type="cancel", id=1)


def test_heartbeat(make_gateway):
    gateway = make_gateway(config={"websocket_server": {"heartbeat_interval": 1}})
    with HubClient(gateway) as client:
        for _ in range(4):
            ping = client.raw()
            assert ping["type"] == "ping" and is_now(ping["timestamp"])
            client.send(type="pong")
        begun = time.monotonic()
        assert [client.raw()["type"] for _ in range(2)] == ["ping", "ping"]
        code, _ = client.closed()
        assert code == 3008
        assert 2 < time.monotonic() - begun < 6
