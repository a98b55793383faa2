# SPDX-License-Identifier: Apache-2.0
"""--json of every command that reports: one document on standard output, nothing besides, whether the work
is done by the command or by a server."""

import json

import pytest

MODEL = "/tfjs-models/tiny/model.json"
DONE = {"path", "files", "bytes"}
TOLD = {"path", "url", "state", "bytes", "files", "files_present", "pinned", "last_used"}

# arguments, the members of the document, and of each of its models; some other claim about it
ROWS = {
    "list": (["list"], {"models"}, TOLD, lambda told: told["models"][0]["state"] == "complete"),
    "verify": (["verify"], {"models"}, DONE, lambda told: told["models"][0]["files"] == 2),
    "rm": (["rm", MODEL], {"models"}, DONE, lambda told: told["models"][0]["path"] == MODEL),
    "gc": (["gc", "--set", "cache.max_size=1KB"], {"models"}, DONE, lambda told: len(told["models"]) == 1),
    "gc of nothing": (["gc"], {"models"}, DONE, lambda told: told["models"] == []),
    "pin": (["pin", MODEL], {"models"}, DONE, lambda told: told["models"][0]["path"] == MODEL),
    "unpin": (["unpin", MODEL], {"models"}, DONE, lambda told: told["models"][0]["path"] == MODEL),
    "pull": (["pull", MODEL], {"models"}, TOLD, lambda told: told["models"][0]["files_present"] == 2),
    "pull --refresh": (["pull", "--refresh", MODEL], {"models"}, TOLD, lambda told: len(told["models"]) == 1),
    "inspect": (["inspect", MODEL], {"models"}, {"format", "shards"}, lambda told: len(told["models"]) == 1),
    "doctor": (["doctor", "{url}"], {"url", "findings"}, None, lambda told: isinstance(told["findings"], list)),
    "url": (["url", "bodypix"], {"name", "files"}, None, lambda told: told["files"][0]["url"].startswith("http")),
    "config --check": (["config", "--check"], {"file", "ok", "errors"}, None, lambda told: told["ok"] is True),
    "config --print": (["config", "--print"], {"file", "cache"}, None,
                       lambda told: told["cache"]["min_free"]["origin"].startswith("--set")),
}


@pytest.fixture(params=["alone", "beside a server"])
def run(request, modelhost, origin, make_model):
    """A command on a cache that holds one model."""
    make_model({"w.bin": 10_000})
    common = ["--cache-dir", modelhost.cache, "--set", "cache.min_free=0", *modelhost.mirror(origin)]
    assert modelhost.run("pull", MODEL, *common).returncode == 0
    if request.param == "beside a server":
        modelhost.start(origin=origin, settings={"cache.min_free": "0"})
    return lambda *arguments: modelhost.run(*arguments, *common)


@pytest.mark.parametrize("row", ROWS)
def test_one_document(run, origin, row):
    arguments, members, of_models, claim = ROWS[row]
    url = origin.url.rstrip("/") + MODEL
    done = run(*[argument.format(url=url) for argument in arguments], "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert members <= set(told)
    for model in told["models"] if of_models else []:
        assert of_models <= set(model)
    assert claim(told), told


@pytest.mark.parametrize("command", ["rm", "pin", "verify", "inspect"])
def test_a_failure_is_no_document(run, command):
    """What is not there is told on standard error, and the status says it too."""
    done = run(command, "/tfjs-models/none/model.json", "--json")
    assert done.returncode == 3
    assert "none/model.json" in done.stderr
    assert done.stdout == "" or json.loads(done.stdout) is not None
