# SPDX-License-Identifier: Apache-2.0
"""/-/api/ and the control socket: what they tell, what they do, and whom they refuse."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from client import connect_unix
from origin import Act, Gate
from program import wait_until

HERE = Path(__file__).resolve().parent
PULL = "/-/api/pull"


def over_tcp(server, target, method="GET", body=b"", headers=()):
    return server.fetch(target, method, headers, body=body)


def over_socket(server, target, method="GET", body=b"", headers=()):
    with connect_unix(server.cache / "control") as connection:
        return connection.request(target, method, headers, body=body).read_reply(method)


WAYS = [over_tcp, over_socket]


def pull(ask, server, *what, **options):
    return ask(server, PULL, "POST", body=json.dumps({"what": list(what)}).encode(), **options)


@pytest.mark.parametrize("ask", WAYS)
def test_pull_makes_a_model_local(server, origin, make_model, ask):
    model = make_model()
    reply = pull(ask, server, model.path)
    assert reply.status == 202
    assert reply.json() == {"models": [{"what": model.path, "path": model.path}]}
    server.wait_complete(model.path)
    assert sorted(origin.journal.targets()) == sorted(model.paths)
    assert server.cached_files() == sorted(model.paths)


def test_pull_takes_an_upstream_url(server, origin, make_model):
    model = make_model()
    url = origin.url.rstrip("/") + model.path
    assert pull(over_tcp, server, url).json() == {"models": [{"what": url, "path": model.path}]}
    server.wait_complete(model.path)


def test_pull_takes_several(server, origin, make_model):
    models = [make_model(folder=f"/tfjs-models/{name}/") for name in "ab"]
    assert pull(over_tcp, server, *[model.path for model in models]).status == 202
    for model in models:
        server.wait_complete(model.path)


@pytest.mark.parametrize(
    "body, status",
    [(b"", 400), (b"{", 400), (b"[]", 400), (b"{}", 400), (b'{"what": "x"}', 400), (b'{"what": [1]}', 400),
     (b'{"what": []}', 400), (b'{"what": ["/tfjs-models/../x"]}', 400), (b'{"what": ["/nowhere/x.json"]}', 404),
     (b'{"what": ["http://other.example/x.json"]}', 404), (b'{"what": ["' + b"x" * (1 << 20) + b'"]}', 413)],
)
@pytest.mark.parametrize("ask", WAYS)
def test_a_pull_that_makes_no_sense(server, origin, ask, body, status):
    reply = ask(server, PULL, "POST", body=body)
    assert reply.status == status
    if status != 413:
        assert reply.json()["detail"]
    assert origin.journal.count() == 0


@pytest.mark.parametrize("ask", WAYS)
def test_one_that_makes_no_sense_spoils_the_whole_pull(server, origin, make_model, ask):
    model = make_model()
    assert pull(ask, server, model.path, "/nowhere/x.json").status == 404
    assert origin.journal.count() == 0


def test_a_failed_pull_says_why(server, origin, make_model):
    model = make_model({"a.bin": 1000})
    origin.script(model.shards[0], Act(status=403))
    server.allow_stderr("/tfjs-models/")
    pull(over_tcp, server, model.path)
    origin.journal.wait(model.shards[0], done=True)
    server.get(model.shards[0])
    told = server.model(model.path)
    assert told["state"] in ("incomplete", "arriving")
    if told["state"] == "incomplete":
        assert "a.bin" in told["failure"]["sentence"] and told["failure"]["code"] == "upstream"


@pytest.mark.parametrize("ask", WAYS)
def test_models(server, origin, make_model, ask):
    assert ask(server, "/-/api/models").json() == {"models": []}
    model = make_model({"a.bin": 1000, "b.bin": 10})
    server.get(model.path)
    server.wait_complete(model.path)
    (told,) = ask(server, "/-/api/models").json()["models"]
    size = sum(content.size for content in model.contents.values())
    wanted = {"path": model.path, "url": origin.url.rstrip("/") + model.path, "state": "complete",
              "bytes": size, "files": 3, "files_present": 3, "pinned": False}
    assert told.items() >= wanted.items() and "failure" not in told
    assert told["last_used"] is None or told["last_used"].endswith("Z")
    assert ask(server, "/-/api/models" + model.path).json() == told


def test_a_model_that_is_not_there(server):
    target = "/-/api/models/tfjs-models/none.json"
    # Until the cache has been looked through, nothing is known not to be there.
    wait_until(lambda: server.get(target).status != 503, "the cache has been looked through")
    reply = server.get(target)
    assert reply.status == 404 and reply.json()["detail"]


@pytest.mark.parametrize("ask", WAYS)
def test_flights(server, origin, make_model, ask):
    model = make_model({"a.bin": 100_000})
    gate = Gate()
    origin.script(model.shards[0], Act(gates={50_000: gate}))
    server.get(model.path)
    with server.ask(model.shards[0]) as client:
        client.read_head()
        client.read_exactly(50_000)
        told = ask(server, "/-/api/flights").json()["flights"]
        (flight,) = [one for one in told if one["path"] == model.shards[0]]
        assert flight == {"path": model.shards[0], "bytes": 50_000, "total": 100_000, "clients": 1,
                          "state": flight["state"]}
        assert server.model(model.path)["state"] == "arriving"
        gate.release()
        client.read_exactly(50_000)
    server.wait_idle()
    assert ask(server, "/-/api/flights").json() == {"flights": []}


@pytest.mark.parametrize("ask", WAYS)
def test_status(server, origin, make_model, ask):
    model = make_model({"a.bin": 1000})
    server.get(model.path)
    server.wait_complete(model.path)
    told = ask(server, "/-/api/status")
    assert told.status == 200 and told.header("Content-Type") == "application/json"
    assert told.header("Cache-Control") == "no-store"
    assert "2" in {str(value) for value in flatten(told.json())}  # two upstream requests, two objects


def flatten(value):
    if isinstance(value, dict):
        return [one for member in value.values() for one in flatten(member)]
    return [value]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_pull_is_a_post(server, method):
    reply = server.fetch(PULL, method)
    assert reply.status == 405 and "POST" in reply.header("Allow")


@pytest.mark.parametrize("ask", WAYS)
def test_what_the_api_does_not_have(server, ask):
    assert ask(server, "/-/api/nothing").status == 404
    assert ask(server, "/-/nothing").status == 404


# --- whom it refuses ---

FOREIGN_PAGES = ["http://page.example", "null", "http://localhost:1", "https://localhost:1", "file://"]
FOREIGN_NAMES = [
    "page.example", "page.example:8080", "localhost.page.example", "127.0.0.1.page.example", "192.0.2.1",
]

@pytest.mark.parametrize("origin_field", FOREIGN_PAGES)
def test_a_foreign_page_may_not_act(server, origin, make_model, origin_field):
    model = make_model()
    assert pull(over_tcp, server, model.path, headers={"Origin": origin_field}).status == 403
    assert origin.journal.count() == 0


@pytest.mark.parametrize("host", FOREIGN_NAMES)
def test_a_foreign_name_may_not_act(server, origin, make_model, host):
    model = make_model()
    assert pull(over_tcp, server, model.path, headers={"Host": host}).status == 403
    assert origin.journal.count() == 0


def test_a_page_of_its_own_may_act(server, make_model):
    model = make_model()
    for host in (f"localhost:{server.port}", f"127.0.0.1:{server.port}", f"app.localhost:{server.port}"):
        assert pull(over_tcp, server, model.path, headers={"Host": host, "Origin": f"http://{host}"}).status == 202


def test_a_name_of_ours_by_setting(modelhost, origin, make_model):
    model = make_model()
    server = modelhost.start(origin=origin, settings={"server.hosts": "models.example"})
    assert pull(over_tcp, server, model.path, headers={"Host": "models.example"}).status == 202


def test_the_api_is_for_no_foreign_page_to_read(server):
    """Model files are everybody's; what the server knows is not."""
    reply = server.get("/-/api/models", headers={"Origin": "http://page.example"})
    assert reply.status == 403 or reply.header("Access-Control-Allow-Origin") is None


BEYOND = """
import ctypes, fcntl, os, socket, struct, sys
if ctypes.CDLL(None, use_errno=True).unshare(0x40000000) != 0:  # CLONE_NEWNET
    sys.exit(77)
with socket.socket() as s:  # bring lo up in there
    fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import pathlib, program
host = program.Modelhost(pathlib.Path(sys.argv[3]))
server = host.start("-l", "0.0.0.0:0", listen=False)
server.port = int(server.stdout.all()[0].rstrip("/").rsplit(":", 1)[1])
body = b'{"what": ["/nowhere/x"]}'
token = (server.cache / "token").read_text().strip()
assert (server.cache / "token").stat().st_mode & 0o777 == 0o600
def ask(*headers):
    return server.fetch("/-/api/pull", "POST", headers, body=body).status
print(ask(), ask(("Authorization", "Bearer wrong")), ask(("Authorization", "Bearer " + token)))
server.stop()
"""


def test_beyond_loopback_an_action_wants_the_token(tmp_path):
    """In a network of its own, so that nothing outside this test can reach the listener."""
    done = subprocess.run([sys.executable, "-c", BEYOND, HERE, HERE.parent / "origin", tmp_path],
                          capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 77:
        pytest.skip("no right to make a network namespace")
    assert done.returncode == 0, done.stderr
    bare, wrong, right = map(int, done.stdout.split())
    assert bare in (401, 403) and wrong in (401, 403)
    assert right == 404  # let in: no mirror leads to what it asked for


# --- the socket itself ---


def test_the_socket_is_its_owners_and_goes_with_the_server(modelhost, origin):
    server = modelhost.start(origin=origin)
    mode = os.stat(server.cache / "control").st_mode
    assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) & 0o077 == 0
    server.stop()
    assert not (server.cache / "control").exists()


def test_a_socket_left_behind_is_replaced(modelhost, origin):
    modelhost.start(origin=origin).kill()
    assert (modelhost.cache / "control").exists()
    server = modelhost.start(origin=origin)
    assert over_socket(server, "/-/api/models").status == 200


def test_a_cache_directory_with_a_long_path(modelhost, origin, make_model):
    """Longer than the 108 bytes that a socket's address holds."""
    model = make_model()
    cache = modelhost.home / ("d" * 100) / ("e" * 100)
    modelhost.start(origin=origin, cache=cache)
    done = modelhost.run("pull", model.path, "--cache-dir", cache, *modelhost.mirror(origin))
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(origin.journal.targets()) == sorted(model.paths)


def test_the_socket_serves_the_api_only(server, make_model):
    model = make_model()
    assert over_socket(server, model.path).status == 404
