"""A certificate authority for servers on loopback."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


def make_certificate(folder: Path, *names: str) -> tuple[Path, Path]:
    """Write a certificate for these names, with that of the authority that signed it, and its key as PEM files."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = _build("tests' authority", "tests' authority", authority_key)
    signer = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(authority_key, hashes.SHA256())
    made = _build("tests", "tests' authority", key)
    made = made.add_extension(x509.SubjectAlternativeName([_to_general_name(name) for name in names]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    chain = (made.sign(authority_key, hashes.SHA256()), signer)
    certificate.write_bytes(b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain))
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return certificate, private


def _build(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    return x509.CertificateBuilder(names[1], names[0], key.public_key(), x509.random_serial_number(), now - _DAY, now + _DAY)


def _to_general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
