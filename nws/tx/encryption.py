"""TLS for Twisted's clients. It needs the extra ``[tls]``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nws.session.endpoint import TLS_CA, Endpoint
from nws.session.tls import TlsError, not_certified, not_tls

try:
    from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate
    from OpenSSL.SSL import Error
    from service_identity import VerificationError
    from twisted.internet.ssl import (
        Certificate,
        CertificateOptions,
        TLSVersion,
        optionsForClientTLS,
        trustRootFromCertificates,
    )
    from twisted.protocols.tls import TLSMemoryBIOFactory
except ImportError as error:
    raise TlsError(
        f"TLS needs what is not installed here ({error}): `pip install 'networkspaces[tls]'`"
    ) from error

__all__ = ["by_tls", "certificate_of", "problem_of"]

_END: str = "-----END CERTIFICATE-----\n"


def by_tls(factory: Any, endpoint: Endpoint, host: str, reactor: Any) -> Any:
    """Return a factory whose connections begin TLS, and then are those of another factory.

    Raises:
        TlsError: the file of the authorities cannot be used.
    """
    if endpoint.is_pinned:  # what it is worth is found out once TLS has begun
        options: Any = CertificateOptions(raiseMinimumTo=TLSVersion.TLSv1_3)
    else:
        options = optionsForClientTLS(
            host,
            trustRoot=trustRootFromCertificates(_authorities(endpoint.authorities)),
            extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_3},
        )
    return TLSMemoryBIOFactory(options, True, factory, reactor)


def _authorities(file: str) -> list[Certificate]:
    try:
        texts = Path(file).read_text().split(_END)[:-1]
        if not texts:
            raise ValueError("it has none")
        return [Certificate.loadPEM((text + _END).encode()) for text in texts]
    except (OSError, ValueError, Error) as error:
        raise TlsError(
            f"{TLS_CA}={file}: there is no certificate in PEM that can be read: {error}"
        ) from error


def certificate_of(transport: Any) -> bytes:
    """Return the server's certificate, in DER."""
    return dump_certificate(FILETYPE_ASN1, transport.getPeerCertificate())


def problem_of(error: Any) -> str:
    """Say what is wrong where TLS could not begin."""
    if isinstance(error, VerificationError):
        return not_certified("it is not for this host")
    text = error.args[0][0][-1] if isinstance(error, Error) and error.args else str(error)
    return not_certified(text) if "verify failed" in text else not_tls(text)
