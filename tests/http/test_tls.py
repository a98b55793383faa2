# SPDX-License-Identifier: Apache-2.0
"""HTTPS by --tls-cert and --tls-key: versions, ciphers, whole bodies, and clear words at the start."""

import ssl
import subprocess

import pytest
from client import Connection, connect
from content import Seeded
from origin import Act, Gate

SMALL, LARGE = "/tfjs-models/a/small.bin", "/tfjs-models/a/large.bin"
SIZE = 3_000_000


def make_pair(folder, name):
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True, timeout=30,
    )
    return certificate, key


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return make_pair(tmp_path_factory.mktemp("tls"), "server")


@pytest.fixture
def secure(modelhost, origin, pair):
    certificate, key = pair
    return modelhost.start("--tls-cert", certificate, "--tls-key", key, origin=origin)


@pytest.fixture
def dial(secure, pair):
    """dial(): a verified TLS connection."""

    def make(version=None, ciphers=None):
        context = ssl.create_default_context(cafile=str(pair[0]))
        if version:
            context.minimum_version = context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        timeout = 20.0 * secure.patience
        sock = context.wrap_socket(connect(secure.port, timeout).sock, server_hostname="localhost")
        return Connection(sock, timeout)

    return make


def test_it_says_https(secure):
    assert secure.stdout.all() == [f"modelhost: listening on https://127.0.0.1:{secure.port}/"]


def test_the_client_script_says_https(secure, dial):
    with dial() as connection:
        host = {"Host": "models.example:8443"}
        reply = connection.request("/-/client.js", headers=host).read_reply()
        assert 'const SERVED_AT = "https://models.example:8443";' in reply.text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_bodies_of_every_kind(secure, origin, dial, version):
    small, large = origin.add(SMALL, Seeded("s", 1000)), origin.add(LARGE, Seeded("l", SIZE))
    with dial(version) as connection:
        assert connection.sock.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2"}.get(version, "TLSv1.3")
        assert connection.sock.cipher()[0] in ("TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256")
        for _ in range(6):  # arriving, from the file, and kept
            for path, content in ((SMALL, small), (LARGE, large)):
                reply = connection.request(path).read_reply()
                assert (reply.status, reply.is_complete, reply.body == content.all()) == (200, True, True)
        reply = connection.request(LARGE, headers={"Range": "bytes=1000000-2999999"}).read_reply()
        assert (reply.status, reply.body) == (206, large.all()[1_000_000:])
        reply = connection.request(LARGE, headers={"Range": "bytes=0-9,20-29"}).read_reply()
        assert reply.status == 206 and reply.is_complete
        reply = connection.request(LARGE, "HEAD").read_reply("HEAD")
        assert (reply.status, reply.header("Content-Length")) == (200, str(SIZE))


def test_aes_128_is_preferred_and_chacha_is_there(secure, dial):
    with dial(ssl.TLSVersion.TLSv1_2, "ECDHE+CHACHA20:ECDHE+AESGCM") as connection:
        assert "AES128-GCM" in connection.sock.cipher()[0]
    with dial(ssl.TLSVersion.TLSv1_2, "ECDHE+CHACHA20") as connection:
        assert "CHACHA20" in connection.sock.cipher()[0]
        assert connection.request("/-/healthy").read_reply().text == "healthy\n"


def test_old_versions_are_refused(secure, dial):
    with pytest.raises(ssl.SSLError):
        dial(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0")


def test_bytes_come_as_they_arrive(secure, origin, dial):
    content = origin.add(LARGE, Seeded("l", SIZE))
    gate = Gate()
    origin.script(LARGE, Act(gates={SIZE // 2: gate}))
    with dial() as connection:
        connection.request(LARGE)
        head = connection.read_head()
        first = connection.read_exactly(100_000)
        gate.wait_arrived()
        gate.release()
        assert first + connection.read_exactly(SIZE - 100_000) == content.all() and head.status == 200


def test_many_at_once(secure, origin, dial, at_once):
    content = origin.add(LARGE, Seeded("l", SIZE))

    def load():
        with dial() as connection:
            return connection.request(LARGE).read_reply().body == content.all()

    assert all(at_once([load] * 12))


def test_a_large_file_that_shrinks_cuts_its_client(modelhost, pair, tmp_path):
    root = tmp_path / "app"
    root.mkdir()
    with open(root / "big.bin", "wb") as file:
        file.truncate(64 << 20)
    server = modelhost.start("--tls-cert", pair[0], "--tls-key", pair[1], root)
    context = ssl.create_default_context(cafile=str(pair[0]))
    for size, is_whole in ((64 << 20, True), (1 << 20, False)):
        sock = context.wrap_socket(connect(server.port, receive_buffer=65536).sock, server_hostname="localhost")
        with Connection(sock) as connection:
            connection.request("/big.bin")
            head = connection.read_head()
            with open(root / "big.bin", "r+b") as file:
                file.truncate(size)
            try:
                reply = connection.read_body(head)
                assert reply.is_complete is is_whole
            except ssl.SSLError:  # an end without a goodbye
                assert not is_whole


def test_the_files_must_belong_together(modelhost, pair, tmp_path):
    _, other = make_pair(tmp_path, "other")
    server = modelhost.start("--tls-cert", pair[0], "--tls-key", other, wait=False)
    server.expect_stderr(r"certificate '.*server\.crt' and the key '.*other\.key' cannot be used")
    assert server.wait() == 2
    server.check_output()


@pytest.mark.parametrize("flag, cure", [("--tls-cert", "--tls-key FILE"), ("--tls-key", "--tls-cert FILE")])
def test_one_without_the_other(modelhost, pair, flag, cure):
    done = modelhost.run("config", "--check", "--set", f"tls.{'certificate' if flag == '--tls-cert' else 'key'}={pair[0]}")
    assert done.returncode == 2 and cure in done.stdout + done.stderr


def test_a_missing_file(modelhost, pair):
    server = modelhost.start("--tls-cert", "/nowhere.crt", "--tls-key", pair[1], wait=False)
    server.expect_stderr(r"nowhere\.crt")
    assert server.wait() == 2
    server.check_output()


def test_url_has_the_scheme(modelhost, pair):
    """`url` at the running server, and by the configuration alone."""
    certificate, key = pair
    tls = ["--set", f"tls.certificate={certificate}", "--set", f"tls.key={key}"]
    done = modelhost.run("url", "bodypix", "--cache-dir", modelhost.cache, *tls)
    assert done.stdout.startswith("https://localhost:8080/tfjs-models/"), done
    server = modelhost.start("--tls-cert", certificate, "--tls-key", key)
    done = modelhost.run("url", "bodypix", "--cache-dir", modelhost.cache)
    assert done.stdout.startswith(f"https://127.0.0.1:{server.port}/tfjs-models/"), done
