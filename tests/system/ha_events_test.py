"""ha_subscribe_events: events as they happen, one subscription there for all listeners here."""
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture(scope="module")
def tool(gateway_with_ha):
    gateway_with_ha.call("ha_list_entities", limit=1)  # the subscription of the mirror is there
    return gateway_with_ha


@pytest.fixture
def kind():
    return f"lab_{uuid.uuid4().hex[:10]}"


def subscriptions(tool):
    return sum(one["subscriptions"] for one in tool.admin.call("websocket_status")["connections"] if one["owner"] == "plugin:home_assistant")


def wait_for(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def fire(home_assistant, kind, data=None):
    home_assistant.ws_command({"type": "fire_event", "event_type": kind, "event_data": data or {}})


class Listening:
    """A listener in a thread of its own, which has begun when the block is entered."""

    def __init__(self, tool, **arguments):
        self.events, self.tool, self.arguments = [], tool, arguments
        self.begun = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        assert self.begun.wait(10)
        return self

    def run(self):
        with self.tool.stream("ha_subscribe_events", **self.arguments) as events:
            self.begun.set()
            for event in events:
                self.events.append(event)

    def __exit__(self, *_):
        self.thread.join(20)
        assert not self.thread.is_alive()

    def of(self, kind):
        return [event.json() for event in self.events if event.event == kind]


def test_events_arrive_until_the_limit(tool, home_assistant, kind):
    before = subscriptions(tool)
    with Listening(tool, event_type=kind, limit=3, timeout_s=10) as listener:
        wait_for(lambda: subscriptions(tool) == before + 1)
        for number in range(4):
            fire(home_assistant, kind, {"n": number})
    assert [event["data"]["n"] for event in listener.of(kind)] == [0, 1, 2]
    assert listener.of(kind)[0]["event_type"] == kind
    wait_for(lambda: subscriptions(tool) == before)


def test_only_one_entity(tool, home_assistant):
    before = subscriptions(tool)
    with Listening(tool, event_type="state_changed", entity_id="input_boolean.lab_switch", limit=1, timeout_s=10) as listener:
        wait_for(lambda: subscriptions(tool) == before + 1)
        home_assistant.call_service("input_boolean", "toggle", target={"entity_id": "input_boolean.lab_second"})
        home_assistant.call_service("input_boolean", "toggle", target={"entity_id": "input_boolean.lab_switch"})
    assert [event["data"]["entity_id"] for event in listener.of("state_changed")] == ["input_boolean.lab_switch"]
    wait_for(lambda: subscriptions(tool) == before)


def test_many_listeners_share_one_subscription(tool, home_assistant, kind):
    before = subscriptions(tool)
    listeners = [Listening(tool.caller(None), event_type=kind, limit=2, timeout_s=20) for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(Listening.__enter__, listeners))
    wait_for(lambda: subscriptions(tool) == before + 1)
    fire(home_assistant, kind, {"n": 1})
    fire(home_assistant, kind, {"n": 2})
    for listener in listeners:
        listener.__exit__()
        assert [event["data"]["n"] for event in listener.of(kind)] == [1, 2]
    wait_for(lambda: subscriptions(tool) == before)


def test_a_listener_who_leaves_takes_the_subscription_with_him(tool, kind):
    before = subscriptions(tool)
    with tool.stream("ha_subscribe_events", event_type=kind):
        wait_for(lambda: subscriptions(tool) == before + 1)
    wait_for(lambda: subscriptions(tool) == before)


def test_all_events_take_an_administrator(tool, home_assistant, kind):
    with Listening(tool.admin, limit=1000, timeout_s=2) as listener:
        fire(home_assistant, kind, {"n": 1})
        home_assistant.call_service("input_boolean", "toggle", target={"entity_id": "input_boolean.lab_switch"})
    assert {"call_service", "state_changed", kind} <= {event.event for event in listener.events}


def test_the_time_limit_ends_the_stream(tool, kind):
    begun = time.monotonic()
    with Listening(tool, event_type=kind, timeout_s=1) as listener:
        pass
    assert listener.of(kind) == [] and 0.9 < time.monotonic() - begun < 5


@pytest.mark.parametrize(("arguments", "status", "pointer"), [
    ({}, 403, "/event_type"), ({"event_type": None}, 403, "/event_type"), ({"event_type": "state_changed", "entity_id": "no id"}, 400, "/entity_id"),
    ({"event_type": "x", "limit": 0}, 400, "/limit"), ({"event_type": "x", "timeout_s": 0}, 400, "/timeout_s"), ({"event_type": ""}, 400, "/event_type")])
def test_refused(tool, arguments, status, pointer):
    error = tool.error("ha_subscribe_events", **arguments)
    assert (error.status, error.pointer) == (status, pointer), error


def test_home_assistant_refuses_custom_events_to_a_user(home_assistant, make_gateway, kind):
    resident = make_gateway(env={"HA_URL": home_assistant.url, "HA_TOKEN": home_assistant.user_token})
    assert resident.error("ha_subscribe_events", event_type=kind).code == "forbidden"
    with Listening(resident, event_type="state_changed", limit=1, timeout_s=20) as listener:
        wait_for(lambda: subscriptions(resident) == 7)  # states and five registries for the mirror, the listener
        home_assistant.call_service("input_boolean", "toggle", target={"entity_id": "input_boolean.lab_switch"})
    assert len(listener.of("state_changed")) == 1
