#!/usr/bin/env python3
"""What the gateway adds to Home Assistant: medians through HTTP beside the same question on Home Assistant's own socket.

    $(scripts/venv)/bin/python tests/bench/ha_latency.py [--build build/release] [--rounds 400] [--clients 50]

Starts a Home Assistant with demo devices and a gateway with one shard, asks both in turn so that noise hits them alike,
then measures a dashboard's life, many clients at once, start and memory. Every answer is checked; one wrong one ends it.
"""
import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))


def milliseconds(action) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000


class Line:
    """One kept-alive connection to the gateway."""

    def __init__(self, port: int, token: str | None = None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}

    def call(self, tool: str, arguments: dict | None = None) -> dict:
        self.connection.request("POST", f"/{tool}", json.dumps(arguments or {}), self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{tool} answered {answer.status}: {body[:300]}")
        return json.loads(body)["data"] if arguments is not None else {}


def compare(name: str, through, direct, rounds: int, bar: float) -> None:
    for _ in range(20):
        through(), direct()
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(milliseconds(direct))
        ours.append(milliseconds(through))
    added = statistics.median(ours) - statistics.median(theirs)
    print(f"{name:24} {statistics.median(ours):8.3f} ms   directly {statistics.median(theirs):7.3f} ms   added {added:+.3f} ms (bar {bar:+.1f})")


def show(name: str, values: list[float], bar: float) -> None:
    print(f"{name:24} {statistics.median(values):8.3f} ms   worst {max(values):8.3f} ms   (bar {bar:.0f})")


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def connect_and_authenticate(admin: Line, url: str, token: str) -> None:
    opening = [{"expect": {"type": "auth_required"}}, {"send": {"type": "auth", "access_token": token}},
               {"expect": {"type": "auth_ok"}, "refuse": {"type": "auth_invalid"}}]
    made = admin.call("websocket_connect", {"url": url.replace("http", "ws", 1) + "/api/websocket", "opening": opening})
    connections.append(made["connection_id"])


connections: list[str] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--clients", type=int, default=50)
    options = parser.parse_args()
    os.environ["PATCHBAY_BIN"] = str(options.build.resolve() / "bin" / "patchbay")
    os.environ["PATCHBAY_BUILD"] = str(options.build.resolve())
    from support.gateway import Gateway
    from support.home_assistant import HomeAssistant
    from support.home_assistant_client import Client

    with HomeAssistant() as home:
        config = {"server": {"shards": 1},
                  "security": {"outgoing": {"allow": [home.url.removeprefix("http://")]}},
                  "plugins": {"home_assistant": {"url": home.url, "token": home.token}}}
        begin = time.perf_counter()
        with Gateway(config=config) as gateway:
            print(f"start to listening       {(time.perf_counter() - begin) * 1000:8.0f} ms   (bar 300)")
            line, admin = Line(gateway.port), Line(gateway.port, gateway.admin_token)
            line.call("ha_list_dashboards")
            with Client(home.url, home.token).socket() as socket:
                compare("ha_list_dashboards", lambda: line.call("ha_list_dashboards"),
                        lambda: socket.command({"type": "lovelace/dashboards/list"}), options.rounds, 0.3)
                compare("ha_get_states", lambda: line.call("ha_get_states"),
                        lambda: socket.command({"type": "get_states"}), options.rounds, 0.8)

            show("connect + auth", [milliseconds(lambda: connect_and_authenticate(admin, home.url, home.token)) for _ in range(20)], 100)
            for connection in connections:
                admin.call("websocket_close", {"connection_id": connection})
            made = line.call("ha_create_dashboard", {"title": "Bench", "url_path": "bench-latency"})
            config = {"views": [{"title": "One", "cards": [{"type": "markdown", "content": "x" * 200}]}]}
            path = {"url_path": made["url_path"]}
            show("list dashboards", [milliseconds(lambda: line.call("ha_list_dashboards")) for _ in range(100)], 20)
            show("update a dashboard", [milliseconds(lambda: line.call("ha_update_dashboard_config", {**path, "config": config})) for _ in range(50)], 50)
            show("get a dashboard", [milliseconds(lambda: line.call("ha_get_dashboard_config", path)) for _ in range(100)], 20)
            line.call("ha_delete_dashboard", path)

            failures: list[str] = []

            def client() -> None:
                try:
                    own = Line(gateway.port)
                    for _ in range(20):
                        own.call("ha_list_dashboards")
                        own.call("ha_get_states")
                except (SystemExit, OSError, http.client.HTTPException) as error:
                    failures.append(str(error))

            threads = [threading.Thread(target=client) for _ in range(options.clients)]
            took = milliseconds(lambda: ([one.start() for one in threads], [one.join() for one in threads]))
            print(f"{options.clients} clients at once      {options.clients * 40 / took * 1000:8.0f} calls a second, {len(failures)} failed {failures[:2]}")
            for _ in range(10_000):
                line.call("ha_list_dashboards")
            print(f"resident after calls     {resident_mb(gateway.pid):8.1f} MB   (bar 30, one shard)")
            if failures:
                sys.exit(1)


if __name__ == "__main__":
    if subprocess.run([sys.executable, "-c", "import httpx, websockets"], capture_output=True).returncode:
        sys.exit("run it with the tests' own Python: $(scripts/venv)/bin/python tests/bench/ha_latency.py")
    main()
