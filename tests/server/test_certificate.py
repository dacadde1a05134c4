"""Certificates of a server: those that it makes, and those that it is given."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nws.wire.dialect import Dialect
from nws.wire.handshake import Proof
from nws_server import authenticator
from nws_server.authenticator import Authenticator, Visitor
from nws_server.certificate import CertificateError, make_certificate, read_certificate
from nws_server.config import Config, ConfigError
from tests.support.certificates import Authority

ALL = "tcp:0"


def test_each_start_makes_another_one() -> None:
    assert make_certificate().address != make_certificate().address


def test_one_that_is_given_is_used(tmp_path: Path) -> None:
    files = Authority(tmp_path).sign("node7")
    assert read_certificate(files.certificate, files.key).address == files.address


def test_a_key_that_others_can_open_is_refused(tmp_path: Path) -> None:
    files = Authority(tmp_path).sign("node7")
    files.key.chmod(0o640)
    with pytest.raises(CertificateError, match=f"other users can open the key in {files.key}"):
        read_certificate(files.certificate, files.key)


def test_one_that_has_expired_is_refused(tmp_path: Path) -> None:
    files = Authority(tmp_path).sign("node7", days=-1)
    with pytest.raises(CertificateError, match=f"{files.certificate} has expired on 20"):
        read_certificate(files.certificate, files.key)


def test_files_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.sign("node7"), authority.sign("node7")
    with pytest.raises(CertificateError, match="is not that of"):
        read_certificate(one.certificate, other.key)
    with pytest.raises(CertificateError, match="has no key in PEM"):
        read_certificate(one.certificate, tmp_path / "nowhere")
    with pytest.raises(CertificateError, match="has no certificate in PEM"):
        read_certificate(one.key, one.key)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OpenSSL", "cryptography"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(CertificateError, match=r"pip install 'networkspaces\[tls\]'"):
                make_certificate()


# Settings


def test_a_server_with_tls_may_listen_to_other_machines() -> None:
    assert Config(listen=(ALL,), tls=True).tls
    with pytest.raises(ConfigError, match="--tls encrypts it"):
        Config(listen=(ALL,))
    with pytest.raises(ConfigError, match="the inspector does not speak TLS"):
        Config(listen=(ALL,), web=ALL, tls=True)


def test_the_inspector_of_one_stays_on_this_machine() -> None:
    environ = {"NWS_INTERFACE": "0.0.0.0", "NWS_TLS": "yes"}
    config = Config.from_environment(environ)
    assert config.listen == ("tcp:8765",)
    assert config.web == "tcp:8766:interface=127.0.0.1"
    with pytest.raises(ConfigError, match="listens to other machines"):
        Config.from_environment({**environ, "NWS_TLS": "no"})
    with pytest.raises(ConfigError, match="neither yes nor no"):
        Config.from_environment({**environ, "NWS_TLS": "perhaps"})


def test_a_certificate_turns_tls_on() -> None:
    files = {"NWS_TLS_CERTIFICATE": "a.pem", "NWS_TLS_KEY": "a.key"}
    assert Config.from_environment(files).tls
    for name, value in files.items():
        with pytest.raises(ConfigError, match="go together"):
            Config.from_environment({name: value})


# Who must speak it


@pytest.mark.parametrize(
    ("address", "is_ours", "speaks", "comes_in"),
    [
        ("127.0.0.1:1", False, False, True),
        ("[::1]:1", False, False, True),
        ("unix", False, False, True),
        ("192.0.2.1:1", True, False, True),
        ("192.0.2.1:1", False, False, False),
        ("192.0.2.1:1", False, True, True),
    ],
)
def test_what_comes_from_other_machines_is_encrypted(
    monkeypatch: pytest.MonkeyPatch, address: str, is_ours: bool, speaks: bool, comes_in: bool
) -> None:
    monkeypatch.setattr(authenticator, "peer_user", lambda _: 1 if is_ours else None)
    server = Authenticator("the secret of a test", "same-user", encrypted=True)
    visitor = Visitor(server, object(), address)  # type: ignore[arg-type]
    if speaks:
        visitor.encrypt("sha256:its")
        assert visitor.login.address == "sha256:its"
    reason = visitor.admit(Dialect(extensions=True), Proof.RIGHT)
    assert (not reason) == comes_in
    assert comes_in or "NWS_TLS_CA" in reason
