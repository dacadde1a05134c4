"""The certificate by which a server proves, over TLS, that it is itself.

One is made when the server starts, and its key is nowhere but in memory: clients know it by its
fingerprint, from the connection file. Or the operator gives one that an authority has signed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, NamedTuple

from nws.wire.login import certificate_address

__all__ = ["Certificate", "CertificateError", "make_certificate", "read_certificate"]

_NAME: Final = "NetWorkSpaces"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_END_OF_TIME: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc)
"""By RFC 5280, of what does not expire: who knows the fingerprint does not look at it, and a server
may run for years."""

_CIPHER_SUITES: Final = (
    b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
)
"""Of RFC 8446, the quickest first."""

_ENABLE_PARTIAL_WRITE: Final = 1
"""Mode of OpenSSL, which pyOpenSSL sets: one record for each call."""


class CertificateError(Exception):
    """There is no certificate that could be used; the message says why, and the remedy."""


class Certificate(NamedTuple):
    """What a server needs to speak TLS."""

    context: Any
    """Of OpenSSL, with the key."""
    address: str
    """Its fingerprint, as proofs and ``login=`` contain it."""


def make_certificate() -> Certificate:
    """Make one, and a key.

    Raises:
        CertificateError: what TLS needs is not installed.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA256
    except ImportError as error:
        raise _not_installed(error) from error
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAME)])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(0, timezone.utc))  # by whatever clock
        .not_valid_after(_END_OF_TIME)
        .sign(key, SHA256())
    )
    return _usable([certificate], key)


def read_certificate(certificate_file: Path, key_file: Path) -> Certificate:
    """Read one, with its key, in PEM. Those of authorities in between may follow it.

    Raises:
        CertificateError: it cannot be used, or what TLS needs is not installed.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError as error:
        raise _not_installed(error) from error
    try:
        certificates = x509.load_pem_x509_certificates(certificate_file.read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateError(
            f"{certificate_file} has no certificate in PEM that can be read: {error}"
        ) from error
    end = certificates[0].not_valid_after_utc
    if end < datetime.now(timezone.utc):
        raise CertificateError(f"the certificate in {certificate_file} has expired on {end:%F}")
    try:
        _check_private(key_file)
        key = load_pem_private_key(key_file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:  # a TypeError if there is a password
        raise CertificateError(
            f"{key_file} has no key in PEM, without a password, that can be read: {error}"
        ) from error
    if key.public_key() != certificates[0].public_key():
        raise CertificateError(f"the key in {key_file} is not that of {certificate_file}")
    return _usable(certificates, key)


def _check_private(key_file: Path) -> None:
    if os.name == "posix" and key_file.stat().st_mode & _OTHERS:
        raise CertificateError(
            f"other users can open the key in {key_file}: `chmod 600` it, or better make another "
            "one, as it may be known"
        )


def _usable(certificates: Sequence[Any], key: Any) -> Certificate:
    """Make what OpenSSL needs of a certificate with those that signed it, and its key.

    Twisted's `CertificateOptions` would make more of it than we can use: what it asks for when a
    client names protocols that it would speak, as browsers do, is there only with Twisted's TLS.
    """
    try:
        from OpenSSL import SSL
    except ImportError as error:
        raise _not_installed(error) from error
    own, *between = certificates
    try:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_3_VERSION)
        context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
        context.set_tls13_ciphersuites(_CIPHER_SUITES)
        context.clear_mode(_ENABLE_PARTIAL_WRITE)
        context.use_certificate(own)
        for each in between:
            context.add_extra_chain_cert(each)
        context.use_privatekey(key)
        context.check_privatekey()
    except Exception as error:  # each kind of key has its own ways to fail
        raise CertificateError(f"OpenSSL cannot use the certificate: {error}") from error
    from cryptography.hazmat.primitives.serialization import Encoding

    return Certificate(context, certificate_address(certificates[0].public_bytes(Encoding.DER)))


def _not_installed(error: ImportError) -> CertificateError:
    return CertificateError(
        f"TLS needs what is not installed here ({error}): `pip install 'networkspaces[tls]'`"
    )
