# SPDX-License-Identifier: Apache-2.0
"""HTTP to the letter, on the wire: framing, heads, connections, limits (RFC 9112, RFC 9110 §7 and §10).

What a request means is in test_conformance_answers.py; ranges in full in test_ranges.py.
"""

import pytest
from content import Seeded
from origin import Act, Gate

OBJECT = "/tfjs-models/conformance.bin"
BODY = Seeded("conformance", 10_000)
PULL = "/-/api/pull"


@pytest.fixture
def cached(server, origin):
    """A server with one cached object."""
    origin.add(OBJECT, BODY)
    assert server.get(OBJECT).status == 200
    return server.wait_idle()


def head(line, *fields, host="localhost"):
    lines = [line, *([f"Host: {host}"] if host else []), *fields]
    return "\r\n".join(lines) + "\r\n\r\n"


def get(target=OBJECT, *fields, version="HTTP/1.1"):
    return head(f"GET {target} {version}", *fields)


def assert_refused(server, data, status=400, method="GET"):
    """One error, no-store, and the connection is over: what follows on it cannot be trusted."""
    with server.connect() as client:
        try:
            client.send(data + get())  # what a smuggler would have answered
        except ConnectionError:
            pass  # it was refused before it was sent
        reply = client.read_reply(method)
        assert reply.status == status and reply.is_complete
        assert reply.header("Connection").lower() == "close" and reply.header("Cache-Control") == "no-store"
        assert client.reads_end()
    return reply


# --- heads ---


def test_two_hosts_are_refused(cached):
    """RFC 9112 §3.2: more than one Host field line."""
    assert_refused(cached, get(OBJECT, "Host: other.example"))
    assert_refused(cached, get(OBJECT, "hOST: localhost"))


def test_no_host_is_refused_in_http_1_1(cached):
    """RFC 9112 §3.2."""
    assert_refused(cached, head(f"GET {OBJECT} HTTP/1.1", host=None))


@pytest.mark.parametrize("method", ["G\x01T", "GE\x7fT", "G\tET", "GET\x0b", "(GET)", "GE@T", "GET\x80"])
def test_a_method_is_a_token(cached, method):
    """RFC 9110 §9.1, RFC 9112 §3.1."""
    with cached.connect() as client:
        client.send(head(f"{method} {OBJECT} HTTP/1.1").encode("latin-1"))
        assert client.read_reply().status == 400
        assert client.reads_end()


@pytest.mark.parametrize("target", ["/a\x01b", "/a\x7fb", "/a#b", "a/b", "ftp://localhost/a", "*"])
def test_a_target_is_a_path_or_a_url(cached, target):
    """RFC 9112 §3.2."""
    assert_refused(cached, get(target))


def test_the_asterisk_belongs_to_options(cached):
    """RFC 9112 §3.2.4."""
    assert cached.fetch("*", "OPTIONS").status == 204


def test_a_url_beyond_the_ceiling_is_414(cached):
    """RFC 9110 §15.5.15; at the ceiling it is a path like any other."""
    assert_refused(cached, get("/" + "a" * 8192), 414)
    assert cached.get("/" + "a" * 8191).status == 404


def test_a_head_beyond_the_ceiling_is_431(cached):
    """RFC 6585 §5. The library answers by itself, and closes."""
    with cached.connect() as client:
        try:
            client.send(get(OBJECT, "X-Large: " + "x" * 60_000))
        except ConnectionError:
            pass  # it was refused before it was sent
        assert client.read_head().status == 431


def test_the_ceiling_of_heads_is_a_setting(modelhost, origin):
    origin.add(OBJECT, BODY)
    server = modelhost.start(origin=origin, settings={"server.header_size": "64KiB"})
    assert server.get(OBJECT, headers={"X-Large": "x" * 60_000}).status == 200


# --- framing ---


@pytest.mark.parametrize("fields", [("Content-Length: 5", "Content-Length: 6"), ("Content-Length: 0", "Content-Length: 5")])
@pytest.mark.parametrize("line", [f"GET {OBJECT} HTTP/1.1", f"POST {PULL} HTTP/1.1"])
def test_lengths_that_differ_are_refused(cached, line, fields):
    """RFC 9112 §6.3 item 5."""
    assert_refused(cached, head(line, *fields))


@pytest.mark.parametrize("value", ["+5", "-5", "0x5", "5a", "1e1", "5, 6", "99999999999999999999999"])
def test_a_length_is_a_number(cached, value):
    """RFC 9110 §8.6."""
    with cached.connect() as client:
        client.send(head(f"POST {PULL} HTTP/1.1", f"Content-Length: {value}"))
        assert client.read_head().status in (400, 413)  # the library's own for what fits in no number


@pytest.mark.parametrize("line", [f"GET {OBJECT} HTTP/1.1", f"POST {PULL} HTTP/1.1"])
def test_two_framings_are_refused(cached, line):
    """RFC 9112 §6.1: the classic of request smuggling."""
    fields = ("Content-Length: 4", "Transfer-Encoding: chunked")
    assert_refused(cached, head(line, *fields) + "0\r\n\r\n")
    assert_refused(cached, head(line, *reversed(fields)) + "0\r\n\r\n")


BODIES = [("Content-Length: 5", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")]


@pytest.mark.parametrize("coding, status", [("gzip", 400), ("chunked, gzip", 400), ("xchunked", 400), ("identity", 400),
                                            ("gzip, chunked", 501)])
def test_no_other_transfer_coding_is_guessed_at(cached, coding, status):
    """RFC 9112 §6.1: answered at once, not when the connection ends."""
    assert_refused(cached, head(f"POST {PULL} HTTP/1.1", f"Transfer-Encoding: {coding}"), status)


def test_a_second_transfer_encoding_is_refused(cached):
    """RFC 9112 §6.1, §7.1: chunked is applied once."""
    assert_refused(cached, head(f"POST {PULL} HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip"))


def test_http_1_0_has_no_transfer_encoding(cached):
    """RFC 9112 §6.1: the framing is faulty."""
    assert_refused(cached, head(f"POST {PULL} HTTP/1.0", "Transfer-Encoding: chunked"))


@pytest.mark.parametrize("framing, body", BODIES, ids=["length", "chunked"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_body_where_none_belongs_is_refused(cached, method, framing, body):
    """RFC 9110 §9.3.1: it has no meaning, and may be an attempt at smuggling."""
    assert_refused(cached, head(f"{method} {OBJECT} HTTP/1.1", framing) + body, method=method)


def test_a_length_of_nothing_is_no_body(cached):
    """RFC 9110 §8.6."""
    with cached.connect() as client:
        for _ in range(2):
            client.send(get(OBJECT, "Content-Length: 0"))
            assert client.read_reply().body == BODY.all()


# --- expectations and upgrades ---


def test_100_continue_comes_before_the_body(cached):
    """RFC 9110 §10.1.1: the body is sent only when it is wanted."""
    body = b'{"what": ["' + OBJECT.encode() + b'"]}'
    with cached.connect() as client:
        client.send(head(f"POST {PULL} HTTP/1.1", "Expect: 100-continue", f"Content-Length: {len(body)}"))
        assert client.read_until(b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
        client.send(body)
        assert client.read_reply().status == 202


def test_who_may_not_act_is_told_instead_of_100(cached):
    """RFC 9110 §10.1.1: a final status, and no body is read."""
    with cached.connect() as client:
        client.send(head(f"POST {PULL} HTTP/1.1", "Origin: http://evil.example", "Expect: 100-continue",
                         "Content-Length: 100"))
        assert client.read_until(b"\r\n").startswith(b"HTTP/1.1 403 ")


def test_another_expectation_is_417(cached):
    """RFC 9110 §10.1.1."""
    reply = assert_refused(cached, get(OBJECT, "Expect: tea"), 417)
    assert "100-continue" in reply.text or "100-continue" in reply.header("Modelhost-Error")


@pytest.mark.parametrize("fields", [("Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", "Connection: Upgrade, HTTP2-Settings"),
                                    ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")])
def test_an_upgrade_is_ignored(cached, fields):
    """RFC 9110 §7.8: a server may; the connection goes on as it was."""
    with cached.connect() as client:
        for _ in range(2):
            client.send(get(OBJECT, *fields))
            reply = client.read_reply()
            assert (reply.status, reply.body, reply.header("Upgrade")) == (200, BODY.all(), None)


# --- connections ---


def test_answers_come_in_the_order_of_the_requests(server, origin):
    """RFC 9112 §9.3.2: also where the first has to wait for its upstream, and a later one has not."""
    names = [f"/tfjs-models/pipelined/{i}.bin" for i in range(8)]
    contents = [origin.add(name, Seeded(name, 1000 + i)) for i, name in enumerate(names)]
    for name in names[1:]:
        assert server.get(name).status == 200
    gate = Gate()
    origin.script(names[0], Act(gates={"request": gate}))
    with server.wait_idle().connect() as client:
        client.send("".join(get(name) for name in names))
        gate.wait_arrived()
        assert client.is_silent_for(0.2)
        gate.release()
        for content in contents:
            assert client.read_reply().body == content.all()


@pytest.mark.parametrize(
    "method, target, fields, status",
    [("GET", "/tfjs-models/none.bin", (), 404), ("GET", OBJECT, ("If-None-Match: *",), 304),
     ("GET", OBJECT, ('If-Match: "x"',), 412), ("GET", OBJECT, ("Range: bytes=99999-",), 416),
     ("GET", OBJECT, ("Range: bytes=1-2",), 206), ("GET", OBJECT, ("Range: bytes=1-2,9-9",), 206),
     ("DELETE", OBJECT, (), 405), ("HEAD", OBJECT, (), 200), ("HEAD", "/tfjs-models/none.bin", (), 404),
     ("OPTIONS", OBJECT, (), 204), ("GET", "/tfjs-models/%2e%2e/x", (), 400), ("GET", "/tfjs-models/.x", (), 404),
     ("GET", "/-/api/none", (), 404), ("BREW", OBJECT, (), 405)],
)
def test_a_connection_survives_an_error(cached, method, target, fields, status):
    """RFC 9112 §9.3: an error of one request is no reason to part."""
    cached.allow_stderr("none.bin")
    with cached.connect() as client:
        for _ in range(3):
            client.send(head(f"{method} {target} HTTP/1.1", *fields))
            reply = client.read_reply(method)
            assert reply.status == status and reply.is_complete
            assert (reply.header("Connection") or "").lower() != "close"
        client.send(get())
        assert client.read_reply().body == BODY.all()


def test_close_is_honoured(cached):
    """RFC 9112 §9.6."""
    with cached.connect() as client:
        client.send(get(OBJECT, "Connection: close"))
        reply = client.read_reply()
        assert reply.body == BODY.all() and reply.header("Connection").lower() == "close"
        assert client.reads_end()


def test_http_1_0(cached):
    """RFC 9112 §9.3, appendix C.2.2: no Host needed, closed after the answer, kept where it is asked for."""
    with cached.connect() as client:
        client.send(head(f"GET {OBJECT} HTTP/1.0", host=None))
        assert client.read_reply().body == BODY.all()
        assert client.reads_end()
    with cached.connect() as client:
        for _ in range(2):
            client.send(get(OBJECT, "Connection: keep-alive", version="HTTP/1.0"))
            reply = client.read_reply()
            assert reply.body == BODY.all() and reply.header("Connection").lower() == "keep-alive"


def test_http_1_0_knows_no_chunks(server, origin):
    """RFC 9112 §6.1: of an unknown length it waits for the whole, and gets a length."""
    origin.add(OBJECT, BODY)
    origin.script(OBJECT, Act(framing="chunked"))
    with server.connect() as client:
        client.send(get(OBJECT, version="HTTP/1.0"))
        reply = client.read_reply()
    assert reply.header("Transfer-Encoding") is None and reply.header("Content-Length") == str(BODY.size)
    assert reply.body == BODY.all()


# --- limits ---


@pytest.fixture
def impatient(modelhost, origin):
    origin.add(OBJECT, BODY)
    server = modelhost.start(origin=origin, settings={"server.idle_timeout": "2s"})
    assert server.get(OBJECT).status == 200
    return server.wait_idle()


def drip(client, data, limit=200):
    """Send byte by byte, a tenth of a second apart, until the server has had enough. Bounded."""
    for byte in data[:limit]:
        try:
            client.send(byte)
        except ConnectionError:
            return True
        if not client.is_silent_for(0.1):
            return client.is_at_end
    return False


def test_an_idle_connection_is_closed(impatient):
    """RFC 9112 §9.5."""
    with impatient.connect() as client:
        assert client.reads_end()
    with impatient.connect() as client:
        client.send(get())
        assert client.read_reply().body == BODY.all()
        assert client.reads_end()


@pytest.mark.parametrize("begun", ["", "GET /", get()[:-2] + "X-Slow: "], ids=["nothing", "line", "field"])
def test_a_head_that_comes_byte_by_byte_is_cut(impatient, begun):
    """Every byte keeps the library waiting; the whole head has a deadline all the same."""
    with impatient.connect() as client:
        client.send(begun or "G")
        assert drip(client, "x" * 500)
    assert impatient.get(OBJECT).body == BODY.all()


def test_a_slow_head_after_an_answer_is_cut_too(impatient):
    with impatient.connect() as client:
        client.send(get())
        assert client.read_reply().body == BODY.all()
        client.send("GET /")
        assert drip(client, "x" * 500)


def test_a_slow_body_is_cut(impatient):
    with impatient.connect() as client:
        client.send(head(f"POST {PULL} HTTP/1.1", "Content-Length: 1000"))
        assert drip(client, " " * 500)


def test_who_waits_for_an_upstream_is_not_idle(impatient, origin):
    gate = Gate()
    slow = "/tfjs-models/slow.bin"
    content = origin.add(slow, Seeded("slow", 1000))
    origin.script(slow, Act(gates={"request": gate}))
    with impatient.ask(slow) as client:
        gate.wait_arrived()
        assert client.is_silent_for(5)  # the timeout is 2 s, and looked at every second
        gate.release()
        assert client.read_reply().body == content.all()


def test_connections_in_all_are_limited(modelhost, origin):
    """Those beyond the limit wait until there is room."""
    origin.add(OBJECT, BODY)
    server = modelhost.start(origin=origin, settings={"server.max_connections": 2, "server.threads": 1})
    with server.connect() as one, server.connect() as two:
        for client in (one, two):
            client.send(get())
            assert client.read_reply().status == 200
        with server.connect() as three:
            three.send(get())
            assert three.is_silent_for(0.5)
            one.close()
            assert three.read_reply().body == BODY.all()


def test_connections_of_one_address_are_limited(modelhost, origin):
    """Those beyond the limit are closed at once; other addresses come in."""
    origin.add(OBJECT, BODY)
    server = modelhost.start(origin=origin, settings={"server.max_connections_per_address": 2})
    with server.connect() as one, server.connect() as two:
        for client in (one, two):
            client.send(get())
            assert client.read_reply().status == 200
        with server.connect() as three:
            try:
                three.send(get())
            except ConnectionError:
                pass  # it was closed before
            assert three.reads_end()
        one.send(get())
        assert one.read_reply().status == 200
