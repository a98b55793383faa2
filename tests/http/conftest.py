# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the HTTP tests: the real binary, a scripted origin, models, deadlines."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "origin")]

from content import Seeded, manifest_json  # noqa: E402
from origin import Origin  # noqa: E402
from program import Modelhost  # noqa: E402


@pytest.fixture
def modelhost(tmp_path, origin):
    """The factory: modelhost.start(...) serves, modelhost.run(...) runs a command to its end.

    It is stopped before the origin is: an upstream that goes away is not part of every test."""
    directory = tmp_path / "home"
    directory.mkdir()
    factory = Modelhost(directory)
    yield factory
    factory.finish()


@pytest.fixture
def origin():
    """A scripted origin without a tree: what it serves is added by the test."""
    with Origin() as server:
        yield server


@pytest.fixture
def server(modelhost, origin):
    """`modelhost serve` with tfjs-models at the scripted origin."""
    return modelhost.start(origin=origin)


@pytest.fixture(scope="session")
def models_dir():
    """Real models, where there are some: $MODELHOST_TEST_MODELS."""
    path = os.environ.get("MODELHOST_TEST_MODELS")
    if not path:
        pytest.skip("MODELHOST_TEST_MODELS is not set: the folder with real models")
    if not (Path(path) / "tfjs-models").is_dir():
        pytest.fail(f"MODELHOST_TEST_MODELS: there is no '{path}/tfjs-models'")
    return Path(path)


@pytest.fixture
def models_origin(models_dir):
    """An origin that serves the real models under the bucket's own paths."""
    with Origin(models_dir) as server:
        yield server


class Model:
    """A small model at the origin: its paths, and what they hold."""

    def __init__(self, origin, folder, groups):
        self.folder = folder
        self.path = folder + "model.json"
        self.shards = [folder + name for group in groups for name in group]
        self.contents = {}
        for group in groups:
            for name, size in group.items():
                self.contents[folder + name] = origin.add(folder + name, Seeded(folder + name, size))
        self.contents[self.path] = origin.add(self.path, manifest_json(*groups))

    @property
    def paths(self):
        return [self.path, *self.shards]


@pytest.fixture
def make_model(origin):
    """make_model({"a.bin": 1000, "b.bin": 10}, {...}): one group each, at /tfjs-models/tiny/."""

    def make(*groups, folder="/tfjs-models/tiny/"):
        return Model(origin, folder, groups or ({"group1-shard1of1.bin": 100_000},))

    return make


@pytest.fixture
def at_once():
    """at_once(calls): run them side by side, give their results in order."""
    with ThreadPoolExecutor(64) as pool:

        def run(calls):
            return [future.result(120) for future in [pool.submit(call) for call in calls]]

        yield run
