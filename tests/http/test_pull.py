# SPDX-License-Identifier: Apache-2.0
"""`modelhost pull`: into the cache, by itself and by a running server, and into files."""

import json
import os
import pty
import re
import signal
import subprocess

import pytest
from origin import Act, Gate
from program import clean_environment


@pytest.fixture
def pull(modelhost, origin):
    """pull(what...): a pull to its end, with tfjs-models at the origin."""

    def run(*arguments, **options):
        return modelhost.run("pull", *arguments, "--cache-dir", modelhost.cache, "--set", "upstream.retries=0",
                             *modelhost.mirror(origin), **options)

    return run


def files_below(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def url_of(origin, path):
    return origin.url.rstrip("/") + path


# --- into the cache ---


@pytest.fixture(params=["alone", "by a server"])
def puller(request, modelhost, origin, pull):
    """Both ways of pulling: they look the same."""
    if request.param == "by a server":
        pull.server = modelhost.start(origin=origin)
    else:
        pull.server = None
    return pull


def test_a_path(modelhost, origin, make_model, puller):
    model = make_model({"a.bin": 1000, "b.bin": 2000})
    done = puller(model.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"pulled {model.path} \(3 files, \d[\d.]* KiB\)\n", done.stdout)
    assert sorted(origin.journal.targets()) == sorted(model.paths)
    for path, content in model.contents.items():
        assert (modelhost.cache / "objects" / path.lstrip("/")).read_bytes() == content.all()


def test_an_upstream_url(origin, make_model, puller):
    model = make_model()
    done = puller(url_of(origin, model.path))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"pulled {model.path} " in done.stdout


def test_again_costs_nothing(origin, make_model, puller):
    model = make_model()
    assert puller(model.path).returncode == 0
    assert puller(model.path).returncode == 0
    assert origin.journal.count() == 2


def test_several_and_one_that_is_not_there(origin, make_model, puller):
    models = [make_model(folder=f"/tfjs-models/{name}/") for name in "ab"]
    if puller.server:
        puller.server.allow_stderr("none.json")
    done = puller(models[0].path, "/tfjs-models/none.json", models[1].path)
    assert done.returncode == 3
    assert sorted(line.split()[1] for line in done.stdout.splitlines()) == [model.path for model in models]
    (line,) = done.stderr.splitlines()
    assert line.startswith("modelhost: error: pull '/tfjs-models/none.json': ") and "404" in line


def test_quiet(make_model, puller):
    done = puller(make_model().path, "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_json(origin, make_model, puller):
    model = make_model()
    done = puller(model.path, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    (told,) = json.loads(done.stdout)["models"]
    assert (told["path"], told["state"], told["files"], told["files_present"]) == (model.path, "complete", 2, 2)
    assert told["bytes"] == sum(content.size for content in model.contents.values())
    assert told["url"] == url_of(origin, model.path) and told["pinned"] is False


def test_json_of_failures(make_model, puller, origin):
    done = puller("/nowhere/x.json", "--json")
    assert done.returncode == 3
    (told,) = json.loads(done.stdout)["models"]
    assert told["what"] == "/nowhere/x.json" and told["failure"]["code"] == "not-found"


@pytest.mark.parametrize(
    "act, status, says",
    [
        (Act(status=404), 3, "404"),
        (Act(status=503), 4, "503"),
        (Act(status=403), 4, "403"),
        (Act(append=b"more"), 5, "a.bin"),
        (Act(body=b"<!DOCTYPE html><html><body>Sorry</body></html>".ljust(1000)), 5, "HTML"),
    ],
)
def test_exit_statuses_of_a_shard(origin, make_model, puller, act, status, says):
    model = make_model({"a.bin": 1000})
    origin.script(model.shards[0], act)
    if puller.server:
        puller.server.allow_stderr("/tfjs-models/")
    done = puller(model.path)
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr and "a.bin" in done.stderr


def test_what_no_mirror_has(puller):
    for what in ("/nowhere/x.json", "http://other.example/x.json"):
        done = puller(what)
        assert done.returncode == 3 and "no mirror" in done.stderr and "/tfjs-models/" in done.stderr
        assert ("--mirror NAME=URL" in done.stderr) == ("://" in what)


def test_a_path_without_its_slash(puller):
    done = puller("tfjs-models/m/model.json")
    assert done.returncode == 3 and "did you mean '/tfjs-models/m/model.json'?" in done.stderr
    assert "/-/api/" not in done.stderr


def test_the_built_in_url_of_an_overridden_upstream(origin, make_model, puller):
    """What pages and READMEs name: it means the mirror, wherever that gets its files from."""
    model = make_model()
    done = puller("https://storage.googleapis.com" + model.path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"pulled {model.path} " in done.stdout
    assert sorted(origin.journal.targets()) == sorted(model.paths)


@pytest.mark.parametrize("what", ["/tfjs-models/../x", "/tfjs-models/%00"])
def test_what_makes_no_sense(puller, what):
    done = puller(what)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr


def test_nobody_there(modelhost, pull):
    done = modelhost.run("pull", "/tfjs-models/m.json", "--cache-dir", modelhost.cache, "--set", "upstream.retries=0",
                         "--set", "mirror tfjs-models.upstream=http://127.0.0.1:1/")
    assert done.returncode == 4 and "127.0.0.1" in done.stderr


def test_an_upstream_that_says_nothing(origin, make_model, pull):
    model = make_model()
    gate = Gate()
    origin.script(model.path, Act(gates={"request": gate}))
    try:
        done = pull(model.path, "--set", "upstream.first_byte_timeout=200ms")
    finally:
        gate.release()
    assert done.returncode == 4 and "model.json" in done.stderr


def test_offline(make_model, pull, origin):
    done = pull(make_model().path, "--set", "cache.offline=on")
    assert done.returncode == 4 and "offline" in done.stderr
    assert origin.journal.count() == 0


def test_the_server_goes_on_when_the_command_is_stopped(modelhost, origin, make_model):
    model = make_model({"a.bin": 100_000})
    server = modelhost.start(origin=origin)
    gate = Gate()
    origin.script(model.shards[0], Act(gates={50_000: gate}))
    process = subprocess.Popen([modelhost.program, "pull", model.path, "--cache-dir", modelhost.cache],
                               env=clean_environment(modelhost.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        gate.wait_arrived()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == (b"", b"")
        assert process.returncode == -signal.SIGINT
    finally:
        process.kill()
        gate.release()
    server.wait_complete(model.path)


def on_terminal(modelhost, *arguments, columns=80):
    """A command on a terminal of its own. Returns (status, what the terminal got)."""
    pid, terminal = pty.fork()
    if pid == 0:
        env = {**clean_environment(modelhost.home), "COLUMNS": str(columns), "TERM": "xterm"}
        os.execve(modelhost.program, [str(modelhost.program), *map(str, arguments)], env)
    seen = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        seen += piece
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


@pytest.mark.parametrize("columns", [80, 30])
def test_a_bar_on_a_terminal(modelhost, origin, make_model, columns):
    model = make_model({"a.bin": 1_000_000})
    origin.script(model.shards[0], Act(piece=100_000, pace=0.05))
    status, seen = on_terminal(modelhost, "pull", model.path, "--cache-dir", modelhost.cache,
                               *modelhost.mirror(origin), columns=columns)
    assert status == 0
    drawn = [line for line in seen.split(b"\r\x1b[K") if line]
    bars, rest = drawn[:-1], drawn[-1]
    assert bars and all(len(bar) < columns and b"\n" not in bar for bar in bars)
    assert b"model.json" in bars[0]
    assert re.fullmatch(rb"pulled \S+ \(2 files, [^)]*\)\r\n", rest)
    assert seen.endswith(b"\r\x1b[K" + rest)


def test_no_bar_with_quiet(modelhost, origin, make_model):
    status, seen = on_terminal(modelhost, "pull", "-q", make_model().path, "--cache-dir", modelhost.cache,
                               *modelhost.mirror(origin))
    assert (status, seen) == (0, b"")


# --- into files ---


def pull_file(modelhost, *arguments, **options):
    return modelhost.run("pull", *arguments, "--set", "upstream.retries=0", **options)


def test_into_a_file(modelhost, origin, make_model):
    model = make_model({"a.bin": 1000}, {"deep/er/b.bin": 2000}, folder="/anywhere/")
    out = modelhost.home / "out"
    done = pull_file(modelhost, "-o", out / "mine.json", url_of(origin, model.path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"pulled {out}/mine.json (3 files, ")
    assert files_below(out) == ["a.bin", "deep/er/b.bin", "mine.json"]
    assert (out / "mine.json").read_bytes() == model.contents[model.path].all()
    assert (out / "deep/er/b.bin").read_bytes() == model.contents["/anywhere/deep/er/b.bin"].all()
    assert not (modelhost.home / "cache").exists(), "the user's cache has nothing to do with it"


def test_into_the_working_directory(modelhost, origin, make_model):
    model = make_model({"a.bin": 1000})
    folder = modelhost.home / "here"
    folder.mkdir()
    assert pull_file(modelhost, "-o", "m.json", url_of(origin, model.path), cwd=folder).returncode == 0
    assert files_below(folder) == ["a.bin", "m.json"]


def test_a_query_is_sent_but_names_no_file(modelhost, origin, make_model):
    model = make_model({"a.bin": 1000})
    query = "?tfjs-format=file&sig=" + "s" * 300
    out = modelhost.home / "out"
    done = pull_file(modelhost, "-o", out / "m.json", url_of(origin, model.path) + query)
    assert (done.returncode, done.stderr) == (0, "")
    assert files_below(out) == ["a.bin", "m.json"]
    assert sorted(origin.journal.targets()) == sorted(path + query for path in model.paths)


def test_existing_files_are_replaced(modelhost, origin, make_model):
    model = make_model({"a.bin": 1000})
    out = modelhost.home / "out"
    out.mkdir()
    for name in ("a.bin", "m.json", "other"):
        (out / name).write_text("old")
    assert pull_file(modelhost, "-o", out / "m.json", url_of(origin, model.path)).returncode == 0
    assert (out / "a.bin").stat().st_size == 1000 and (out / "other").read_text() == "old"


def test_headers_of_the_mirror_above(modelhost, origin, make_model):
    model = make_model({"a.bin": 1000})
    done = pull_file(modelhost, "-o", modelhost.home / "m.json", url_of(origin, model.path), *modelhost.mirror(origin),
                     "--set", "mirror tfjs-models.header=X-Key: ${KEY}", env={"KEY": "open"})
    assert (done.returncode, done.stderr) == (0, "")
    assert all(("X-Key", "open") in list(entry.headers.items() if isinstance(entry.headers, dict) else entry.headers)
               for entry in origin.journal.entries())


@pytest.mark.parametrize("act, status", [(Act(status=404), 3), (Act(status=500), 4), (Act(append=b"x"), 5)])
def test_a_failure_leaves_nothing_behind(modelhost, origin, make_model, act, status):
    model = make_model({"a.bin": 1000, "b.bin": 10})
    origin.script(model.shards[1], act)
    out = modelhost.home / "out"
    out.mkdir()
    (out / "m.json").write_text("old")
    done = pull_file(modelhost, "-o", out / "m.json", url_of(origin, model.path))
    assert (done.returncode, done.stdout) == (status, "")
    # a sum that is wrong cannot say which of its shards is to blame
    assert ("b.bin" if status != 5 else ".bin") in done.stderr
    assert [file.name for file in out.iterdir()] == ["m.json"]
    assert (out / "m.json").read_text() == "old"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(modelhost, origin, make_model, number):
    model = make_model({"a.bin": 100_000})
    gate = Gate()
    origin.script(model.shards[0], Act(gates={50_000: gate}))
    out = modelhost.home / "out"
    process = subprocess.Popen([modelhost.program, "pull", "-o", out / "m.json", url_of(origin, model.path)],
                               env=clean_environment(modelhost.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        gate.wait_arrived()
        assert [name.name[:11] for name in out.iterdir()] == [".modelhost-"]
        process.send_signal(number)
        assert process.communicate(timeout=30) == (b"", b"")
        assert process.returncode == -number
    finally:
        process.kill()
        gate.release()
    assert list(out.iterdir()) == []


def test_something_in_the_way(modelhost, origin, make_model):
    model = make_model({"a.bin": 1000, "b/c.bin": 10})
    out = modelhost.home / "out"
    (out / "a.bin").mkdir(parents=True)
    done = pull_file(modelhost, "-o", out / "m.json", url_of(origin, model.path))
    assert done.returncode == 1 and "'a.bin' is in the way" in done.stderr
    assert files_below(out) == []

    done = pull_file(modelhost, "-o", out, url_of(origin, model.path))
    assert done.returncode == 2 and f"'{out}' is a directory" in done.stderr and "model.json" in done.stderr

    done = pull_file(modelhost, "-o", f"{modelhost.home}/x/", url_of(origin, model.path))
    assert done.returncode == 2

    (modelhost.home / "file").write_text("")
    done = pull_file(modelhost, "-o", modelhost.home / "file" / "m.json", url_of(origin, model.path))
    assert done.returncode == 1 and str(modelhost.home / "file") in done.stderr


def test_the_name_of_a_shard(modelhost, origin, make_model):
    model = make_model({"a.bin": 1000})
    done = pull_file(modelhost, "-o", modelhost.home / "a.bin", url_of(origin, model.path))
    assert done.returncode == 2 and "'a.bin'" in done.stderr
    assert not (modelhost.home / "a.bin").exists()


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["/tfjs-models/m.json"], "URL of a file"),
        (["http://h.example"], "URL of a file"),
        (["http://h.example/models/"], "names a folder"),
        (["ftp://h.example/m.json"], "base URL"),
        (["http://u:p@h.example/m.json"], "no user name or password"),
        (["http://h.example/m.json", "http://h.example/n.json"], "give one URL"),
    ],
)
def test_what_is_not_a_url_of_a_file(modelhost, arguments, says):
    done = pull_file(modelhost, "-o", "m.json", *arguments)
    assert done.returncode == 2 and says in done.stderr
