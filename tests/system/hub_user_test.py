"""The user dialect over real connections, message by message."""
import re

import pytest

from support.gateway import Gateway
from support.hub_client import HubClient, Refused, static_token

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_welcome_and_heartbeat(gateway):
    with HubClient(gateway, "/ws/notifications/user_123") as client:
        assert client.welcome["data"] == {"user_id": "user_123", "connection_id": client.id}
        assert ISO.fullmatch(client.welcome["timestamp"])
        pong = client.request(type="ping", id=1)
        assert ISO.fullmatch(pong.pop("timestamp")) and pong == {"type": "pong", "id": 1}


def test_all_connections_of_a_user(gateway):
    clients = [HubClient(gateway, "/ws/notifications/five") for _ in range(5)]
    with HubClient(gateway, "/ws/notifications/other") as other:
        message = {"type": "task_update", "action": "created", "data": {"task_id": "abc123", "title": "New Task"}}
        assert gateway.call("hub_send_to_user", user_id="five", message=message)["connections"] == 5
        for client in clients:
            received = client.next()
            assert ISO.fullmatch(received.pop("timestamp"))
            assert received == message
            client.close()
        other.nothing_before()


def test_fields_of_the_sender_are_kept(gateway):
    with HubClient(gateway, "/ws/notifications/keeper") as client:
        message = {"type": "notification", "timestamp": "mine", "data": {"title": "t", "message": "m", "id": 1}, "extra": [1]}
        gateway.call("hub_send_to_user", user_id="keeper", message=message)
        assert client.next() == message


def test_announcement(gateway):
    with HubClient(gateway, "/ws/notifications/a") as user, HubClient(gateway) as channel:
        gateway.call("hub_broadcast", message={"type": "system_announcement", "data": {"message": "Noon"}})
        received = user.next()
        assert received["message"] == "Noon" and received["data"] == {"message": "Noon"}
        received = channel.next()
        assert isinstance(received["timestamp"], float) and received["data"] == {"message": "Noon"}


def test_acknowledgement(gateway):
    with HubClient(gateway, "/ws/notifications/acker") as client:
        sent = gateway.call("hub_send_to_user", user_id="acker", message={"type": "x"}, receipt=True)
        received = client.next()
        assert received["message_id"] == sent["message_id"] and received["ack"] is True
        assert gateway.call("hub_receipt", message_id=sent["message_id"])["targets"][0]["state"] in ("queued", "sent")
        client.send(type="ack", message_id=sent["message_id"])
        client.nothing_before()
        target = gateway.call("hub_receipt", message_id=sent["message_id"])["targets"][0]
        assert (target["user_id"], target["state"]) == ("acker", "acknowledged")


def test_messages_wait_for_who_comes_back(gateway):
    gateway.call("hub_send_to_user", user_id="away", message={"type": "note", "n": 1}, queue_ms=20_000)
    gateway.call("hub_send_to_user", user_id="away", message={"type": "note", "n": 2}, queue_ms=20_000)
    with HubClient(gateway, "/ws/notifications/away") as client:
        assert [client.next()["n"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize("text, pointer", [
    ("{", ""), ('{"type":"subscribe","channel":"c"}', "/type"), ('{"type":"ack"}', "/message_id"), ('{"type":7}', "/type")])
def test_errors_keep_the_connection(gateway, text, pointer):
    with HubClient(gateway, "/ws/notifications/e") as client:
        client.send_text(text)
        error = client.next()
        assert (error["type"], error["code"], error.get("pointer", "")) == ("error", "invalid_argument", pointer)
        assert ISO.fullmatch(error["timestamp"])
        client.nothing_before()


def test_binary_frames_close_it(gateway):
    with HubClient(gateway, "/ws/notifications/b") as client:
        client.send_text(b"x")
        assert client.closed()[0] == 1003


@pytest.fixture(scope="module")
def with_tokens():
    tokens = [static_token("anna-token", "hub.subscribe", "hub.publish", user_id="anna"),
              static_token("boss-token", "hub.subscribe", "hub.impersonate", user_id="boss")]
    with Gateway(config={"security": {"tokens": tokens}}) as started:
        yield started


def test_the_user_id_is_the_tokens(with_tokens):
    with HubClient(with_tokens, "/ws/notifications/anna", token="anna-token") as client:
        assert client.welcome["data"]["user_id"] == "anna"
    with pytest.raises(Refused) as refused:
        HubClient(with_tokens, "/ws/notifications/berta", token="anna-token")
    assert refused.value.status == 403 and refused.value.error["code"] == "forbidden"
    with HubClient(with_tokens, "/ws/notifications/berta", token="boss-token") as client:
        assert client.welcome["data"]["user_id"] == "berta"


def test_in_the_first_message_too(with_tokens):
    with HubClient(with_tokens, "/ws/notifications/anna", auth="anna-token") as client:
        assert client.welcome["data"]["user_id"] == "anna"
    with HubClient(with_tokens, "/ws/notifications/berta", welcome=False) as client:
        client.send(type="auth", token="anna-token")
        assert client.next()["code"] == "forbidden"
        assert client.closed()[0] == 3003
