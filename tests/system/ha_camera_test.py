"""Pictures of a real camera, and a vision model played by a local server that checks what it is sent."""
import base64
import hashlib
import http.client
import json
import shutil
import urllib.parse

import pytest

from support.gateway import Gateway
from support.json_server import JsonServer

CAMERA = "camera.demo_camera"
KEY = "sk-test-key"


def picture_of(home_assistant) -> bytes:
    """One of the demo camera's pictures, past the gateway."""
    parts = urllib.parse.urlsplit(home_assistant.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    connection.request("GET", f"/api/camera_proxy/{CAMERA}", headers={"Authorization": f"Bearer {home_assistant.token}"})
    data = connection.getresponse().read()
    connection.close()
    return data


def chat(text):
    return 200, {"id": "1", "model": "test-vision-1", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}],
                 "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}}


@pytest.fixture(scope="module")
def model():
    with JsonServer(lambda *_: chat("A lamp.")) as server:
        yield server


@pytest.fixture
def says(model):
    def say(answer):
        model.requests.clear()
        model.answer = answer if callable(answer) else lambda *_: answer
    return say


@pytest.fixture(scope="module")
def tool(home_assistant, model):
    vision = {"url": model.url + "/v1", "key": KEY, "model": "test-vision", "faces": True}
    with Gateway(config={"plugins": {"home_assistant": {"url": home_assistant.url, "token": home_assistant.token, "config_root": str(home_assistant.config_dir), "vision": vision}}}) as started:
        yield started.admin
    for leftover in ("www/pb_snapshots", "faces"):
        shutil.rmtree(home_assistant.config_dir / leftover, ignore_errors=True)


def test_snapshot(tool, home_assistant):
    data = tool.call("ha_camera_snapshot", entity_id=CAMERA)
    image = base64.b64decode(data["image_base64"])
    assert image[:3] == b"\xff\xd8\xff" and len(image) == data["size"] and data["content_type"] == "image/jpeg"
    assert abs(len(picture_of(home_assistant)) - len(image)) < 200_000
    assert tool.error("ha_camera_snapshot", entity_id="light.bed_light").code == "invalid_argument"
    missing = tool.error("ha_camera_snapshot", entity_id="camera.demo_camra")
    assert (missing.status, missing.code) == (404, "not_found") and CAMERA in missing.message


def test_snapshot_is_stored(tool, home_assistant, gateway_with_ha, make_gateway):
    data = tool.call("ha_camera_snapshot", entity_id=CAMERA, filename="www/pb_snapshots/one.jpg", include_image=False)
    stored = (home_assistant.config_dir / "www" / "pb_snapshots" / "one.jpg").read_bytes()
    assert data["saved_path"] == "www/pb_snapshots/one.jpg" and "image_base64" not in data and len(stored) == data["size"] and stored[:3] == b"\xff\xd8\xff"
    for filename in ("automations.yaml", "www/../x.jpg", "www/x.html", "/etc/x.jpg"):
        assert tool.error("ha_camera_snapshot", entity_id=CAMERA, filename=filename).status in (400, 403)
    assert gateway_with_ha.error("ha_camera_snapshot", entity_id=CAMERA, filename="www/a.jpg").code == "forbidden"
    assert gateway_with_ha.call("ha_camera_snapshot", entity_id=CAMERA)["size"] > 1000


def test_without_a_model_they_say_so(gateway_with_ha):
    for name, arguments in (("ha_analyze_camera_vlm", {"prompt": "x"}), ("ha_object_detection", {})):
        error = gateway_with_ha.error(name, camera_entity_id=CAMERA, **arguments)
        assert (error.status, error.code) == (503, "unavailable") and "vision.url" in error.message


def test_a_question_about_the_picture(tool, model, says):
    says(chat("A lamp."))
    data = tool.call("ha_analyze_camera_vlm", camera_entity_id=CAMERA, prompt="What is \"there\"?")
    assert (data["response"], data["model"], data["usage"]["total_tokens"]) == ("A lamp.", "test-vision-1", 15)
    request = model.requests[-1]
    assert (request.method, request.path, request.headers["authorization"]) == ("POST", "/v1/chat/completions", f"Bearer {KEY}")
    assert request.body["model"] == "test-vision"
    text, picture = request.body["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is \"there\"?"} and picture["type"] == "image_url"
    head, image = picture["image_url"]["url"].split(",", 1)
    assert head == "data:image/jpeg;base64" and len(base64.b64decode(image)) == data["image_size"] and base64.b64decode(image)[:3] == b"\xff\xd8\xff"
    tool.call("ha_analyze_camera_vlm", entity_id=CAMERA, prompt="x", model="other")
    assert model.requests[-1].body["model"] == "other"
    says((200, {"choices": [{"message": {"content": [{"type": "text", "text": "In "}, {"type": "text", "text": "parts"}]}}]}))
    assert tool.call("ha_analyze_camera_vlm", camera_entity_id=CAMERA, prompt="x")["response"] == "In parts"


@pytest.mark.parametrize(("answer", "code"), [
    ((401, {"error": {"message": "bad key"}}), "auth_failed"), ((500, {"error": {"message": "out of memory"}}), "upstream_failed"),
    ((200, {"choices": []}), "upstream_failed"), ((200, "no json"), "upstream_failed")])
def test_a_model_that_does_not_answer(tool, says, answer, code):
    says(answer)
    error = tool.error("ha_analyze_camera_vlm", camera_entity_id=CAMERA, prompt="x")
    assert error.code == code and KEY not in error.message
    assert tool.error("ha_analyze_camera_vlm", camera_entity_id=CAMERA).pointer == "/prompt"


def test_objects(tool, model, says):
    found = [{"class": "Person", "confidence": 0.9, "bounding_box": {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.4}},
             {"class": "car", "confidence": 0.5, "bounding_box": {"x": 0.5, "y": 0.5, "width": 0.2, "height": 0.2}},
             {"class": "dog", "confidence": 7, "bounding_box": {"x": 0, "y": 0, "width": 1, "height": 1}},
             {"class": "cat", "confidence": 0.5, "bounding_box": {"x": 0.9, "y": 0, "width": 1, "height": 1}}]
    says(chat("Here it is:\n```json\n" + json.dumps({"detections": found}) + "\n```"))
    data = tool.call("ha_object_detection", camera_entity_id=CAMERA)
    assert [one["class"] for one in data["detections"]] == ["Person", "car"] and (data["detection_count"], data["discarded"]) == (2, 2)
    assert data["detections"][0]["bounding_box"] == found[0]["bounding_box"] and "estimated" in data["confidence_is"]
    only = tool.call("ha_object_detection", camera_entity_id=CAMERA, object_types=["person"])
    assert [one["class"] for one in only["detections"]] == ["Person"] and '"person"' in model.requests[-1].body["messages"][0]["content"][0]["text"]
    says(chat("I see a person."))
    assert tool.error("ha_object_detection", camera_entity_id=CAMERA).code == "upstream_failed"
    assert tool.error("ha_object_detection", camera_entity_id="nothing").code == "invalid_argument"


@pytest.fixture
def face_entity(home_assistant):
    """What a face recognition integration would show, put into Home Assistant's states."""
    def put(faces):
        home_assistant.rest("POST", "/api/states/image_processing.pb_demo_camera", {
            "state": faces[0]["name"] if faces else "unknown", "attributes": {"faces": faces, "total_faces": len(faces), "camera_entity": CAMERA}})
    yield put
    home_assistant.rest("DELETE", "/api/states/image_processing.pb_demo_camera")


def test_faces_of_an_integration(tool, home_assistant, face_entity):
    face_entity([{"name": "Ada", "confidence": 98.3}, {"name": "unknown"}, {"name": "Bob", "confidence": 60}])
    _until(lambda: tool.reply("ha_get_entity_state", {"entity_id": "image_processing.pb_demo_camera"}), lambda reply: reply.status == 200)
    data = tool.call("ha_facial_recognition", camera_entity_id=CAMERA)
    assert data["source"] == "image_processing.pb_demo_camera"
    assert (data["faces_detected"], data["unknown_faces"]) == (3, 1)
    assert data["recognized_faces"] == [{"name": "Ada", "confidence": pytest.approx(0.983)}, {"name": "Bob", "confidence": 0.6}]
    asked = tool.call("ha_facial_recognition", camera_entity_id=CAMERA, known_faces=["bob"])
    assert [one["name"] for one in asked["recognized_faces"]] == ["Bob"] and asked["unknown_faces"] == 2


def _until(ask, good, times=100):
    import time
    for _ in range(times):
        answer = ask()
        if good(answer):
            return answer
        time.sleep(0.05)
    return answer


def test_faces_by_comparison(tool, model, says, home_assistant):
    own = [one["entity_id"] for one in home_assistant.ws_command({"type": "get_states"})
           if one["entity_id"].startswith("image_processing.") and "faces" in one["attributes"] and "demo_camera" in one["entity_id"]]
    assert own == []
    folder = home_assistant.config_dir / "faces"
    folder.mkdir(exist_ok=True)
    (folder / "Ada.jpg").write_bytes(picture_of(home_assistant))
    reference = hashlib.sha256((folder / "Ada.jpg").read_bytes()).hexdigest()
    answer = {"faces_detected": 2, "recognized_faces": [{"name": "Ada", "confidence": 0.8}, {"name": "Eve", "confidence": 0.9}, {"name": "Bob", "confidence": 0.9}]}
    says(chat(json.dumps(answer)))
    data = tool.call("ha_facial_recognition", camera_entity_id=CAMERA, known_faces=["Ada", "Bob"])
    assert [one["name"] for one in data["recognized_faces"]] == ["Ada"]  # of Bob there is no picture, and nobody asked for Eve
    assert (data["faces_detected"], data["unknown_faces"], data["without_reference"]) == (2, 1, ["Bob"])
    pictures = [part["image_url"]["url"] for part in model.requests[-1].body["messages"][0]["content"] if part["type"] == "image_url"]
    assert len(pictures) == 2 and hashlib.sha256(base64.b64decode(pictures[1].split(",", 1)[1])).hexdigest() == reference
    says(chat(json.dumps({"faces": 1})))
    assert tool.error("ha_facial_recognition", camera_entity_id=CAMERA).code == "upstream_failed"


def test_faces_are_sent_nowhere_unless_that_is_wanted(home_assistant, model, make_gateway):
    gateway = make_gateway(config={"plugins": {"home_assistant": {"url": home_assistant.url, "token": home_assistant.token, "vision": {"url": model.url + "/v1", "model": "m"}}}})
    model.requests.clear()
    error = gateway.error("ha_facial_recognition", camera_entity_id=CAMERA)
    assert (error.status, error.code) == (503, "unavailable") and "vision.faces" in error.message and model.requests == []
    assert gateway.error("ha_facial_recognition", camera_entity_id="light.x").code == "invalid_argument"
