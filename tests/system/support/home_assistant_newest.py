"""The newest Home Assistant, which needs a newer Python than the system has: a Debian sid folder in the cache.

    PATCHBAY_HA=newest scripts/pytest ha_files_test.py       runs the tests against it
    scripts/home-assistant-newest                            keeps one running, as scripts/home-assistant does

The folder is made by debootstrap, with a virtual environment of sid's Python in it. `python` beside it is a script that
enters a mount namespace and the folder and becomes that Python, so the rest of the support code starts Home Assistant
as if it were installed here. Needs root, debootstrap and the network once (about ten minutes). Standard library only.
"""
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import cache
from .home_assistant_install import Installation

SUITE = "sid"
PACKAGES = ["python3", "python3-venv", "python3-dev", "build-essential", "libffi-dev", "libssl-dev", "libjpeg-dev",
            "zlib1g-dev", "ca-certificates"]
INSIDE = "/opt/home-assistant"  # the virtual environment, as seen in the folder

ENTER = """\
#!/bin/sh
# Becomes the Python of the folder {root}, with the temporary and the cache folder at their places in it.
exec unshare --mount --propagation private /bin/sh -c '
  root=$1; shift
  for folder in /dev /sys; do mkdir -p "$root$folder" && mount --rbind "$folder" "$root$folder" || exit 125; done
  mkdir -p "$root/proc" && mount --bind /proc "$root/proc" || exit 125
  for folder in {shared}; do mkdir -p "$root$folder" && mount --bind "$folder" "$root$folder" || exit 125; done
  export PATH={inside}/bin:/usr/sbin:/usr/bin:/sbin:/bin
  exec chroot "$root" {inside}/bin/python "$@"' sh {root} "$@"
"""


def wanted() -> bool:
    return os.environ.get("PATCHBAY_HA") == "newest"


def installation() -> Installation:
    """The installation, made when it is not there yet: its version is known only then."""
    with cache.lock("home-assistant-newest"):
        version = ensure()
    return Installation(version=version, venv=home() / "venv", template=home() / f"template-{recipe()}")


def home() -> Path:
    return cache.folder("home-assistant", "newest")


def installed_version() -> str | None:
    done = home() / "venv" / ".complete"
    return done.read_text().strip() if done.exists() else None


def recipe() -> str:
    """Names the template: another recipe makes another one."""
    folder = Path(__file__).parent
    makers = [Path(__file__), folder / "home_assistant_install.py", folder / "home_assistant_onboarding.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in makers)).hexdigest()[:12]


def ensure() -> str:
    """Make the folder and install into it, unless that was done; gives the version. Call with the cache lock held."""
    version = installed_version()
    if version:
        return version
    if os.geteuid() != 0:
        raise RuntimeError("the newest Home Assistant lives in a Debian folder, which only root can make and enter")
    if not shutil.which("debootstrap"):
        raise RuntimeError("debootstrap is missing; scripts/packages newest installs it")
    root, venv = home() / "root", home() / "venv"
    if not (root / ".bootstrapped").exists():
        cache.say(f"A Debian {SUITE} folder for the newest Home Assistant (once, some minutes)")
        shutil.rmtree(root, ignore_errors=True)
        cache.run_logged(["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root, *_mirror()],
                         home() / "debootstrap.log", "making the Debian folder", timeout=1800)
        (root / ".bootstrapped").touch()
    for file in ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf"):
        if Path(file).exists():
            shutil.copyfile(file, root / file[1:])
    _write_entry(root, venv / "bin" / "python")
    cache.say("The newest Home Assistant: installing (once, some minutes)")
    shutil.rmtree(root / INSIDE[1:], ignore_errors=True)
    make = f"exec chroot '{root}' /usr/bin/python3 -m venv {INSIDE}"
    cache.run_logged(["unshare", "--mount", "sh", "-c", f"mount --bind /proc '{root}/proc' && mount --rbind /dev '{root}/dev' && {make}"],
                     home() / "venv.log", "making a virtual environment", timeout=300)
    cache.run_logged([venv / "bin" / "python", "-m", "pip", "install", "--quiet", "wheel", "homeassistant"],
                     home() / "install.log", "installing the newest Home Assistant", timeout=2400)
    said = subprocess.run([venv / "bin" / "python", "-c", "from homeassistant.const import __version__ as v; print(v)"],
                          capture_output=True, text=True, check=True).stdout.strip()
    (venv / ".complete").write_text(said + "\n")
    return said


def _write_entry(root: Path, file: Path) -> None:
    shared = sorted({tempfile.gettempdir(), "/tmp", str(cache.folder())})
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(ENTER.format(root=f"'{root}'", inside=INSIDE, shared=" ".join(f"'{one}'" for one in shared)))
    file.chmod(0o755)


def _mirror() -> list[str]:
    """Where this machine's packages come from, if that is Debian; else debootstrap's own choice."""
    for file in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        text = file.read_text() if file.is_file() else ""
        found = re.search(r"^(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s*)(\S+/debian)/?(?:\s|$)", text, re.MULTILINE)
        if found:
            return [found[1]]
    return []
