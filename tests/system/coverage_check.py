"""Run after all system tests: every operation of the program was called by one of them, and answered well at least once."""
import json
import subprocess
import sys
from pathlib import Path

from support.gateway import binary


def main(file: str) -> int:
    lines = [json.loads(line) for line in Path(file).read_text().splitlines()]
    said = subprocess.run([binary(), "operations", "--local", "--json"], capture_output=True, text=True, check=True).stdout
    operations = {entry["tool"] for entry in json.loads(said)["operations"]}
    called = {line["operation"] for line in lines}
    well = {line["operation"] for line in lines if line["status"] == 200}
    missing, failing = sorted(operations - called), sorted(operations & called - well)
    print(f"{len(operations)} operations, {len(lines)} calls; never called: {missing or 'none'}; never with success: {failing or 'none'}")
    return 1 if missing or failing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
