# SPDX-License-Identifier: Apache-2.0
"""`modelhost doctor`: it names the cause in each of many broken set-ups, and finds none in a good one."""

import json

import pytest
from content import Seeded, manifest_json
from origin import Act, Origin

APP = "http://app.localhost"  # near enough to be asked nothing
ANY = {"Access-Control-Allow-Origin": "*"}
MODEL = "/m/model.json"
SHARDS = {"group1-shard1of2.bin": 4000, "group1-shard2of2.bin": 1000}


@pytest.fixture
def model(origin):
    """A model of two shards that pages of any origin may load; a test breaks one thing of it."""
    origin.add(MODEL, manifest_json(SHARDS))
    origin.script(MODEL, Act(headers=ANY))
    for name, size in SHARDS.items():
        origin.add("/m/" + name, Seeded(name, size))
        origin.script("/m/" + name, Act(headers=ANY))
    return origin


@pytest.fixture
def doctor(modelhost, origin):
    def run(path=MODEL, *arguments, page=APP):
        url = path if "://" in path else origin.url.rstrip("/") + path
        page = ["--origin", page] if page else []
        done = modelhost.run("doctor", url, *page, *arguments)
        assert done.stderr == ""
        return done

    return run


def assert_healthy(done, warnings=0):
    assert done.returncode == 0, done.stdout
    assert f"TensorFlow.js can load it, {warnings} warning" in done.stdout
    assert "error:" not in done.stdout


def test_a_good_one(model, doctor):
    assert_healthy(doctor())
    assert model.journal.targets() == [MODEL, "/m/group1-shard1of2.bin", "/m/group1-shard2of2.bin"]
    assert all(("origin", APP) in [(name.lower(), value) for name, value in entry.headers] for entry in model.journal.entries())


def test_modelhost_itself_is_good(modelhost, make_model, origin, doctor):
    model = make_model({"a.bin": 1000})
    server = modelhost.start(origin=origin)
    assert_healthy(doctor(server.url.rstrip("/") + model.path))


FIRST, LAST = "/m/group1-shard1of2.bin", "/m/group1-shard2of2.bin"

# name: what is broken; (path, act), the exit status, and what must be said.
SETUPS = {
    "model.json is not there": (MODEL, Act(status=404, body=b"no", headers=ANY), 3, ["'model.json' answers with status 404"]),
    "the server fails": (MODEL, Act(status=503, body=b"no", headers=ANY), 4, ["status 503"]),
    "an index page for every path": (
        MODEL, Act(body=b"<!DOCTYPE html><title>app</title>", headers=ANY), 5, ["'model.json' is an HTML page", "SPA fallback"]),
    "a shard is not there": (
        FIRST, Act(status=404, body=b"x" * 4000, headers=ANY), 3, ["the shard 'group1-shard1of2.bin' answers with status 404", "takes the error's text for weights"]),
    "an index page for a shard": (LAST, Act(body=b"<html>" + b"x" * 994, headers=ANY), 5, ["'group1-shard2of2.bin' is an HTML page with status 200"]),
    "a git-lfs pointer": (
        LAST, Act(body=b"version https://git-lfs.github.com/spec/v1\n" + b"x" * 957, headers=ANY), 5, ["is a git-lfs pointer"]),
    "no CORS on a shard": (FIRST, Act(), 1, ["'group1-shard1of2.bin'", "no Access-Control-Allow-Origin", APP]),
    "CORS for another origin": (
        MODEL, Act(headers={"Access-Control-Allow-Origin": "http://other.example"}), 1, ["http://other.example, which is not the page's origin http://app.localhost"]),
    "CORS twice": (MODEL, Act(headers={"Access-Control-Allow-Origin": ["*", "*"]}), 1, ["several values", "'*, *'"]),
    "a shard is too short": (
        LAST, Act(body=b"x" * 996, headers=ANY), 5, ["have 4996 bytes, the manifest wants 5000", "message about shapes"]),
    "a shard is too long": (FIRST, Act(body=b"x" * 4004, headers=ANY), 5, ["5004 bytes, the manifest wants 5000", "without an error"]),
    "a shard is cut": (FIRST, Act(cut_at=100, headers=ANY), 5, ["ends before its length", "group1-shard1of2.bin"]),
    "gzip without saying so": (LAST, Act(body=b"\x1f\x8b\x08" + b"x" * 997, headers=ANY), 5, ["is gzip data"]),
    "the manifest is cut JSON": (MODEL, Act(body=b'{"weightsManifest": [', headers=ANY), 5, ["'model.json' cannot be read: line 1"]),
    "a redirect without CORS": (MODEL, Act(status=302, body=b"", headers={"Location": "/moved/model.json"}), 1, ["no Access-Control-Allow-Origin", "is redirected to"]),
    "a redirect to another shard": (
        LAST, Act(status=302, body=b"", headers={**ANY, "Location": "/m/group1-shard1of2.bin"}), 5, ["is redirected to another one", "swapped"]),
    "a redirect out of the web": (MODEL, Act(status=302, body=b"", headers={**ANY, "Location": "file:///etc/passwd"}), 1, ["redirects to 'file:"]),
    "redirects without end": (MODEL, Act(status=302, body=b"", headers={**ANY, "Location": MODEL}), 4, ["more than 10 times"]),
}


@pytest.mark.parametrize("name", SETUPS)
def test_broken(model, doctor, name):
    path, act, status, says = SETUPS[name]
    model.add("/moved/model.json", manifest_json(SHARDS))
    model.script(path, act)
    done = doctor()
    for text in says:
        assert text in done.stdout, done.stdout
    assert done.returncode == status, done.stdout
    told = json.loads(doctor(MODEL, "--json").stdout)
    assert told["ok"] is False


def test_swapped_shards(model, doctor):
    names = list(SHARDS)
    for name, other in zip(names, reversed(names), strict=True):
        model.script("/m/" + name, Act(body=Seeded(other, SHARDS[other]), headers=ANY))
    done = doctor()
    assert done.returncode == 5 and "the last shard 'group1-shard2of2.bin' (4000 bytes) is larger" in done.stdout


def test_paths_in_the_wrong_order(model, doctor):
    model.script(MODEL, Act(body=manifest_json({name: SHARDS[name] for name in reversed(SHARDS)}), headers=ANY))
    done = doctor()
    assert done.returncode == 5 and "names 'group1-shard2of2.bin' before 'group1-shard1of2.bin'" in done.stdout


def test_one_shard_twice(model, doctor):
    model.add("/t/model.json", manifest_json({"a": 1000, "b": 1000}))
    for path in ("/t/a", "/t/b", "/t/model.json"):
        if path != "/t/model.json":
            model.add(path, Seeded("same", 1000))
        model.script(path, Act(headers=ANY))
    done = doctor("/t/model.json")
    assert done.returncode == 5 and "'a' and 'b' have the same bytes" in done.stdout


def test_nobody_listens(doctor):
    with Origin() as gone:
        url = gone.url + "model.json"
    done = doctor(url)
    assert done.returncode == 4 and url in done.stdout
    assert "Is its server running" in done.stdout


def test_mixed_content_and_local_network(model, doctor):
    """From a page with TLS: this machine is allowed, after a prompt; a redirect elsewhere is blocked."""
    done = doctor(page="https://app.example")
    assert_healthy(done, 1)
    assert "is on the local machine and the page is not: Chrome asks the user" in done.stdout
    model.script(MODEL, Act(status=302, body=b"", headers={**ANY, "Location": "http://0.0.0.0:1/model.json"}))
    done = doctor(page="https://app.example")
    assert "mixed content" in done.stdout and done.returncode == 4


def test_a_page_without_tls_is_not_even_asked_about(model, doctor):
    done = doctor(page="http://app.example")
    assert_healthy(done, 1)
    assert "Chrome blocks that without asking (Local Network Access)" in done.stdout


@pytest.mark.parametrize("page", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080"])
def test_a_page_of_this_machine_is_asked_nothing(model, doctor, page):
    assert_healthy(doctor(page=page))


@pytest.mark.parametrize(
    "page, says",
    [("https://app.example", ["is on the local network and the page is not", "mixed content", "only Chrome lets it pass"]),
     ("http://192.168.1.5", [])],
)
def test_a_private_address(model, doctor, page, says):
    """It is reached through a proxy, so that nothing leaves the machine."""
    done = doctor("http://10.255.255.254" + MODEL, "--set", f"upstream.proxy={model.url}", page=page)
    for text in says:
        assert text in done.stdout, done.stdout
    assert ("local network and the page" in done.stdout) == bool(says)


def test_same_origin_needs_no_cors(model, doctor):
    for path in (MODEL, FIRST, LAST):
        model.script(path, Act())
    assert_healthy(doctor(page=model.url.rstrip("/")))
    done = doctor(page=None)
    assert_healthy(done, 3)
    assert "Say which page loads it with --origin" in done.stdout


def test_warnings(model, doctor):
    model.script(MODEL, Act(headers={**ANY, "Content-Type": "text/html", "Cross-Origin-Resource-Policy": "same-origin"}))
    model.script(FIRST, Act(headers=ANY, gzip=True))
    done = doctor()
    assert_healthy(done, 3)
    for text in ["is called text/html", "Cross-Origin-Resource-Policy: same-origin", "comes compressed (gzip)"]:
        assert text in done.stdout


def test_query_is_passed_on(model, doctor):
    assert doctor(MODEL + "?a=b/c").returncode != 0  # a slash in the query moves the folder
    model.journal.clear()
    assert_healthy(doctor(MODEL + "?a=1"))
    assert model.journal.targets() == [MODEL + "?a=1", FIRST + "?a=1", LAST + "?a=1"]


@pytest.mark.parametrize(
    "arguments, status, says",
    [
        ([], 0, "outputStride 8, multiplier 0.50, quantBytes 2"),
        (["--output-stride", "8", "--multiplier", "0.5", "--quant-bytes", "2"], 0, "can load it"),
        (["--output-stride", "16"], 1, "the file's outputStride is 8, but 16 is given; TensorFlow.js does not notice"),
        (["--architecture", "ResNet50"], 1, "the file's architecture is MobileNetV1, but ResNet50 is given"),
        (["--quant-bytes", "4"], 1, "the file's quantBytes is 2, but 4 is given"),
        (["--multiplier", "1"], 1, "the file's multiplier is 0.50, but 1 is given"),
    ],
)
def test_variant(modelhost, models_origin, arguments, status, says):
    url = models_origin.url + "tfjs-models/savedmodel/bodypix/mobilenet/quant2/050/model-stride8.json"
    done = modelhost.run("doctor", url, *arguments)
    assert done.returncode == status and says in done.stdout, done.stdout


def test_parameters_of_another_model(model, doctor):
    done = doctor(MODEL, "--output-stride", "16")
    assert done.returncode == 1 and "neither BodyPix' nor PoseNet's" in done.stdout


def test_absolute_shard_path(model, doctor):
    model.script(MODEL, Act(body=manifest_json({"https://cdn.example/a.bin": 4}), headers=ANY))
    done = doctor()
    assert done.returncode == 3 and "paths must be relative" in done.stdout


@pytest.mark.parametrize("arguments", [["model.json"], ["http://a.example/m.json", "--origin", "app.example"]])
def test_usage(modelhost, arguments):
    done = modelhost.run("doctor", *arguments)
    assert done.returncode == 2 and "is no URL; give one such as" in done.stderr
