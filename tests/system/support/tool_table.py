"""The table of tools in docs/home-assistant.md, written by a test run from what was really called.

    PATCHBAY_TOOL_TABLE=2024.3 scripts/pytest ha_*_test.py
    PATCHBAY_TOOL_TABLE=2026.11 PATCHBAY_HA=newest scripts/pytest ha_*_test.py

Each run fills its own column: how long the answer to a successful call took (median, milliseconds), "fails" where a test
that called the tool failed, "refused" where it only ever answered an error. Other columns stay as they are.
"""
import os
import re
import statistics
from pathlib import Path

from .record import calls

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "home-assistant.md"
BEGIN, END = "<!-- table of tools: written by the tests -->", "<!-- end of the table -->"
COLUMNS = ["2024.3", "2026.11"]

_seen = 0
_failed: set[str] = set()


def pytest_runtest_logreport(report) -> None:
    """Which tools the failed tests called; set-up, call and end of a test each report."""
    global _seen
    if report.failed:
        _failed.update(operation for operation, _, _ in calls[_seen:])
    if report.when == "teardown" or report.failed:
        _seen = len(calls)


def pytest_sessionfinish() -> None:
    column = os.environ.get("PATCHBAY_TOOL_TABLE")
    if column:
        write(column, cells())


def cells() -> dict[str, str]:
    """What this run says of each tool that it called."""
    times: dict[str, list[float]] = {}
    for operation, status, milliseconds in calls:
        if operation.startswith("ha_"):
            times.setdefault(operation, []).extend([milliseconds] if status == 200 else [])
    return {tool: "fails" if tool in _failed else f"{statistics.median(good):.1f}" if good else "refused" for tool, good in times.items()}


def read(text: str) -> dict[str, dict[str, str]]:
    rows = {}
    for tool, *values in re.findall(r"^\| `(ha_\w+)` \| ([^|]*) \| ([^|]*) \|$", text, re.MULTILINE):
        rows[tool] = {name: value.strip() for name, value in zip(COLUMNS, values)}
    return rows


def write(column: str, new: dict[str, str]) -> None:
    if column not in COLUMNS:
        raise ValueError(f"PATCHBAY_TOOL_TABLE is {column}; there are {', '.join(COLUMNS)}")
    text = DOCUMENT.read_text()
    if BEGIN not in text:
        raise ValueError(f"{DOCUMENT} has no place for the table: {BEGIN}")
    before, rest = text.split(BEGIN, 1)
    old, after = rest.split(END, 1)
    rows = read(old)
    for tool, value in new.items():
        rows.setdefault(tool, {})[column] = value
    head = "| tool | " + " | ".join(f"{name}, ms" for name in COLUMNS) + " |\n|---|" + "--:|" * len(COLUMNS) + "\n"
    lines = "".join(f"| `{tool}` | {' | '.join(rows[tool].get(name, '') for name in COLUMNS)} |\n" for tool in sorted(rows))
    DOCUMENT.write_text(f"{before}{BEGIN}\n{head}{lines}{END}{after}")
