"""The chat dialect over real connections: answers of the echo plugin, word by word."""
import pytest

from support.gateway import Gateway
from support.hub_client import HubClient, Refused, static_token

WORKFLOWS = {"assistant": {"operation": "echo_chat"}, "team": {"operation": "echo_chat", "shared": True},
             "slow": {"operation": "echo_chat"}}


@pytest.fixture(scope="module")
def gateway():
    with Gateway(config={"hub": {"workflows": WORKFLOWS}}) as started:
        yield started


def answer_of(client) -> list[dict]:
    """All messages up to the last one of an answer."""
    messages = [client.next()]
    while messages[-1]["type"] == "token":
        messages.append(client.next())
    return messages


def test_an_answer(gateway):
    with HubClient(gateway, "/ws/assistant/app/one/anna") as client:
        assert client.welcome["type"] == "connection_ack" and client.welcome["data"]["user_id"] == "anna"
        client.send(type="chat_message", data={"content": "Good morning, Grüße 👋"})
        *tokens, last = answer_of(client)
        assert "".join(token["data"]["content"] for token in tokens) == "Good morning, Grüße 👋"
        assert last["type"] == "chat_message" and last["data"] == {"content": "Good morning, Grüße 👋", "agent": "echo"}
        assert [message["sequence"] for message in [*tokens, last]] == list(range(1, len(tokens) + 2))
        assert all(message["timestamp"].endswith("Z") for message in tokens)
        client.send(type="chat_message", data={"content": "again"})
        assert answer_of(client)[0]["sequence"] == len(tokens) + 2


def test_all_connections_of_the_chat(gateway):
    with HubClient(gateway, "/ws/assistant/app/two/anna") as one, HubClient(gateway, "/ws/assistant/app/two/anna") as two, \
            HubClient(gateway, "/ws/assistant/app/three/anna") as other:
        one.send(type="chat_message", data={"content": "a b c"}, id=1)
        here, there = answer_of(one), answer_of(two)
        assert all(message.pop("id") == 1 for message in here)
        assert here == there
        other.nothing_before()


def test_pushed_by_a_server(gateway):
    with HubClient(gateway, "/ws/assistant/app/push/anna") as client:
        sent = gateway.call("hub_send_to_chat", workflow="assistant", app_id="app", chat_id="push",
                            message={"type": "tool_output", "data": {"rows": 3}})
        assert sent["connections"] == 1
        received = client.next()
        assert received["type"] == "tool_output" and received["data"] == {"rows": 3}


def test_shared_and_not(gateway):
    with HubClient(gateway, "/ws/assistant/app/mine/anna"):
        with pytest.raises(Refused) as refused:
            HubClient(gateway, "/ws/assistant/app/mine/berta")
        assert refused.value.status == 403
    with HubClient(gateway, "/ws/team/app/ours/anna") as anna, HubClient(gateway, "/ws/team/app/ours/berta") as berta:
        berta.send(type="chat_message", data={"content": "hi"})
        assert answer_of(anna) == answer_of(berta)


def test_in_the_first_message_too(make_gateway):
    tokens = [static_token(f"{name}-token", "hub.subscribe", "echo.*", user_id=name) for name in ("anna", "berta")]
    tokens.append(static_token("boss-token", "hub.subscribe", "hub.impersonate", user_id="boss"))
    gateway = make_gateway(config={"security": {"tokens": tokens}, "hub": {"workflows": WORKFLOWS}})
    with HubClient(gateway, "/ws/assistant/app/1/anna", auth="anna-token") as anna:
        with HubClient(gateway, "/ws/assistant/app/1/berta", welcome=False) as berta:
            berta.send(type="auth", token="berta-token")
            assert berta.next()["type"] == "authenticated"
            assert berta.next()["code"] == "forbidden"
            assert berta.closed()[0] == 3003
        anna.send(type="chat_message", data={"content": "x"})
        assert answer_of(anna)[-1]["type"] == "chat_message"
    with HubClient(gateway, "/ws/assistant/app/2/carl", token="boss-token") as boss:
        error = boss.request(type="chat_message", data={"content": "x"}, id=1)
        assert (error["code"], error["id"]) == ("forbidden", 1)  # echo.chat is not granted


def test_cancel_without_an_answer(gateway):
    with HubClient(gateway, "/ws/assistant/app/cancel/anna") as client:
        error = client.request(type="cancel", id=1)
        assert (error["type"], error["code"], error["id"]) == ("error", "not_found", 1)


@pytest.mark.parametrize("message, pointer", [
    ({"type": "chat_message"}, "/data"), ({"type": "chat_message", "data": {"content": 1}}, "/data/content"),
    ({"type": "subscribe", "channel": "c"}, "/type")])
def test_errors(gateway, message, pointer):
    with HubClient(gateway, "/ws/assistant/app/errors/anna") as client:
        error = client.request(**message)
        assert (error["code"], error["pointer"]) == ("invalid_argument", pointer)
        client.nothing_before()


def test_unknown_workflows(gateway):
    with pytest.raises(Refused) as refused:
        HubClient(gateway, "/ws/painter/app/1/anna")
    assert refused.value.status == 404 and "assistant" in refused.value.error["message"]


def test_a_large_question(gateway):
    with HubClient(gateway, "/ws/assistant/app/large/anna") as client:
        text = "word " * 40_000
        client.send(type="chat_message", data={"content": text})
        *tokens, last = answer_of(client)
        assert "".join(token["data"]["content"] for token in tokens) == text
        assert last["data"]["content"] == text
        assert [token["sequence"] for token in tokens] == list(range(1, len(tokens) + 1))
