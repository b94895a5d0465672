"""Debian's promtool, for what /metrics prints."""
import os
import shutil
import subprocess
from pathlib import Path

from . import cache


def check_metrics(text: str) -> str:
    """What `promtool check metrics` complains about; empty when it is content."""
    program = shutil.which("promtool") or str(cache.folder("bin") / "promtool")
    assert Path(program).exists(), "promtool is missing; scripts/packages test fetches it"
    done = subprocess.run([program, "check", "metrics"], input=text, capture_output=True, text=True, timeout=30,
                          env={**os.environ, "LC_ALL": "C"}, check=False)
    output = (done.stdout + done.stderr).strip()
    return output or ("" if done.returncode == 0 else f"promtool left with {done.returncode}")
