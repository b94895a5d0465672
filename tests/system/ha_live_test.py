"""Live channels: every state of Home Assistant on the hub, in order and once, the last value for who subscribes, recovery,
and listeners that come through a restart of Home Assistant with the truth; triggers and templates as streams."""
import threading
import uuid

import pytest

from ha_events_test import fire, subscriptions, wait_for
from support.hub_client import HubClient


@pytest.fixture(scope="module")
def tool(gateway_with_ha):
    gateway_with_ha.call("ha_list_entities", limit=1)  # the mirror is there
    return gateway_with_ha


def set_level(home_assistant, value):
    home_assistant.call_service("input_number", "set_value", {"value": value}, {"entity_id": "input_number.lab_level"})


LEVEL = "ha.state.input_number.lab_level"


class Follower:
    """A client that keeps what it hears on a channel, in a thread of its own."""

    def __init__(self, gateway, channel):
        self.client = HubClient(gateway)
        self.answer = self.client.subscribe(channel)
        self.messages = list(self.client.kept)
        self.client.kept.clear()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        from websockets.exceptions import ConnectionClosed
        try:
            while True:
                self.messages.append(self.client.next(timeout=120))
        except (ConnectionClosed, OSError, TimeoutError):
            pass

    def close(self):
        self.client.close()
        self.thread.join(10)


def test_every_change_in_order_and_once(tool, home_assistant):
    set_level(home_assistant, 1)
    wait_for(lambda: float(tool.call("ha_get_entity_state", entity_id="input_number.lab_level")["state"]) == 1)
    followers = [Follower(tool, channel) for channel in ("ha.states", "ha.state.input_number.*", LEVEL) * 5]
    before = subscriptions(tool)
    try:
        for value in range(2, 42):
            set_level(home_assistant, value)

        def levels(follower):
            return [float(one["data"]["state"]) for one in follower.messages
                    if one["type"] == "state_changed" and one["data"]["entity_id"] == "input_number.lab_level" and one["data"]["previous"] is not None]
        wait_for(lambda: all(levels(one)[-1:] == [41.0] for one in followers), 20)
        for follower in followers:
            heard = levels(follower)
            assert (heard if heard[0] == 2.0 else heard[1:]) == [float(value) for value in range(2, 42)]
            offsets = [one["offset"] for one in follower.messages if one["channel"] == LEVEL]
            assert offsets == sorted(set(offsets))
        theirs = home_assistant.state("input_number.lab_level")
        for follower in followers:
            last = [one for one in follower.messages if one["data"]["entity_id"] == "input_number.lab_level"][-1]
            assert last["data"] == {**theirs, "previous": "40.0"} and last["channel"] in ("ha.states", LEVEL)
        assert subscriptions(tool) == before  # listeners cost Home Assistant nothing
    finally:
        for follower in followers:
            follower.close()


def test_who_subscribes_gets_the_last_value(tool, home_assistant):
    set_level(home_assistant, 50)
    wait_for(lambda: float(tool.call("ha_get_entity_state", entity_id="input_number.lab_level")["state"]) == 50)
    with HubClient(tool) as client:
        answer = client.subscribe(LEVEL)
        value = client.next()
        assert (value["type"], value["channel"], value["offset"]) == ("state_changed", LEVEL, answer["offset"])
        assert value["data"]["state"] == "50.0"
        client.subscribe("ha.state.sun.sun")
        assert client.next()["data"]["entity_id"] == "sun.sun"  # unchanged since the start


def test_a_domain_begins_with_the_last_value_of_each_entity(tool, home_assistant):
    lights = {one["entity_id"]: one["state"] for one in home_assistant.ws_command({"type": "get_states"}) if one["entity_id"].startswith("light.")}
    lamp = min(name for name, state in lights.items() if state in ("on", "off"))
    with HubClient(tool) as client:
        client.subscribe("ha.state.light.*")
        client.send(type="ping")
        client.until("pong")
        first = list(client.kept)
        client.kept.clear()
        channels = [one["channel"] for one in first]
        assert len(channels) == len(set(channels)) and all(one["channel"] == f"ha.state.{one['data']['entity_id']}" for one in first)
        assert {one["data"]["entity_id"]: one["data"]["state"] for one in first if one["type"] == "state_changed"} == lights
        try:
            home_assistant.call_service("light", "toggle", target={"entity_id": lamp})
            change = client.next()
            assert (change["channel"], change["data"]["previous"]) == (f"ha.state.{lamp}", lights[lamp])
            assert change["offset"] == next(one["offset"] for one in first if one["channel"] == change["channel"]) + 1
        finally:
            home_assistant.call_service("light", "toggle", target={"entity_id": lamp})


@pytest.mark.parametrize("channel", [LEVEL, "ha.states"])
def test_recovery_is_exact(tool, home_assistant, channel):
    set_level(home_assistant, 60)
    wait_for(lambda: float(tool.call("ha_get_entity_state", entity_id="input_number.lab_level")["state"]) == 60)
    with HubClient(tool) as client:
        answer = client.subscribe(channel)
    for value in range(61, 71):
        set_level(home_assistant, value)
    wait_for(lambda: float(tool.call("ha_get_entity_state", entity_id="input_number.lab_level")["state"]) == 70)
    with HubClient(tool) as client:
        back = client.subscribe(channel, recover={"epoch": answer["epoch"], "offset": answer["offset"]})
        assert back["recovered"] is True
        heard, offset = [], answer["offset"]
        while heard[-1:] != [70.0]:
            message = client.next()
            assert message["offset"] == offset + 1
            offset += 1
            if message["data"]["entity_id"] == "input_number.lab_level":
                heard.append(float(message["data"]["state"]))
        assert heard == [float(value) for value in range(61, 71)]
        lost = client.request(type="subscribe", channel="ha.state.sun.sun", recover={"epoch": "0", "offset": 1})
        assert lost["recovered"] is False and client.next()["data"]["entity_id"] == "sun.sun"  # the truth as it is


def test_events_by_type(tool, home_assistant):
    kind = f"lab_{uuid.uuid4().hex[:10]}"
    with HubClient(tool) as client:
        client.subscribe(f"ha.events.{kind}")
        fire(home_assistant, kind, {"n": 1, "text": "ü"})
        message = client.next()
        assert message["type"] == kind and message["data"]["data"] == {"n": 1, "text": "ü"} and message["data"]["event_type"] == kind
    with HubClient(tool) as client:
        client.send(type="publish", channel="ha.states", event="x", data={})
        assert client.next()["code"] == "forbidden"


def test_an_entity_that_goes_is_told(tool, home_assistant):
    entity = f"sensor.lab_{uuid.uuid4().hex[:8]}"
    with HubClient(tool) as client:
        client.subscribe(f"ha.state.{entity}")
        home_assistant.rest("POST", f"/api/states/{entity}", {"state": "1"})
        assert client.next()["data"]["previous"] is None
        home_assistant.rest("DELETE", f"/api/states/{entity}")
        message = client.next()
        assert message["type"] == "state_removed" and message["data"] == {"entity_id": entity, "state": None, "previous": "1"}


def test_the_truth_through_a_restart(private_home_assistant, make_gateway):
    """Only what differs is told, nothing twice, and in the end each listener knows every state as it is."""
    gateway = make_gateway(env={"HA_URL": private_home_assistant.url, "HA_TOKEN": private_home_assistant.token})
    private_home_assistant.rest("POST", "/api/states/sensor.lab_gone", {"state": "1"})
    private_home_assistant.call_service("input_number", "set_value", {"value": 5}, {"entity_id": "input_number.lab_level"})
    wait_for(lambda: gateway.reply("ha_get_entity_state", {"entity_id": "sensor.lab_gone"}).status == 200)
    followers = [Follower(gateway, "ha.states") for _ in range(20)]
    try:
        # What was told of the first states ends with this; from here on only changes come.
        private_home_assistant.call_service("input_number", "set_value", {"value": 4}, {"entity_id": "input_number.lab_level"})
        for follower in followers:
            wait_for(lambda: any(one["data"]["entity_id"] == "input_number.lab_level" and one["data"]["state"] == "4.0" for one in list(follower.messages)), 20)
        known = {one["entity_id"]: one for one in gateway.call("ha_get_states")["states"]}
        for follower in followers:
            follower.messages.clear()
        private_home_assistant.restart()

        def same(follower):
            theirs = {one["entity_id"]: (one["state"], one["attributes"]) for one in private_home_assistant.ws_command({"type": "get_states"})}
            return theirs == told(follower)

        def told(follower):
            truth = {name: (one["state"], one["attributes"]) for name, one in known.items()}
            for message in list(follower.messages):
                if message["type"] == "state_removed":
                    truth.pop(message["data"]["entity_id"], None)
                else:
                    truth[message["data"]["entity_id"]] = (message["data"]["state"], message["data"]["attributes"])
            return truth
        wait_for(lambda: all(same(one) for one in followers[:1]), 30)
        private_home_assistant.call_service("input_number", "set_value", {"value": 6}, {"entity_id": "input_number.lab_level"})
        for follower in followers:
            wait_for(lambda: told(follower).get("input_number.lab_level", [""])[0] == "6.0", 10)
            assert same(follower)
            assert "sensor.lab_gone" not in told(follower)
            offsets = [one["offset"] for one in follower.messages]
            assert offsets == list(range(offsets[0], offsets[0] + len(offsets)))
        # Most demo entities come back as they were: nothing is told of them.
        last = {name: (one["state"], one["attributes"]) for name, one in known.items()}
        settled = False
        for message in followers[0].messages:
            now = (message["data"]["state"], message["data"].get("attributes"))
            settled = settled or message["data"]["entity_id"] == "input_number.lab_level" and now[0] == "6.0"
            assert settled or last.get(message["data"]["entity_id"]) != now, message
            last[message["data"]["entity_id"]] = now
        assert len({one["data"]["entity_id"] for one in followers[0].messages}) < len(known) / 2
    finally:
        for follower in followers:
            follower.close()


# --- streams of the caller's own

class Streaming:
    def __init__(self, tool, name, **arguments):
        self.events, self.tool, self.name, self.arguments = [], tool, name, arguments
        self.begun = threading.Event()

    def __enter__(self):
        self.before = subscriptions(self.tool)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        wait_for(lambda: subscriptions(self.tool) == self.before + 1)
        return self

    def run(self):
        with self.tool.stream(self.name, **self.arguments) as events:
            for event in events:
                self.events.append(event)

    def __exit__(self, *_):
        self.thread.join(20)
        assert not self.thread.is_alive()
        wait_for(lambda: subscriptions(self.tool) == self.before)


def test_a_trigger_as_a_stream(tool, home_assistant):
    home_assistant.call_service("input_boolean", "turn_off", target={"entity_id": "input_boolean.lab_second"})
    trigger = {"platform": "state", "entity_id": "input_boolean.lab_second", "to": "on"}
    with Streaming(tool, "ha_subscribe_trigger", trigger=trigger, limit=2) as stream:
        for _ in range(2):
            home_assistant.call_service("input_boolean", "turn_on", target={"entity_id": "input_boolean.lab_second"})
            home_assistant.call_service("input_boolean", "turn_off", target={"entity_id": "input_boolean.lab_second"})
    fired = [one.json() for one in stream.events if one.event == "trigger"]
    assert [one["variables"]["trigger"]["to_state"]["state"] for one in fired] == ["on", "on"]
    assert stream.events[-1].event == "end" and stream.events[-1].json()["data"] == {"events": 2, "dropped": 0, "reason": "limit"}


def test_a_template_as_a_stream(tool, home_assistant):
    set_level(home_assistant, 80)
    template = "{{ states('input_number.lab_level') | int + offset }}"
    with Streaming(tool, "ha_subscribe_template", template=template, variables={"offset": 1}, limit=3) as stream:
        wait_for(lambda: len(stream.events) == 1)
        set_level(home_assistant, 81)
        wait_for(lambda: len(stream.events) == 2)
        set_level(home_assistant, 82)
    assert [one.json()["result"] for one in stream.events if one.event == "result"] == [81, 82, 83]


def test_streams_that_cannot_be(tool):
    error = tool.error("ha_subscribe_trigger", trigger={"platform": "no_such"})
    assert error.status in (400, 502), error
    assert tool.error("ha_subscribe_trigger").pointer == "/trigger"
    error = tool.error("ha_subscribe_template", template="{{ 1 / 0 }}")
    assert (error.status, error.pointer) == (400, "/template")
    assert tool.error("ha_subscribe_template", template="").pointer == "/template"
    with tool.stream("ha_subscribe_template", template="{{ 1 }}", timeout_s=1) as events:
        kinds = [one.event for one in events]
    assert kinds == ["result", "end"]
