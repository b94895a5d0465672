"""The checked-in descriptions are what the program says of itself: a change of the outside face is seen in review.

When one of these fails after an intended change: scripts/describe writes both files anew.
"""
import json
import subprocess

import pytest

from support.gateway import ROOT, binary


@pytest.mark.parametrize("form, file", [("markdown", "docs/operations.md"), ("openapi", "docs/openapi.json")])
def test_described_as_checked_in(form, file):
    said = subprocess.run([binary(), "describe", form, "--local"], capture_output=True, text=True, check=True).stdout
    kept = (ROOT / file).read_text()
    if form == "openapi":
        said, kept = json.dumps(json.loads(said), indent=1, sort_keys=True), json.dumps(json.loads(kept), indent=1, sort_keys=True)
    assert said.splitlines() == kept.splitlines(), f"{file} is not what the program says; scripts/describe writes it anew"
