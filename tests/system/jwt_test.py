"""JSON Web Tokens through the running gateway, made here with Python's own means."""
import base64
import hashlib
import hmac
import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

SECRET = "a secret of the tests that has thirty-two bytes"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def numbers_of(key):
    return (key if hasattr(key, "public_numbers") else key.public_key()).public_numbers()


def number(value: int, size: int | None = None) -> str:
    return base64url(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def signature(algorithm: str, key, text: bytes) -> bytes:
    if algorithm == "HS256":
        return hmac.new(key.encode(), text, hashlib.sha256).digest()
    if algorithm == "RS256":
        return key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    if algorithm == "ES256":
        r, s = decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return b""


def token(algorithm: str, key, kid: str | None = None, /, **claims) -> str:
    header = {"alg": algorithm, "typ": "JWT", **({"kid": kid} if kid else {})}
    claims = {"sub": "anna", "exp": int(time.time()) + 60, "scopes": ["hub.read", "metrics.read"], **claims}
    text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{base64url(signature(algorithm, key, text.encode()))}"


def pem(key) -> str:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(key, kid: str) -> dict:
    numbers = numbers_of(key)
    if isinstance(numbers, rsa.RSAPublicNumbers):
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": number(numbers.n), "e": number(numbers.e)}
    return {"kty": "EC", "use": "sig", "kid": kid, "crv": "P-256", "x": number(numbers.x, 32), "y": number(numbers.y, 32)}


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


class Issuer:
    """Serves a key set; `status` and `keys` may change at any time."""

    def __init__(self):
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"keys": issuer.keys}).encode()
                self.send_response(issuer.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                issuer.asked.set()

            def log_message(self, *_):
                pass

        self.status, self.keys, self.asked = 200, [], threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def issuer():
    started = Issuer()
    yield started
    started.close()


def wait_for_keys(gateway, count: int, seconds: float = 20.0):
    end = time.monotonic() + seconds
    while gateway.admin.call("security_stats")["jwt_keys"] != count:
        assert time.monotonic() < end, gateway.stderr[-2000:]
        time.sleep(0.02)


def refusal(gateway, bearer: str, tool: str = "metrics_stats"):
    error = gateway.caller(bearer).error(tool)
    return f"{error.status} {error.code}: {error.message}"


def test_a_secret(make_gateway):
    gateway = make_gateway(config={"security": {"jwt": {"algorithms": ["HS256"], "key": SECRET, "audience": "patchbay",
                                                        "issuer": "us"}}})
    good = {"aud": ["patchbay"], "iss": "us"}
    gateway.caller(token("HS256", SECRET, **good)).call("metrics_stats")
    now = int(time.time())
    for claims, message in ({"exp": now - 60}, "has expired at"), ({"nbf": now + 90}, "is good from"), \
            ({"iat": now + 90}, "was issued in the future"), ({"aud": "another"}, "meant for another audience"), \
            ({"iss": "them"}, "from another issuer"), ({"exp": None}, "has no end"):
        said = refusal(gateway, token("HS256", SECRET, **{**good, **claims}))
        assert said.startswith("401 unauthenticated: ") and message in said
        assert "patchbay" not in said
    assert "signature is not right" in refusal(gateway, token("HS256", "another secret of thirty-two bytes", **good))
    assert "not taken here" in refusal(gateway, token("none", "", **good))
    # Scopes are rights: a token without the one that is asked for is known, and refused.
    assert refusal(gateway, token("HS256", SECRET, **good), "logging_get_levels").startswith("403 forbidden: ")
    assert refusal(gateway, token("HS256", SECRET, scopes="ha.read", **good)).startswith("403 forbidden: ")
    gateway.caller(token("HS256", SECRET, scopes="ha.read metrics.*", **good)).call("metrics_stats")
    # With JWT configured nobody is let in without a token.
    assert refusal(gateway, "")[:3] == "401"
    assert SECRET not in gateway.stderr and "eyJ" not in gateway.stderr


def test_it_ends_on_a_kept_connection(make_gateway):
    gateway = make_gateway(config={"security": {"jwt": {"algorithms": ["HS256"], "key": SECRET, "clock_skew_s": 0}}})
    end = time.time() + 1.5
    caller = gateway.caller(token("HS256", SECRET, exp=end))
    caller.call("metrics_stats")
    answers = []
    while time.time() < end + 3 and 401 not in answers:
        answers.append(caller.reply("metrics_stats").status)
    assert answers[0] == 200 and answers[-1] == 401
    assert time.time() >= end


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_public_key(make_gateway, rsa_key, ec_key, algorithm):
    key = rsa_key if algorithm == "RS256" else ec_key
    gateway = make_gateway(config={"security": {"jwt": {"algorithms": ["HS256", "RS256", "ES256"], "key": pem(key)}}})
    gateway.caller(token(algorithm, key)).call("metrics_stats")
    gateway.caller(token(algorithm, key, "whatever")).call("metrics_stats")
    # Who knows the public key must not be able to sign with it.
    assert "401" in refusal(gateway, token("HS256", pem(key), scopes=["admin"]))
    assert "401" in refusal(gateway, token("HS256", pem(key).strip(), scopes=["admin"]))


def test_a_key_set_file(make_gateway, rsa_key, ec_key, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk(rsa_key, "r"), jwk(ec_key, "e"), {"kty": "OKP", "crv": "Ed25519", "x": "AA"}]}))
    gateway = make_gateway(config={"security": {"jwt": {"algorithms": ["RS256", "ES256"], "jwks_file": str(file)}}})
    gateway.caller(token("RS256", rsa_key, "r")).call("metrics_stats")
    gateway.caller(token("ES256", ec_key, "e")).call("metrics_stats")
    assert "signature is not right" in refusal(gateway, token("RS256", rsa.generate_private_key(65537, 2048), "r"))
    assert "a key that is not known here" in refusal(gateway, token("RS256", rsa_key, "new"))


@pytest.mark.parametrize("reload", [lambda gateway: gateway.process.send_signal(signal.SIGHUP), lambda gateway: gateway.admin.call("config_reload")],
                         ids=["sighup", "config_reload"])
def test_a_reload_reads_the_key_set_file_again_though_the_configuration_is_the_same(make_gateway, tmp_path, rsa_key, ec_key, reload):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [jwk(rsa_key, "old")]}))
    gateway = make_gateway(config={"security": {"jwt": {"algorithms": ["RS256", "ES256"], "jwks_file": str(file)}}})
    gateway.caller(token("RS256", rsa_key, "old")).call("metrics_stats")
    beside = tmp_path / "keys.new"
    beside.write_text(json.dumps({"keys": [jwk(ec_key, "new"), jwk(rsa.generate_private_key(65537, 2048).public_key(), "more")]}))
    beside.rename(file)
    assert "a key that is not known here" in refusal(gateway, token("ES256", ec_key, "new"))
    reload(gateway)
    wait_for_keys(gateway, 2)
    gateway.caller(token("ES256", ec_key, "new")).call("metrics_stats")
    assert "a key that is not known here" in refusal(gateway, token("RS256", rsa_key, "old")), "the key has gone"
    # What cannot be read changes nothing.
    file.write_text("{}")
    reload(gateway)
    end = time.monotonic() + 20
    while "no fresh keys" not in gateway.stderr:
        assert time.monotonic() < end, gateway.stderr[-2000:]
        time.sleep(0.02)
    gateway.caller(token("ES256", ec_key, "new")).call("metrics_stats")


def test_a_key_set_url(make_gateway, issuer, rsa_key):
    issuer.status = 503
    gateway = make_gateway(config={"security": {"jwt": {"algorithms": ["RS256"], "jwks_url": issuer.url}}})
    assert issuer.asked.wait(10)
    # The token may be good: the caller is told to come back.
    early = gateway.caller(token("RS256", rsa_key, "a")).error("metrics_stats")
    assert (early.status, early.code, early.retryable) == (503, "unavailable", True)
    issuer.keys, issuer.status = [jwk(rsa_key, "a")], 200
    wait_for_keys(gateway, 1)
    gateway.caller(token("RS256", rsa_key, "a")).call("metrics_stats")
    assert "a key that is not known here" in refusal(gateway, token("RS256", rsa_key, "b"))


def test_a_key_that_is_wrong_is_said_at_the_start(make_gateway, rsa_key):
    private = rsa_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                    serialization.NoEncryption()).decode()
    with pytest.raises(AssertionError, match="security.jwt.key: is a private key"):
        make_gateway(config={"security": {"jwt": {"algorithms": ["RS256"], "key": private}}})


def test_a_secret_that_is_too_short_is_refused(make_gateway, gateway, tmp_path):
    short, reason = "x" * 31, "security.jwt.key: is a secret of 31 bytes; HS256 needs 32 at least"
    config = {"security": {"jwt": {"algorithms": ["HS256"], "key": short}}}
    with pytest.raises(AssertionError, match=reason):
        make_gateway(config=config)
    file = tmp_path / "short.yaml"
    file.write_text(json.dumps(config))
    done = gateway.command("check-config", str(file))
    assert done.returncode == 3 and reason in done.stderr and short not in done.stderr
    file.write_text(json.dumps({"security": {"jwt": {"algorithms": ["HS256"], "key": short + "x"}}}))
    assert gateway.command("check-config", str(file)).returncode == 0
