"""Writes down which operations a test run called, for the contract test at its end.

With PATCHBAY_RECORD=FILE in the environment every answer adds one line:
{"operation": "system_health", "status": 200, "streamed": false}. Test programs in other languages may add to the same file:
each line is one write to a file opened for appending. `calls` keeps those of this process for the table of tools (see
tool_table.py), with how long each took.
"""
import json
import os

calls: list[tuple[str, int, float]] = []  # operation, status, milliseconds


def record(operation: str, status: int, streamed: bool = False, milliseconds: float = 0.0) -> None:
    calls.append((operation, status, milliseconds))
    path = os.environ.get("PATCHBAY_RECORD")
    if not path:
        return
    line = json.dumps({"operation": operation, "status": status, "streamed": streamed}) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)
