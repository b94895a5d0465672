"""Certificates for TLS tests: one authority and what it issues, good and bad.

    authority = Authority(folder)
    authority.ca                                    the file a client must trust
    chain, key = authority.issue("localhost")       files for a server; IP addresses work as names too
    authority.issue("localhost", expired=True)
    Authority.self_signed(folder, "localhost")      signed by nobody else: (certificate, key)
"""
import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Authority:
    """A root and an intermediate; leaves are signed by the intermediate, which servers send along."""

    def __init__(self, folder: Path):
        self._folder = Path(folder)
        self._count = 0
        root_key = ec.generate_private_key(ec.SECP256R1())
        root = _certificate("Patchbay test root", root_key, None, root_key, authority=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _certificate("Patchbay test intermediate", self._key, root, root_key, authority=True)
        self.ca = self._folder / "ca.pem"
        self.ca.write_bytes(_pem(root))

    def issue(self, *hosts: str, expired: bool = False, with_chain: bool = True, client: bool = False) -> tuple[Path, Path]:
        """(certificate chain, key) of a server that answers to these names, or of a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _certificate(hosts[0], key, self._certificate, self._key, hosts=hosts, expired=expired, client=client)
        self._count += 1
        chain = _pem(leaf) + (_pem(self._certificate) if with_chain else b"")
        return _write(self._folder, f"issued-{self._count}", chain, key)

    @staticmethod
    def self_signed(folder: Path, *hosts: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(hosts[0], key, None, key, hosts=hosts)
        return _write(Path(folder), "self-signed", _pem(certificate), key)


def _certificate(name: str, key, issuer, issuer_key, *, hosts: tuple = (), authority: bool = False,
                 expired: bool = False, client: bool = False):
    now = datetime.datetime.now(datetime.timezone.utc)
    start = now - datetime.timedelta(days=30)
    end = now - datetime.timedelta(days=1) if expired else now + datetime.timedelta(days=30)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.subject if issuer else subject
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(signer).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
               .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
               .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False))
    usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(host: str):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _write(folder: Path, name: str, chain: bytes, key) -> tuple[Path, Path]:
    certificate_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate_file.write_bytes(chain)
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                           serialization.NoEncryption()))
    return certificate_file, key_file
