# SPDX-License-Identifier: Apache-2.0
"""`modelhost config`, and how mistakes keep everything else from starting."""

import json
import re

import pytest
from program import REPOSITORY

CONFIG = "config"


def write(modelhost, text, name="config.ini"):
    path = modelhost.home / name
    path.write_text(text)
    return path


def printed(modelhost, *arguments, **options):
    """{section: {key: (value, origin)}} of `config --print`."""
    done = modelhost.run("config", "--print", *arguments, **options)
    assert (done.returncode, done.stderr) == (0, "")
    sections, section = {}, None
    for line in done.stdout.splitlines():
        if match := re.fullmatch(r"\[(.*)\]", line):
            section = sections.setdefault(match[1], {})
        elif match := re.fullmatch(r"(\w+) = (.*?) *; (.*)", line):
            section[match[1]] = (match[2], match[3])
    return sections


def test_without_a_file_all_is_well(modelhost):
    done = modelhost.run("config", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "OK: there is no configuration file, the defaults are in force\n"


def test_a_good_file(modelhost):
    path = write(modelhost, "[server]\nlisten = 127.0.0.1:0   ; any port\n")
    done = modelhost.run("config", "--check", "-c", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"OK: {path}\n", "")
    assert modelhost.run("config", "--check", "-q", "-c", path).stdout == ""


def test_every_mistake_with_its_line_and_a_cure(modelhost):
    path = write(modelhost, "[server]\nlisen = x\nheader_size = big\n\n[cahce]\noffline = on\n")
    done = modelhost.run("config", "--check", "-c", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"{path}:2: [server] has no key 'lisen'; did you mean 'listen'?",
        f"{path}:3: [server] header_size: 'big' is not a size such as 512KiB, 64MiB or 20GiB",
        f"{path}:5: there is no section [cahce]; did you mean [cache]?",
    ]


def test_check_as_json(modelhost):
    path = write(modelhost, "[server]\nlisen = x\n")
    done = modelhost.run("config", "--check", "--json", "-c", path)
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert (told["file"], told["ok"]) == (str(path), False)
    (error,) = told["errors"]
    assert error["where"] == f"{path}:2" and "'listen'" in error["error"]


@pytest.mark.parametrize("command", [["serve"], ["pull", "/npm/x.json"], []])
def test_nothing_starts_half_configured(modelhost, command):
    path = write(modelhost, "[server]\nlisen = x\nthreads = 0\n")
    done = modelhost.run(*command, "-c", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert [line.split(": ")[:3] for line in done.stderr.splitlines()] == [
        ["modelhost", "error", f"{path}:{line}"] for line in (2, 3)
    ]
    assert not (modelhost.home / "cache").exists()


def test_a_missing_file(modelhost):
    done = modelhost.run("config", "--check", "-c", "none.ini")
    assert done.returncode == 2
    assert done.stderr == "none.ini: the configuration file cannot be read: No such file or directory\n"


def test_a_missing_file_that_a_key_names(modelhost):
    path = write(modelhost, "[server]\nroot = nowhere\n[upstream]\nca_file = none.pem\n")
    done = modelhost.run("config", "--check", "-c", path)
    assert done.returncode == 2
    assert [line.split(":")[1] for line in done.stderr.splitlines()] == ["2", "4"]


def test_mistakes_of_flags_and_variables_name_them(modelhost):
    done = modelhost.run("config", "--check", "--set", "cache.offlin=on", "--mirror", "x=ftp://h/", "-p", "x",
                         env={"MODELHOST_CACHE_SETTLE": "soon"})
    assert done.returncode == 2
    starts = sorted(line.split(":")[0] for line in done.stderr.splitlines())
    assert starts == ["$MODELHOST_CACHE_SETTLE", "--mirror", "--set", "-p"]


def test_origins(modelhost):
    path = write(modelhost, "[cache]\nsettle = 1s\njson_max = 1MiB\nsettle_max = 1m\n")
    told = printed(modelhost, "-c", path, "--set", "cache.json_max=2MiB", "--offline", "-p", "9000",
                   "--mirror", "mine=http://h.example/x",
                   env={"MODELHOST_CACHE_SETTLE": "2s", "MODELHOST_CACHE_JSON_MAX": "3MiB", "MODELHOST_NONSENSE": "1"})
    assert told["cache"]["settle"] == ("2s", "$MODELHOST_CACHE_SETTLE")
    assert told["cache"]["json_max"] == ("2MiB", "--set")
    assert told["cache"]["settle_max"] == ("1m", f"{path}:4")
    assert told["cache"]["offline"] == ("on", "--offline")
    assert told["cache"]["directory"] == (str(modelhost.home / "cache" / "modelhost"), "$XDG_CACHE_HOME")
    assert told["server"]["listen"] == ("127.0.0.1:9000 [::1]:9000", "-p")
    assert told["server"]["idle_timeout"] == ("1m", "default")
    assert told["mirror tfhub"]["query_ignore"] == ("tfjs-format", "built-in")
    assert told["mirror mine"]["upstream"] == ("http://h.example/x/", "--mirror")
    assert told["mirror mine"]["path"] == ("/mine/", "default")


def test_the_cache_directory(modelhost):
    def directory(*arguments, **env):
        return printed(modelhost, *arguments, env=env)["cache"]["directory"]

    both = {"CACHE_DIRECTORY": "/s:/t", "XDG_CACHE_HOME": "/x"}
    assert directory(XDG_CACHE_HOME="/x") == ("/x/modelhost", "$XDG_CACHE_HOME")
    assert directory(XDG_CACHE_HOME="") == (str(modelhost.home / ".cache" / "modelhost"), "default")
    assert directory(**both) == ("/s", "$CACHE_DIRECTORY")
    assert directory(**both, MODELHOST_CACHE_DIRECTORY="/e") == ("/e", "$MODELHOST_CACHE_DIRECTORY")
    assert directory("--cache-dir", "/f", **both, MODELHOST_CACHE_DIRECTORY="/e") == ("/f", "--cache-dir")


def test_which_file(modelhost):
    usual = modelhost.home / "config" / "modelhost"
    usual.mkdir(parents=True)
    (usual / "config.ini").write_text("[cache]\noffline = on\n")
    named = write(modelhost, "[cache]\nsettle = 3s\n")
    other = write(modelhost, "[cache]\nsettle = 4s\n", "other.ini")
    assert printed(modelhost)["cache"]["offline"] == ("on", f"{usual}/config.ini:2")
    told = printed(modelhost, env={"MODELHOST_CONFIG": str(named)})["cache"]
    assert told["settle"] == ("3s", f"{named}:2") and told["offline"] == ("off", "default")
    assert printed(modelhost, "-c", other, env={"MODELHOST_CONFIG": str(named)})["cache"]["settle"][0] == "4s"


def test_secrets_are_not_shown(modelhost):
    path = write(modelhost, "[server]\napi_token = geheim-geheim-geheim\n[upstream]\nproxy = http://me:geheim@p:1\n"
                            "[mirror npm]\nheader = Authorization: Bearer ${TOKEN}\nheader = X-Key: geheim\n")
    for form in ([], ["--json"]):
        done = modelhost.run("config", "--print", *form, "-c", path, env={"TOKEN": "geheim"})
        assert done.returncode == 0 and "geheim" not in done.stdout + done.stderr
        assert done.stdout.count("***") >= 3


def test_a_variable_that_is_not_set(modelhost):
    path = write(modelhost, "[mirror npm]\nheader = Authorization: Bearer ${TOKEN}\n")
    done = modelhost.run("config", "--check", "-c", path)
    assert done.returncode == 2
    assert done.stderr == f"{path}:2: [mirror npm] header: the environment variable 'TOKEN' is not set\n"


def test_print_as_json(modelhost):
    told = json.loads(modelhost.run("config", "--print", "--json", "--offline").stdout)
    assert told["file"] is None
    assert told["cache"]["offline"] == {"value": "on", "origin": "--offline"}
    assert set(told["mirrors"]) == {"tfjs-models", "tfhub", "mediapipe-models", "huggingface", "npm"}


def test_print_reads_back(modelhost):
    first = modelhost.run("config", "--print", "--set", "mirror npm.retries=9", "--offline").stdout
    path = write(modelhost, first)
    told = printed(modelhost, "-c", path)
    assert told["mirror npm"]["retries"][0] == "9" and told["cache"]["offline"][0] == "on"


def test_the_example_is_up_to_date(modelhost):
    done = modelhost.run("config", "--example")
    assert done.returncode == 0
    committed = (REPOSITORY / "config.example.ini").read_text()
    assert done.stdout == committed, "run: build/modelhost config --example > config.example.ini"
    assert modelhost.run("config", "--check", "-c", REPOSITORY / "config.example.ini").returncode == 0


def test_a_full_disk_is_a_failure(modelhost):
    import subprocess

    with open("/dev/full", "w") as full:
        done = subprocess.run([modelhost.program, "config", "--example"], stdout=full, stderr=subprocess.PIPE, text=True,
                              timeout=30)
    assert done.returncode == 1 and "standard output" in done.stderr
