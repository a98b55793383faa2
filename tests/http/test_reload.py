# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: certificates and what the table of settings calls reloadable are read again; nothing else moves."""

import ssl

import pytest
from client import Connection, connect
from content import Seeded
from origin import Act, Gate
from test_tls import make_pair

LARGE = "/tfjs-models/a/large.bin"
SIZE = 3_000_000


@pytest.fixture
def pair(tmp_path):
    """The files that the server is given; what they hold is replaced."""
    return make_pair(tmp_path, "server")


@pytest.fixture
def secure(modelhost, origin, pair):
    return modelhost.start("--tls-cert", pair[0], "--tls-key", pair[1], origin=origin)


def dial(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    timeout = 20.0 * server.patience
    return Connection(context.wrap_socket(connect(server.port, timeout).sock), timeout)


def certificate_of(server):
    with dial(server) as connection:
        return connection.sock.getpeercert(binary_form=True)


def der_of(path):
    return ssl.PEM_cert_to_DER_cert(path.read_text())


def replace(pair, other):
    for old, new in zip(pair, other):
        old.write_bytes(new.read_bytes())


def test_a_renewed_certificate_is_shown_from_then_on(secure, pair, tmp_path):
    assert certificate_of(secure) == der_of(pair[0])
    before = der_of(pair[0])
    replace(pair, make_pair(tmp_path, "renewed"))
    assert certificate_of(secure) == before
    secure.expect_stderr("note: new connections get the new certificate")
    secure.reload()
    assert certificate_of(secure) == der_of(pair[0]) != before


def test_open_connections_go_on(secure, pair, origin, tmp_path):
    """Idle ones, and one in the middle of a body that is still arriving."""
    content = origin.add(LARGE, Seeded("l", SIZE))
    gate = Gate()
    origin.script(LARGE, Act(gates={SIZE // 2: gate}))
    secure.allow_stderr("new certificate")
    with dial(secure) as idle, dial(secure) as busy:
        assert idle.request("/-/healthy").read_reply().status == 200
        busy.request(LARGE)
        head = busy.read_head()
        first = busy.read_exactly(100_000)
        gate.wait_arrived()
        for name in ("second", "third"):
            replace(pair, make_pair(tmp_path, name))
            secure.reload()
        gate.release()
        assert head.status == 200
        assert first + busy.read_exactly(SIZE - 100_000) == content.all()
        assert idle.request("/-/healthy").read_reply().status == 200
    assert certificate_of(secure) == der_of(pair[0])


@pytest.mark.parametrize("broken", ["key", "text", "missing"])
def test_a_broken_one_leaves_the_old_one(secure, pair, tmp_path, broken):
    before = der_of(pair[0])
    if broken == "key":
        pair[1].write_bytes(make_pair(tmp_path, "stranger")[1].read_bytes())
    elif broken == "text":
        pair[0].write_text("no certificate\n")
    else:
        pair[0].unlink()
        # The configuration itself names a file that is not there.
        secure.expect_stderr(r"--tls-cert: .*server\.crt", "the configuration stays as it was")
    secure.expect_stderr(r"error: the certificate stays as it was: .*server\.")
    secure.reload()
    assert certificate_of(secure) == before


def test_the_same_certificate_is_no_news(secure):
    secure.reload()
    secure.reload()


@pytest.fixture
def configured(modelhost, tmp_path):
    """configured(text): a server with an app and a configuration file, and the file."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "a.txt").write_text("a\n")
    file = tmp_path / "config.ini"

    def make(text):
        file.write_text(text)
        return modelhost.start("-c", file, tmp_path / "app"), file

    return make


def test_settings_are_applied(configured):
    server, file = configured("[server]\nheader = X-One: 1\n")
    for _ in range(8):  # so that some are kept ready
        assert server.get("/a.txt").header("X-One") == "1"
    assert server.get("/a.txt").header("Access-Control-Allow-Origin") == "*"
    file.write_text("[server]\nheader = X-One: 2\nheader = X-Two: 2\nisolate = on\n[cors]\nallow_origin = https://a.example\n")
    server.reload()
    assert [server.get("/a.txt").header("X-One") for _ in range(4)] == ["2"] * 4
    reply = server.get("/a.txt", headers={"Origin": "https://a.example"})
    assert reply.header("Access-Control-Allow-Origin") == "https://a.example"
    assert reply.header("X-Two") == "2"
    file.write_text("")
    server.reload()
    assert [server.get("/a.txt").header("X-One") for _ in range(4)] == [None] * 4
    assert server.get("/a.txt").header("Access-Control-Allow-Origin") == "*"


def test_a_second_line_of_a_list_is_a_change(configured):
    server, file = configured("[server]\nheader = X-One: 1\nheader = X-Two: 1\n")
    file.write_text("[server]\nheader = X-One: 1\nheader = X-Three: 1\nheader = X-Two: 1\n")
    server.reload()
    assert server.get("/a.txt").header("X-Three") == "1"


def test_mistakes_leave_all_as_it_was(configured):
    server, file = configured("[server]\nheader = X-One: 1\n")
    file.write_text("[server]\nheader = X-One: 2\nlisting = maybe\n")
    server.expect_stderr(r"config\.ini:3: \[server\] listing: ", "the configuration stays as it was")
    server.reload()
    assert server.get("/a.txt").header("X-One") == "1"


def test_what_takes_a_restart_is_told(configured):
    server, file = configured("[server]\nthreads = 2\n")
    file.write_text("[server]\nthreads = 3\nlisting = on\n[cache]\nsettle = 1s\n[mirror mine]\nupstream = http://127.0.0.1:1/\n")
    server.expect_stderr(
        r"note: \[server\] threads changed; that takes a restart",
        r"note: \[cache\] settle changed; that takes a restart",
        r"note: \[mirror mine\] upstream changed; that takes a restart",
    )
    server.reload()
    assert server.get("/").status == 200
    file.write_text("[server]\nthreads = 2\n")
    server.expect_stderr(r"note: \[mirror mine\] has gone; that takes a restart")
    server.reload()
    assert "mine" not in server.get("/-/").text


def test_a_certificate_where_there_was_none_takes_a_restart(configured, tmp_path):
    server, file = configured("")
    certificate, key = make_pair(tmp_path, "late")
    file.write_text(f"[tls]\ncertificate = {certificate}\nkey = {key}\n")
    server.expect_stderr(r"note: \[tls\] .* takes a restart")
    server.reload()
    server.reload()  # it is told once
    assert server.get("/a.txt").status == 200
