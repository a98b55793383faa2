# SPDX-License-Identifier: Apache-2.0
"""What `meson install` puts where, and that the unit starts the program that it installed."""

import configparser
import os
import shutil
import subprocess

import pytest


@pytest.fixture(scope="module")
def installed(tmp_path_factory, build_tree):
    root = tmp_path_factory.mktemp("install")
    done = subprocess.run(["meson", "install", "-C", str(build_tree), "--no-rebuild", "--quiet", "--destdir", str(root)],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


@pytest.fixture(scope="module")
def build_tree():
    from program import binary

    tree = binary().parent
    if not (tree / "build.ninja").is_file():
        pytest.skip(f"'{tree}' is no build tree")
    return tree


@pytest.fixture(scope="module")
def unit(installed):
    [path] = installed.glob("**/modelhost.service")
    assert str(path.parent).endswith("/lib/systemd/system")
    return path


def read(unit):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(unit)
    return parser


def test_the_unit_starts_the_installed_program(installed, unit):
    command = read(unit)["Service"]["ExecStart"].split()
    program = installed / command[0].lstrip("/")
    done = subprocess.run([str(program), *command[1:], "--help"], capture_output=True, text=True, timeout=30, check=True)
    assert "Usage: modelhost serve" in done.stdout


def test_the_unit_is_told_what_the_program_tells(unit):
    """Its readiness, its reload, and its cache: test_reload.py and test_config.py have the other end."""
    service = read(unit)["Service"]
    assert (service["Type"], service["ExecReload"]) == ("notify", "/bin/kill -HUP $MAINPID")
    assert (service["CacheDirectory"], service["RestartPreventExitStatus"]) == ("modelhost", "2")


def test_the_documents_are_there(installed, modelhost):
    [example] = installed.glob("**/doc/modelhost/config.example.ini")
    assert example.read_text() == modelhost.run("config", "--example").stdout
    [readme] = installed.glob("**/doc/modelhost/README.md")
    assert readme.is_file()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_understands_the_unit(installed, unit, tmp_path):
    # The program is looked for under its last name.
    copy = tmp_path / "modelhost.service"
    copy.write_text(unit.read_text().replace(read(unit)["Service"]["ExecStart"].split()[0], os.path.realpath("/bin/true")))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, timeout=60, check=False)
    assert "modelhost.service" not in done.stderr, done.stderr
