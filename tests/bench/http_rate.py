#!/usr/bin/env python3
"""Requests a second over keep-alive: the gateway beside a plain Beast server, on one core, in turns.

    tests/bench/http_rate.py [--build build/release] [--rounds 5] [--seconds 5] [--connections 64] [--only system_info]

Both servers run on core 0 with one thread each, wrk on core 1. The comparison server answers the very bytes that the
gateway answers, so that both write the same amount. Rounds alternate between the two; what is printed is the median of
each and their ratio. A round with a failed or refused request ends the run.

Beside the rates stands the processor time that each server took for one request. On a quiet machine its ratio says the
same as the rates, since each server has one full core; on a machine that others use it is the one to look at.
"""
import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CASES = {"system_info": ("{}", 0.8), "echo_say": ('{"text":"hello"}', 0.7)}


@contextmanager
def running(command: list[str], core: int, env: dict | None = None, log=subprocess.DEVNULL):
    """A program on one core that says `listening on URL`: its url and process id. Ended by SIGTERM."""
    process = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=subprocess.PIPE, stderr=log, text=True, env=env)
    try:
        line = process.stdout.readline().strip()
        match = re.fullmatch(r"listening on (http://\S+)", line)
        if not match:
            sys.exit(f"{command[0]} said {line!r} instead of 'listening on ...'")
        yield match[1], process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def post(url: str, body: str) -> bytes:
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return answer.read()


def processor_seconds(pid: int) -> float:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def rate(url: str, script: Path, arguments) -> tuple[float, str]:
    """Requests a second, and the latency line of wrk."""
    command = ["taskset", "-c", "1", "wrk", "-t", "1", "-c", str(arguments.connections), "-d", f"{arguments.seconds}s",
               "--latency", "-s", str(script), url]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"wrk saw errors at {url}:\n{text}")
    percentiles = re.findall(r"^\s+(50|99)%\s+(\S+)", text, re.MULTILINE)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), " ".join(f"p{p} {value}" for p, value in percentiles)


def measure(tool: str, gateway: str, gateway_pid: int, build: Path, folder: Path, arguments) -> bool:
    body, bar = CASES[tool]
    answer = post(f"{gateway}/{tool}", body)
    if json.loads(answer)["status"] != "success":
        sys.exit(f"{tool} answered {answer!r}")
    script = folder / f"{tool}.lua"
    script.write_text('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
                      f"wrk.body = [[{body}]]\n")
    with running([str(build / "bin/bench/beast_http_server"), "127.0.0.1", "0", answer.decode()], 0) as (beast, beast_pid):
        for url in (gateway, beast):  # warm
            rate(f"{url}/{tool}", script, argparse.Namespace(connections=arguments.connections, seconds=1))
        rates: dict[str, list[float]] = {"gateway": [], "beast": []}
        costs: dict[str, list[float]] = {"gateway": [], "beast": []}
        for turn in range(arguments.rounds):
            order = [("gateway", gateway, gateway_pid), ("beast", beast, beast_pid)]
            for name, url, pid in order if turn % 2 == 0 else reversed(order):
                before = processor_seconds(pid)
                got, latency = rate(f"{url}/{tool}", script, arguments)
                cost = (processor_seconds(pid) - before) / (got * arguments.seconds) * 1e6
                rates[name].append(got)
                costs[name].append(cost)
                print(f"  {tool} round {turn + 1} {name:8} {got:10.0f}/s  {cost:6.2f} us of processor  {latency}", flush=True)
    ours, theirs = statistics.median(rates["gateway"]), statistics.median(rates["beast"])
    cost, their_cost = statistics.median(costs["gateway"]), statistics.median(costs["beast"])
    print(f"{tool}: gateway {ours:.0f}/s, plain Beast {theirs:.0f}/s, ratio {ours / theirs:.2f} (bar {bar}); processor time a "
          f"request {cost:.2f} us, {their_cost:.2f} us, ratio {their_cost / cost:.2f}; {len(answer)} bytes an answer", flush=True)
    return ours / theirs >= bar


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--only", choices=CASES, action="append")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="patchbay-bench-") as name:
        folder = Path(name)
        config = folder / "patchbay.yaml"
        config.write_text("server:\n  shards: 1\n")
        env = {key: value for key, value in os.environ.items() if not key.startswith(("HA_", "PATCHBAY_"))}
        env |= {"XDG_RUNTIME_DIR": name, "XDG_STATE_HOME": name, "XDG_CONFIG_HOME": name}
        command = [str(arguments.build / "bin/patchbay"), "serve", "--config", str(config), "--listen", "127.0.0.1:0"]
        with open(folder / "log", "w+") as log, running(command, 0, env, log) as (gateway, pid):
            results = [measure(tool, gateway, pid, arguments.build, folder, arguments) for tool in arguments.only or CASES]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
