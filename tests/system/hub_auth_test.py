"""Every way to say who one is to the hub, and what becomes of those who do not."""
import json
import time

import pytest

from support.gateway import Gateway
from support.hub_client import HubClient, Refused, static_token

TOKENS = [
    static_token("full", "hub.*", "echo.*", user_id="anna", id="anna-1"),
    static_token("second", "hub.*", user_id="anna", id="anna-2"),
    static_token("berta", "hub.*", user_id="berta", id="berta-1"),
    static_token("reader", "hub.subscribe", user_id="reader"),
    static_token("metrics", "metrics.read"),
]


@pytest.fixture(scope="module")
def gateway():
    with Gateway(config={"security": {"tokens": TOKENS}, "limits": {"authentication_timeout_ms": 1500}}) as started:
        yield started


@pytest.mark.parametrize("way", ["token", "subprotocol", "query", "auth"])
@pytest.mark.parametrize("path", ["/ws/connect", "/ws/channel/c", "/ws/notifications/anna"])
def test_ways(gateway, way, path):
    with HubClient(gateway, path, **{way: "full"}) as client:
        assert client.socket.subprotocol == ("patchbay" if way == "subprotocol" else None)
        shown = gateway.admin.call("hub_connection", connection_id=client.id)
        assert shown["principal"] == "token:anna-1" and shown["user_id"] == "anna"


def test_subprotocols_in_several_lines_are_one_list(gateway):
    from support.raw_websocket import RawWebSocket, handshake

    def lines(*offers):
        return {"Sec-WebSocket-Protocol": "\r\nSec-WebSocket-Protocol: ".join(offers)}

    for offers in (("patchbay", "bearer.full"), ("other, bearer.full", "more", "patchbay"), ("bearer.full,patchbay", "other")):
        with RawWebSocket(gateway, "/ws/connect", lines(*offers)) as client:
            assert client.fields["sec-websocket-protocol"] == "patchbay"
            identifier = json.loads(client.read().text)["connection_id"]
            assert gateway.admin.call("hub_connection", connection_id=identifier)["principal"] == "token:anna-1"
    assert handshake(gateway, "/ws/connect", lines("patchbay", "bearer.wrong"))[0] == 401
    many = lines(*["p%02d" % i for i in range(40)], "patchbay", "bearer.full")
    assert handshake(gateway, "/ws/connect", many)[0] == 101
    assert handshake(gateway, "/ws/connect", lines(*["x"] * 70))[0] == 431  # the limit of fields holds


@pytest.mark.parametrize("way", ["token", "subprotocol", "query"])
def test_a_bad_token_is_refused_at_the_handshake(gateway, way):
    with pytest.raises(Refused) as refused:
        HubClient(gateway, **{way: "wrong"})
    assert refused.value.status == 401 and refused.value.error["code"] == "unauthenticated"


def test_a_token_without_the_scope(gateway):
    with pytest.raises(Refused) as refused:
        HubClient(gateway, token="metrics")
    assert refused.value.status == 403
    with HubClient(gateway, welcome=False) as client:
        assert client.request(type="auth", token="metrics")["code"] == "forbidden"
        assert client.closed()[0] == 3003


def test_first_message(gateway):
    with HubClient(gateway, welcome=False) as client:
        for number, message in enumerate(({"type": "subscribe", "channel": "c"}, {"type": "ping"}, {"type": "auth"})):
            error = client.request(**message, id=number)
            assert error["type"] == "error" and error["id"] == number
            assert error["code"] == ("invalid_argument" if message["type"] == "auth" else "unauthenticated")
        answer = client.request(type="auth", token="full", id="a")
        assert answer == {"type": "authenticated", "id": "a", "expires_at": None}
        assert client.next()["type"] == "connected"
        assert client.subscribe("c")


def test_a_bad_first_message_closes(gateway):
    with HubClient(gateway, welcome=False) as client:
        error = client.request(type="auth", token="wrong")
        assert (error["type"], error["code"], error["request"]) == ("error", "unauthenticated", "auth")
        assert client.closed()[0] == 3000


def test_no_first_message_closes(gateway):
    with HubClient(gateway, welcome=False) as client:
        begun = time.monotonic()
        client.request(type="ping")
        assert client.closed()[0] == 3000
        assert 1 < time.monotonic() - begun < 6


def test_what_is_sent_before_gets_nowhere(gateway):
    with HubClient(gateway, welcome=False) as client:
        client.request(type="subscribe", channel="c")
        assert gateway.admin.call("hub_publish", channel="c", data=1)["subscribers"] == 0
        gateway.admin.call("hub_broadcast", message={"type": "secret"})
        assert client.request(type="ping")["code"] == "unauthenticated"


def test_renewal(gateway):
    with HubClient(gateway, token="full") as client:
        answer = client.request(type="refresh", token="second", id=1)
        assert answer == {"type": "refreshed", "id": 1, "expires_at": None}
        assert gateway.admin.call("hub_connection", connection_id=client.id)["principal"] == "token:anna-2"
        answer = client.request(type="refresh", token="berta", id=2)
        assert (answer["type"], answer["code"]) == ("error", "forbidden")
        answer = client.request(type="refresh", token="wrong", id=3)
        assert (answer["type"], answer["code"]) == ("error", "unauthenticated")
        assert client.subscribe("c")


def test_rights_follow_the_token(gateway):
    with HubClient(gateway, token="reader") as client:
        client.subscribe("c")
        assert client.request(type="publish", channel="c", data=1)["code"] == "forbidden"
        assert client.request(type="subscribe", channel="audit")["code"] == "forbidden"
        assert client.request(type="call", id=1, operation="echo_say", arguments={"text": "x"})["error"]["code"] == "forbidden"


def test_tokens_are_in_no_log(gateway):
    with HubClient(gateway, query="full"), HubClient(gateway, subprotocol="full"), HubClient(gateway, auth="full"):
        pass
    secret = "a-token-that-nobody-has"
    for way in ("query", "subprotocol", "token"):
        with pytest.raises(Refused):
            HubClient(gateway, **{way: secret})
    assert secret not in gateway.stderr
