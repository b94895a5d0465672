#!/usr/bin/env python3
"""Home Assistant's live state for many: reads from the mirror, and a thousand subscribers while it changes and restarts.

    $(scripts/venv)/bin/python tests/bench/ha_live.py [--build build/release] [--subscribers 1000] [--rate 200] [--seconds 60]

Starts a Home Assistant with demo devices (PATCHBAY_HA=newest: the newest one) and a gateway. An observer on Home
Assistant's own socket writes down every change; one subscriber of `ha.states` is compared with it message by message,
and all others with that one byte by byte (hub_load --mode follow). Exits 1 when anything was lost, reordered or doubled.
"""
import argparse
import contextlib
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

from ha_latency import Line, milliseconds, resident_mb  # noqa: E402
from http_rate import processor_seconds  # noqa: E402

failures: list[str] = []


def check(holds: bool, what: str) -> None:
    if not holds:
        failures.append(what)
        print(f"  NOT SO: {what}")


class Changes:
    """Changes states at a steady rate, over one connection to Home Assistant's REST interface."""

    def __init__(self, home, rate: float):
        self.home, self.rate, self.made = home, rate, 0
        self.connection = http.client.HTTPConnection("127.0.0.1", home.port, timeout=30)

    def one(self) -> None:
        self.made += 1
        body = json.dumps({"state": str(self.made), "attributes": {"friendly_name": f"Live {self.made % 200}"}})
        self.connection.request("POST", f"/api/states/sensor.live_{self.made % 200}", body,
                                {"Authorization": f"Bearer {self.home.token}", "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        answer.read()
        if answer.status not in (200, 201):
            raise SystemExit(f"Home Assistant answered {answer.status} to a new state")

    def run(self, seconds: float) -> float:
        """The rate that was reached."""
        begin, done = time.monotonic(), 0
        while time.monotonic() - begin < seconds:
            self.one()
            done += 1
            time.sleep(max(0.0, begin + done / self.rate - time.monotonic()))
        return done / (time.monotonic() - begin)


class Listener(threading.Thread):
    """Keeps what a connection says, as (entity, state) in the order of its coming."""

    def __init__(self, receive):
        super().__init__(daemon=True)
        self.heard: list[tuple[str, str | None]] = []
        self.receive = receive
        self.start()

    def run(self):
        from websockets.exceptions import ConnectionClosed
        with contextlib.suppress(ConnectionClosed, OSError, TimeoutError):
            while True:
                self.heard.append(self.receive())

    def of(self, prefix: str) -> list[tuple[str, str | None]]:
        return [one for one in list(self.heard) if one[0].startswith(prefix)]


def observer(home, socket) -> Listener:
    subscription = socket.subscribe({"type": "subscribe_events", "event_type": "state_changed"})

    def receive():
        data = socket.next_event(subscription, timeout=120)["data"]
        return data["entity_id"], data["new_state"] and data["new_state"]["state"]
    return Listener(receive)


def subscriber(gateway) -> Listener:
    from support.hub_client import HubClient
    client = HubClient(gateway)
    client.subscribe("ha.states")

    def receive():
        message: dict = {}
        while message.get("channel") != "ha.states":  # the last words of a gateway that stops are none of these
            message = client.kept.popleft() if client.kept else client.next(timeout=120)
        return message["data"]["entity_id"], message["data"]["state"]
    return Listener(receive)


@contextlib.contextmanager
def followers(build: Path, gateway, count: int):
    """`count` subscribers in one program; yields a dictionary that has what they saw once the block has ended."""
    command = [str(build / "bin" / "bench" / "hub_load"), "--mode", "follow", "--channel", "ha.states", "--port", str(gateway.port),
               "--connections", str(count)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    seen: dict = {}
    try:
        assert process.stdout.readline() == "ready\n"
        yield seen
    finally:
        process.send_signal(signal.SIGTERM)
        text = process.communicate(timeout=60)[0]
        seen.update(json.loads(text or "{}"))


def subscriptions_of(admin: Line) -> int:
    admin.connection.close()  # it has been idle for longer than the gateway allows
    return sum(one["subscriptions"] for one in admin.call("websocket_status", {})["connections"] if one["owner"] == "plugin:home_assistant")


def reads(home, gateway, rounds: int) -> None:
    line = Line(gateway.port)
    direct = http.client.HTTPConnection("127.0.0.1", home.port, timeout=30)

    def ask_home() -> None:
        direct.request("GET", "/api/states/light.bed_light", headers={"Authorization": f"Bearer {home.token}"})
        direct.getresponse().read()

    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(milliseconds(ask_home))
        ours.append(milliseconds(lambda: line.call("ha_get_entity_state", {"entity_id": "light.bed_light"})))
    print(f"one state          {statistics.median(ours):8.3f} ms   Home Assistant itself {statistics.median(theirs):.3f} ms")
    check(statistics.median(ours) < statistics.median(theirs), "a state from the mirror is faster than from Home Assistant")


def many_clients(gateway, clients: int) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write('wrk.method = "POST"\nwrk.body = "{}"\nwrk.headers["Content-Type"] = "application/json"\n')
        script.flush()
        text = subprocess.run(["wrk", "-t", "1", "-c", str(clients), "-d", "5s", "--latency", "-s", script.name, f"http://127.0.0.1:{gateway.port}/ha_list_entities"],
                              capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])
    worst = re.search(r"99%\s+([\d.]+)(us|ms|s)", text)
    p99 = float(worst[1]) * {"us": 0.001, "ms": 1, "s": 1000}[worst[2]]
    print(f"ha_list_entities   {rate:8.0f} calls a second from {clients} clients, p99 {p99:.1f} ms   (bar 2,920, p95 20 ms)")
    check("Non-2xx" not in text and rate >= 2920 and p99 < 20, "fifty clients at once list entities")


def live(home, gateway, admin: Line, build: Path, options) -> None:
    changes = Changes(home, options.rate)
    for _ in range(200):
        changes.one()
    line = Line(gateway.port)
    while line.call("ha_list_entities", {"search": "live_", "limit": 1})["total"] < 200:
        time.sleep(0.05)
    with home.client.socket() as socket:
        watched = observer(home, socket)
        heard = subscriber(gateway)
        shares = {}
        for count in (0, options.subscribers):
            with contextlib.ExitStack() as stack:
                seen = stack.enter_context(followers(build, gateway, count)) if count else None
                theirs, ours = processor_seconds(home.pid), processor_seconds(gateway.pid)
                rate = changes.run(options.seconds if count else min(20, options.seconds))
                passed = options.seconds if count else min(20, options.seconds)
                shares[count] = (processor_seconds(home.pid) - theirs) / passed
                upstream = subscriptions_of(admin)
                print(f"{count + 1:5} subscribers  {rate:8.1f} changes a second; Home Assistant {100 * shares[count]:.0f} % of a core, the gateway "
                      f"{100 * (processor_seconds(gateway.pid) - ours) / passed:.0f} %, subscriptions upstream {upstream}")
                check(upstream == 1, "Home Assistant sees one subscription")
                limit = time.monotonic() + 10
                while heard.of("sensor.live_")[-1][1] != str(changes.made) and time.monotonic() < limit:
                    time.sleep(0.05)
            if seen:
                print(f"  {seen['connections']} connections, {seen['messages']} messages to each, {seen['alike']} alike, {seen['out_of_order']} out of order")
                check(seen["alike"] == options.subscribers and seen["out_of_order"] == 0, "every subscriber got the same, without a gap")
                check(seen["messages"] >= rate * passed - 1, "every subscriber got every change")
        mine, truth = heard.of("sensor.live_"), watched.of("sensor.live_")
        check(mine == truth[-len(mine):] and len(mine) == changes.made - 200, f"what came is what happened: {len(mine)} of {changes.made - 200}")
        print(f"  {len(mine)} changes came to a subscriber as Home Assistant told them to its own observer")


def restart(home, gateway, build: Path, options) -> None:
    heard = subscriber(gateway)
    line = Line(gateway.port)
    known = {one["entity_id"]: one["state"] for one in line.call("ha_get_states", {"limit": 10000})["states"]}
    with followers(build, gateway, options.subscribers) as seen:
        took = milliseconds(home.restart)
        changes = Changes(home, options.rate)
        changes.run(2)

        def same() -> bool:
            theirs = {one["entity_id"]: one["state"] for one in home.client.ws_command({"type": "get_states"})}
            told = dict(known)
            for entity, state in list(heard.heard):
                told.pop(entity, None) if state is None else told.__setitem__(entity, state)
            return told == theirs
        limit = time.monotonic() + 30
        while not (right := same()) and time.monotonic() < limit:
            time.sleep(0.2)
    print(f"restart of {took / 1000:.1f} s: {seen['messages']} messages to each of {seen['connections']}, {seen['alike']} alike, {seen['out_of_order']} out of order; "
          f"true in the end: {right}")
    check(right and seen["alike"] == options.subscribers and seen["out_of_order"] == 0, "every subscriber ends with the true state of every entity")


def frozen(home, gateway) -> None:
    line = Line(gateway.port)
    home.sigstop()
    try:
        begin = time.monotonic()
        answers: dict[str, list[float]] = {}
        aged = None
        while time.monotonic() - begin < 15:
            at = time.monotonic()
            line.connection.request("POST", "/ha_list_dashboards", "{}", {**line.headers, "Patchbay-Timeout-Ms": "2000"})
            answer = line.connection.getresponse()
            code = json.loads(answer.read())["error"]["code"]
            answers.setdefault(code, []).append(time.monotonic() - at)
            aged = line.call("ha_get_entity_state", {"entity_id": "sun.sun"}).get("mirror_age_ms", aged)
            time.sleep(0.2)
    finally:
        home.sigcont()
    for code, times in answers.items():
        print(f"frozen             {len(times)} calls ended in {code}, the slowest after {max(times):.2f} s")
    print(f"  reads from the mirror said that it is {aged} ms old")
    check(set(answers) <= {"deadline_exceeded", "circuit_open", "unavailable", "connection_lost"} and max(map(max, answers.values())) < 2.5, "calls end within their budget")
    check(aged is not None and aged > 5000, "reads from the mirror say how old they are")


def memory(home, gateway) -> None:
    line = Line(gateway.port)
    changes = Changes(home, 1e9)
    total = 3000
    for n in range(total):
        body = json.dumps({"state": str(n), "attributes": {"friendly_name": f"One of many entities {n}", "unit_of_measurement": "°C", "device_class": "temperature", "padding": "x" * 200}})
        changes.connection.request("POST", f"/api/states/sensor.many_{n}", body, {"Authorization": f"Bearer {home.token}", "Content-Type": "application/json"})
        changes.connection.getresponse().read()
    while line.call("ha_list_entities", {"limit": 1})["total"] < total:
        time.sleep(0.1)
    print(f"resident           {resident_mb(gateway.pid):8.1f} MB with {line.call('ha_list_entities', {'limit': 1})['total']} entities   (bar 60)")
    check(resident_mb(gateway.pid) < 60, "under 60 MB with 3,000 entities")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    build = options.build.resolve()
    os.environ["PATCHBAY_BIN"] = str(build / "bin" / "patchbay")
    os.environ["PATCHBAY_BUILD"] = str(build)
    from support.gateway import Gateway
    from support.home_assistant import HomeAssistant

    with HomeAssistant() as home:
        print(f"Home Assistant {home.version}")
        config = {"plugins": {"home_assistant": {"url": home.url, "token": home.token}}, "limits": {"http_connections": 2000}}
        with Gateway(config=config) as gateway:
            admin = Line(gateway.port, gateway.admin_token)
            reads(home, gateway, 400)
            many_clients(gateway, 50)
            live(home, gateway, admin, build, options)
            restart(home, gateway, build, options)
            frozen(home, gateway)
        with Gateway(config=config) as gateway:
            memory(home, gateway)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
