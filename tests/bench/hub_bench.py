#!/usr/bin/env python3
"""The hub beside a plain Beast server and a FastAPI server: CPU per delivery, rates, latency, memory.

    tests/bench/hub_bench.py [--build build/release] [--rounds 5] [--seconds 3] [--only fanout] [--python VENV/bin/python]

Every server runs on core 0, the driver (hub_load) on core 1. Rounds alternate between the servers, and what is printed is
the median of each and their ratio. --python names an interpreter that has fastapi and uvicorn[standard]; without it the
FastAPI rows are left out, and it says so. A failed connection ends the run.
"""
import argparse
import json
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
CONFIG = """
server: {{shards: {shards}}}
hub: {{echo: true, namespaces: [{{pattern: bench, subscribe: hub.subscribe, publish: hub.publish}}]}}
websocket_server: {{settings: {{max_connections: 20000}}}}
"""


@contextmanager
def running(command: list, cores: str = "0"):
    """A server that says `listening on URL`: (port, pid); ended by SIGTERM."""
    process = subprocess.Popen(["taskset", "-c", cores, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        line = process.stdout.readline().strip()
        match = re.fullmatch(r"listening on http://\S+:(\d+)", line)
        if not match:
            sys.exit(f"{command[0]} said {line!r} instead of 'listening on ...'")
        yield int(match[1]), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


class Bench:
    def __init__(self, options):
        self.options = options
        self.bin = options.build.resolve() / "bin"

    def server(self, kind: str, shards: int = 1):
        if kind == "beast":
            return running([self.bin / "bench" / "beast_chat_server"])
        if kind == "beast_unfragmented":
            return running([self.bin / "bench" / "beast_chat_server", "--auto-fragment", "0"])
        if kind == "beast_no_delay":
            return running([self.bin / "bench" / "beast_chat_server", "--no-delay", "1"])
        if kind == "fastapi":
            return running([self.options.python, ROOT / "tests/bench/fastapi_chat_server.py"])
        config = tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False)
        config.write(CONFIG.format(shards=shards))
        config.close()
        return running([self.bin / "patchbay", "serve", "--config", config.name, "--listen", "127.0.0.1:0"],
                       "0" if shards == 1 else "0,1")

    def load(self, port: int, pid: int, *arguments) -> dict:
        command = ["taskset", "-c", "1", self.bin / "bench" / "hub_load", "--port", port, "--pid", pid, *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240)
        if done.returncode != 0:
            sys.exit(f"hub_load {' '.join(map(str, arguments))}: {done.stderr.strip()[:500]}")
        return json.loads(done.stdout)

    def rounds(self, kinds: list[str], *arguments, shards: dict | None = None, seconds: bool = True) -> dict[str, list[dict]]:
        results: dict[str, list[dict]] = {kind: [] for kind in kinds}
        if seconds:
            arguments = (*arguments, "--seconds", self.options.seconds)
        for number in range(self.options.rounds):
            for kind in kinds if number % 2 == 0 else kinds[::-1]:
                with self.server(kind, (shards or {}).get(kind, 1)) as (port, pid):
                    path = ("--path", "/ws/echo") if "echo" in arguments and not kind.startswith("beast") else ()
                    results[kind].append(self.load(port, pid, *arguments, *path))
        return results

    @property
    def others(self) -> list[str]:
        return ["beast"] + (["fastapi"] if self.options.python else [])


def median(results: list[dict], field: str) -> float:
    return statistics.median(result[field] for result in results)


def row(name: str, field: str, results: dict, unit: str, bars: dict[str, str]) -> None:
    ours = median(results["hub"], field)
    parts = [f"{name:44} hub {ours:12,.2f} {unit}"]
    for kind, values in results.items():
        if kind != "hub":
            other = median(values, field)
            parts.append(f"{kind} {other:,.2f} (ratio {ours / other:.2f}, bar {bars.get(kind, '-')})")
    share = max(median(values, "driver_cpu_share") for values in results.values()) if "driver_cpu_share" in results["hub"][0] else 0
    print("  ".join(parts) + (f"  driver {share:.0%}" if share else ""), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--python", help="interpreter with fastapi and uvicorn[standard]")
    bench = Bench(parser.parse_args())
    if not bench.options.python:
        print("no --python: the FastAPI rows are left out")

    def wanted(name: str) -> bool:
        return bench.options.only in name

    if wanted("fanout"):
        results = bench.rounds(["hub", *bench.others, "beast_no_delay"], "--connections", 1000, "--wait")
        row("fanout 128 B to 1,000, one waiting publisher", "server_cpu_us_per_delivery", results, "us CPU", {"beast": "0.70", "fastapi": "0.33"})
        row("  publish to last delivery, p50 (bar 8 ms)", "p50_ms", results, "ms", {})
        results = bench.rounds(["hub", *bench.others], "--connections", 1000, "--publishers", 8)
        row("fanout, eight publishers (bar 1,000,000)", "deliveries_per_second", results, "/s", {"beast": "8", "fastapi": "20"})
    if wanted("large"):
        results = bench.rounds(["hub", "beast", "beast_unfragmented"], "--connections", 1000, "--publishers", 8, "--size", 16384)
        row("fanout 16 KiB to 1,000", "deliveries_per_second", results, "/s", {"beast": "6", "beast_unfragmented": "1.6"})
        results = bench.rounds(["hub"], "--connections", 1000, "--wait", "--size", 16384)
        row("  memory up by, one at a time (bar 4,194,304)", "memory_up_bytes", results, "bytes", {})
    if wanted("many"):
        results = bench.rounds(["hub"], "--connections", 10000, "--wait")
        row("publish to last of 10,000, p50 (bar 100 ms)", "p50_ms", results, "ms", {})
    if wanted("echo"):
        results = bench.rounds(["hub", *bench.others], "--mode", "echo", "--connections", 100)
        row("echo 128 B, 100 connections", "deliveries_per_second", results, "/s", {"beast": "1.2"})
    if wanted("connect"):
        # With Nagle's algorithm a second small answer waits for the client's delayed acknowledgement.
        results = bench.rounds(["hub", "beast", "beast_no_delay"], "--mode", "connect", "--connections", 10000, seconds=False)
        row("connect and subscribe 10,000", "per_second", results, "/s", {"beast": "0.8", "beast_no_delay": "0.8"})
        row("  idle subscribed connection (bar 5,120)", "bytes_per_connection", results, "bytes", {})
    if wanted("shards"):
        one, two = "hub", "two shards"
        results = bench.rounds([one, two], "--connections", 1000, "--wait", shards={one: 1, two: 2})
        print(f"{'CPU a delivery, two shards over one (bar 1.15)':44} {median(results[two], 'server_cpu_us_per_delivery') / median(results[one], 'server_cpu_us_per_delivery'):.2f}")
    if wanted("stuck"):
        results = bench.rounds(["hub"], "--connections", 10, "--publishers", 1, "--unread", 1)
        row("publish beside one that never reads, p99.9 (bar 10)", "p999_ms", results, "ms", {})


if __name__ == "__main__":
    main()
