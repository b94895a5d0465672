"""The flow of a React application in a real browser: connect, welcome, subscribe, event, ping and pong, unsubscribe."""
import pytest

from support.browser import run_page
from support.gateway import Gateway


@pytest.fixture(scope="module")
def gateway():
    with Gateway(config={"websocket_server": {"heartbeat_interval": 1}, "hub": {"workflows": {"assistant": {"operation": "echo_chat"}}}}) as started:
        yield started


def test_channel(gateway, tmp_path):
    answer = run_page("pages/hub_channel.mjs", gateway.url, tmp_path)
    seen = answer.result
    assert [message["type"] for message in seen["messages"]] == [
        "connected", "subscribed", "published", "mission_created", "unsubscribed", "published"]
    assert seen["messages"][3]["channel"] == "missions"
    assert seen["messages"][3]["data"] == {"mission_id": "7", "mission_data": {"title": "Grüße 👋"}}
    assert seen["messages"][2]["subscribers"] == 1 and seen["messages"][5]["subscribers"] == 0
    assert seen["pings"] >= 3
    assert seen["code"] == 1000 and seen["clean"]
    assert answer.problems == []


def test_silence_ends_it(gateway, tmp_path):
    answer = run_page("pages/hub_silence.mjs", gateway.url, tmp_path)
    assert answer.result["pings"] == 2
    assert answer.result["code"] == 3008


def test_user_and_chat(gateway, tmp_path):
    answer = run_page("pages/hub_chat.mjs", gateway.url, tmp_path, text="Good morning, browser")
    seen = answer.result
    assert seen["user"][0]["type"] == "connection_ack" and seen["user"][1]["type"] == "pong"
    assert seen["chat"][0]["type"] == "connection_ack"
    assert "".join(message["data"]["content"] for message in seen["chat"][1:-1]) == "Good morning, browser"
    assert seen["chat"][-1]["data"] == {"content": "Good morning, browser", "agent": "echo"}
    assert answer.problems == []
