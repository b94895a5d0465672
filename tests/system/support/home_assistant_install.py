"""Gets a Home Assistant that this Python can run, once, into the cache.

Two things are kept: a virtual environment with the package and all its integrations need, and a template, which is
the configuration folder of an instance that has been onboarded and stopped. A run copies the template, so it starts
in seconds and always from the same state. Standard library only.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import cache

# The newest Home Assistant for each Python. josepy 2 broke an import of the old one: every HTTP answer would be 500.
RELEASES = {
    (3, 11): ("2024.3.3", ["josepy<2"]),
    (3, 12): ("2025.1.4", ["josepy<2", "mutagen==1.47.0", "ha-ffmpeg==3.2.2", "pymicro-vad==1.0.1", "pyspeex-noise==1.0.2"]),
    (3, 13): ("2025.4.4", []),
    (3, 14): ("2026.11.0", []),
}
CLIENT_REQUIREMENT = "websockets==15.0.1"  # what our own client speaks to it with

CONFIGURATION = """\
{http}
api:
websocket_api:
config:
frontend:
lovelace:
  mode: storage
  dashboards:
    kept-in-yaml:
      mode: yaml
      title: Kept in YAML
      filename: kept_in_yaml.yaml
      show_in_sidebar: true
demo:
automation: !include automations.yaml
script: !include scripts.yaml
scene: !include scenes.yaml
history:
logbook:
recorder:
  commit_interval: 1
system_health:
logger:
  default: info
input_boolean:
  lab_switch: {{name: Lab switch}}
  lab_second: {{name: Lab second switch}}
input_number:
  lab_level: {{name: Lab level, min: 0, max: 100, step: 1}}
input_text:
  lab_text: {{name: Lab text}}
input_select:
  lab_choice: {{name: Lab choice, options: [one, two, three]}}
timer:
  lab_timer: {{duration: "00:01:00"}}
counter:
  lab_counter: {{}}
"""
FILES = {
    "automations.yaml": "[]\n",
    "scripts.yaml": "{}\n",
    "scenes.yaml": "[]\n",
    "kept_in_yaml.yaml": "title: Kept in YAML\nviews:\n  - title: Only view\n    cards:\n      - type: markdown\n        content: From a file\n",
}
# From 2026 on the http settings live in storage; YAML ones are a trial that is taken back after five minutes.
STORED_HTTP = """\
{{"version": 3, "minor_version": 1, "key": "http", "data": {{"stable": {{"server_host": ["127.0.0.1"], "server_port": {port},
 "cors_allowed_origins": [], "login_attempts_threshold": -1, "ip_ban_enabled": false, "ssl_profile": "intermediate_v6",
 "use_x_frame_options": true, "created_at": "2026-01-01T00:00:00+00:00", "error": null, "error_message": null}},
 "pending": null, "yaml_migration_done": true}}}}
"""


@dataclass(frozen=True)
class Installation:
    """A Home Assistant in the cache: what to run, and the place of its template."""

    version: str
    venv: Path
    template: Path

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def http_in_storage(self) -> bool:
        return tuple(int(part) for part in self.version.split(".")[:2]) >= (2026, 3)

    def write_configuration(self, folder: Path) -> None:
        """A fresh configuration, not yet onboarded; set_port completes it."""
        (folder / ".storage").mkdir(parents=True, exist_ok=True)
        http = "" if self.http_in_storage else "http:\n  server_host: 127.0.0.1\n  server_port: 0\n"
        (folder / "configuration.yaml").write_text(CONFIGURATION.format(http=http))
        for name, text in FILES.items():
            (folder / name).write_text(text)

    def set_port(self, folder: Path, port: int) -> None:
        if self.http_in_storage:
            (folder / ".storage" / "http").write_text(STORED_HTTP.format(port=port))
            return
        file = folder / "configuration.yaml"
        file.write_text(re.sub(r"server_port: \d+", f"server_port: {port}", file.read_text(), count=1))

    def copy_template(self, folder: Path) -> None:
        shutil.copytree(self.template, folder, dirs_exist_ok=True)


def _base_python() -> Path:
    """The system's Python where it can be used, so that a clone behaves the same under pyenv and without."""
    chosen = os.environ.get("PATCHBAY_PYTHON")
    for candidate in [chosen, "/usr/bin/python3", sys.executable]:
        if candidate and Path(candidate).exists():
            return Path(candidate)
    raise RuntimeError("no python3 found; scripts/packages test installs one")


def installation() -> Installation:
    """Where things are or will be for this machine's Python; installs nothing."""
    python = _base_python()
    words = subprocess.run([python, "-c", "import sys; print(*sys.version_info[:3])"],
                           capture_output=True, text=True, check=True).stdout.split()
    series = (int(words[0]), int(words[1]))
    if series not in RELEASES:
        known = ", ".join(f"{a}.{b}" for a, b in RELEASES)
        raise RuntimeError(f"{python} is Python {series[0]}.{series[1]}; Home Assistant is known here for {known} "
                           "(PATCHBAY_PYTHON names another interpreter)")
    version, _ = RELEASES[series]
    makers = [Path(__file__), Path(__file__).with_name("home_assistant_onboarding.py")]
    recipe = hashlib.sha256(b"".join(file.read_bytes() for file in makers)).hexdigest()[:12]
    home = cache.folder("home-assistant", f"{version}-python{series[0]}.{series[1]}")
    return Installation(version=version, venv=home / "venv", template=home / f"template-{recipe}")


def ensure_venv(here: Installation) -> None:
    """Make the virtual environment unless it is there. Call with the cache lock held."""
    done = here.venv / ".complete"
    if done.exists():
        return
    cache.say(f"Home Assistant {here.version}: installing into the cache (once, about two minutes)")
    shutil.rmtree(here.venv, ignore_errors=True)
    python = _base_python()
    log = here.venv.parent / "install.log"
    cache.run_logged([python, "-m", "venv", here.venv], log, "making a virtual environment", timeout=120)
    _, pins = next(release for release in RELEASES.values() if release[0] == here.version)
    cache.run_logged([here.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "wheel",
                      f"homeassistant=={here.version}", CLIENT_REQUIREMENT, *pins],
                     log, "installing Home Assistant", timeout=1500)
    done.touch()
