"""Drives a real headless Chromium through page tests written as .mjs files (their shape: see browser.mjs).

    answer = run_page("pages/docs_search.mjs", gateway.url, tmp_path, word="health")
    assert answer.result == ["system_health"] and not answer.problems

The script's path is relative to tests/system. A script that throws raises AssertionError with its text.
"""
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


@dataclass
class PageAnswer:
    result: object
    problems: list[str]


def run_page(script: str, url: str, folder: Path, timeout: float = 90.0, **arguments) -> PageAnswer:
    """What the script returned, and what the page reported; screenshots go to `folder`."""
    modules = subprocess.run([TESTS.parents[1] / "scripts" / "node-modules"], capture_output=True, text=True, check=True).stdout.strip()
    done = subprocess.run(["node", TESTS / "support" / "browser.mjs", TESTS / script, url, json.dumps(arguments), folder],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False,
                          env={**os.environ, "PATCHBAY_NODE_MODULES": modules})
    assert done.returncode == 0, f"{script} failed:\n{done.stderr}"
    answer = json.loads(done.stdout.splitlines()[-1])
    return PageAnswer(answer["result"], answer["problems"])
