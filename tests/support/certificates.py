"""Certificates for tests: those of an authority, and what it has signed."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nws.wire.login import certificate_address

_DAY = timedelta(days=1)


class SignedFiles(NamedTuple):
    """A certificate and its key, in files."""

    certificate: Path
    key: Path
    address: str

    @property
    def options(self) -> tuple[str, ...]:
        """Options by which a server uses it."""
        return "--tls-certificate", str(self.certificate), "--tls-key", str(self.key)


class Authority:
    """Signs certificates.

    Attributes:
        file: with its own certificate.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("an authority of a test")
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(
            self._key.public_key()
        )
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = (
            _builder(self._name, self._key)
            .issuer_name(self._name)
            .not_valid_before(_now() - _DAY)
            .not_valid_after(_now() + _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def sign(self, host: str, *, days: int = 1) -> SignedFiles:
        """Make a certificate for a host; with fewer than no days it has expired."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(host), key)
            .issuer_name(self._name)
            .not_valid_before(_now() - 9 * _DAY)
            .not_valid_after(_now() + days * _DAY)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(self._identifier, critical=False)
            .sign(self._key, SHA256())
        )
        stem = f"{certificate.serial_number}"
        files = self._folder / f"{stem}.pem", self._folder / f"{stem}.key"
        files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
        files[1].touch(mode=0o600)
        files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return SignedFiles(*files, certificate_address(certificate.public_bytes(Encoding.DER)))


def _builder(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = x509.CertificateBuilder(subject_name=name, public_key=key.public_key())
    serial = x509.random_serial_number()
    return builder.serial_number(serial).add_extension(identifier, critical=False)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _now() -> datetime:
    return datetime.now(timezone.utc)


def trusting() -> ssl.SSLContext:
    """Return what makes a client trust whatever certificate a server has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
