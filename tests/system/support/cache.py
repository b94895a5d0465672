"""The folder that keeps what is slow to make (virtual environments, prepared configurations) between runs.

    with cache.lock("home-assistant"):
        ...                      # one process at a time, across test runs and clones

Standard library only: it is used before any virtual environment exists.
"""
import contextlib
import fcntl
import os
import subprocess
import sys
from pathlib import Path


def folder(*parts: str) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    path = Path(base, "patchbay", *parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def lock(name: str):
    """Hold the lock `name` until the block ends; waits for whoever has it. The kernel lets go if the holder dies."""
    with open(folder("locks") / name, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    """One progress line for people; standard output belongs to machines."""
    print(text, file=sys.stderr, flush=True)


def run_logged(command: list, log: Path, what: str, timeout: float, env: dict | None = None) -> None:
    """Run a command that is quiet unless it fails; then the end of its output is shown."""
    with open(log, "wb") as file:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                              timeout=timeout, env=env, check=False)
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise RuntimeError(f"{what} failed with exit code {done.returncode}; the end of {log}:\n{tail}")
