"""A small custom integration for a private Home Assistant: it offers diagnostics of its entry and of its device, and an entry of it may be told to fail.

    install(home_assistant.config_dir)            before a restart
    entry_id = add_entry(home_assistant, fail=False)
"""
import json
from pathlib import Path

DOMAIN = "lab_parts"

FILES = {
    "manifest.json": json.dumps({"domain": DOMAIN, "name": "Lab parts", "version": "1.0.0", "config_flow": True, "documentation": "https://example.org",
                                 "codeowners": [], "requirements": [], "dependencies": [], "iot_class": "calculated"}),
    "__init__.py": '''
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers import device_registry
import logging

async def async_setup_entry(hass, entry):
    if entry.data["fail"]:
        logging.getLogger(__name__).error("a part is broken")
        raise ConfigEntryNotReady("the part does not answer")
    device_registry.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, identifiers={("lab_parts", entry.entry_id)}, name="Part", manufacturer="Lab", model="P1")
    return True

async def async_unload_entry(hass, entry):
    return True
''',
    "config_flow.py": '''
from homeassistant import config_entries
import voluptuous as vol

class Flow(config_entries.ConfigFlow, domain="lab_parts"):
    VERSION = 1

    async def async_step_user(self, user_input=None):
        if user_input is None:
            return self.async_show_form(step_id="user", data_schema=vol.Schema({vol.Required("fail"): bool}))
        return self.async_create_entry(title="Lab part", data=user_input)
''',
    "diagnostics.py": '''
async def async_get_config_entry_diagnostics(hass, entry):
    return {"kind": "entry", "fail": entry.data["fail"]}

async def async_get_device_diagnostics(hass, entry, device):
    return {"kind": "device", "model": device.model}
''',
}


def install(config_dir) -> None:
    folder = Path(config_dir) / "custom_components" / DOMAIN
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)


def add_entry(home_assistant, fail: bool) -> str:
    status, flow = home_assistant.rest("POST", "/api/config/config_entries/flow", {"handler": DOMAIN})
    assert status == 200, flow
    status, done = home_assistant.rest("POST", f"/api/config/config_entries/flow/{flow['flow_id']}", {"fail": fail})
    assert status == 200 and done["type"] == "create_entry", done
    return done["result"]["entry_id"] if isinstance(done["result"], dict) else done["result"]
