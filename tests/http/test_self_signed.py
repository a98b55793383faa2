# SPDX-License-Identifier: Apache-2.0
"""--tls-self-signed: a certificate of the server's own, kept, verifiable, and told by its fingerprint."""

import hashlib
import re
import socket
import ssl
import stat
import subprocess

import pytest
from client import Connection, connect

FLAG = "--tls-self-signed"


def files_of(server):
    return server.cache / "tls-self-signed.crt", server.cache / "tls-self-signed.key"


def served_certificate(server):
    """What a handshake gets, as DER."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(connect(server.port, 20.0 * server.patience).sock) as sock:
        return sock.getpeercert(binary_form=True)


def fingerprint_of(der):
    return hashlib.sha256(der).hexdigest().upper()


def told_fingerprint(server):
    return server.stdout.wait(r"SHA-256 fingerprint is ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$", 10)[1].replace(":", "")


def test_it_serves_https_with_the_fingerprint_that_it_prints(modelhost):
    server = modelhost.start(FLAG)
    assert fingerprint_of(served_certificate(server)) == told_fingerprint(server)
    assert server.stdout.all()[0] == f"modelhost: listening on https://127.0.0.1:{server.port}/"
    assert stat.S_IMODE(files_of(server)[1].stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", socket.gethostname()])
def test_a_client_that_trusts_it_can_verify_it(modelhost, name):
    server = modelhost.start(FLAG)
    context = ssl.create_default_context(cafile=str(files_of(server)[0]))
    sock = context.wrap_socket(connect(server.port, 20.0 * server.patience).sock, server_hostname=name)
    with Connection(sock, 20.0 * server.patience) as connection:
        assert connection.request("/-/healthy").read_reply().text == "healthy\n"


def test_the_fingerprint_is_what_openssl_says(modelhost):
    server = modelhost.start(FLAG)
    done = subprocess.run(["openssl", "x509", "-in", str(files_of(server)[0]), "-noout", "-fingerprint", "-sha256"],
                          capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip().split("=")[1].replace(":", "") == told_fingerprint(server)


def test_it_is_kept_for_the_next_start(modelhost):
    first = modelhost.start(FLAG)
    before = told_fingerprint(first)
    first.stop()
    again = modelhost.start(FLAG)
    assert told_fingerprint(again) == before == fingerprint_of(served_certificate(again))


def test_a_name_more_makes_it_anew_with_a_note(modelhost):
    first = modelhost.start(FLAG)
    before, key = told_fingerprint(first), files_of(first)[1].read_text()
    first.stop()
    again = modelhost.start(FLAG, settings={"server.hosts": "phone.example"})
    again.expect_stderr(r"note: a new self-signed certificate .*'phone\.example' was not in the old one")
    assert told_fingerprint(again) != before
    assert files_of(again)[1].read_text() == key
    again.stop()


def test_not_together_with_a_certificate(modelhost, tmp_path):
    for name in ("a.crt", "a.key"):
        (tmp_path / name).write_text("x")
    done = modelhost.run("serve", FLAG, "--tls-cert", tmp_path / "a.crt", "--tls-key", tmp_path / "a.key")
    assert done.returncode == 2
    assert re.search(r"--tls-self-signed: \[tls\] self_signed is on, and a certificate is given too \(--tls-cert\)", done.stderr)


def test_url_says_https(modelhost):
    done = modelhost.run("url", "bodypix", "--set", "tls.self_signed=on", "--cache-dir", modelhost.cache)
    assert done.stdout.startswith("https://localhost:8080/")
