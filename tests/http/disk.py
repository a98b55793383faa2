# SPDX-License-Identifier: Apache-2.0
"""Real file systems that are small or read-only, for one process: mounted in a namespace of its own.

Each function gives the words to put before a program's name; the program replaces them, so that its
pid is the one that was started. What only the process can see is looked at through inside()."""

import os
import subprocess
from pathlib import Path

import pytest

UNSHARE = ["unshare", "--mount", "--propagation", "private"]


def _namespace():
    """How to get a mount namespace here; the test is skipped where there is none."""
    for extra in ([], ["--map-root-user"]):
        words = [*UNSHARE, *extra]
        found = subprocess.run([*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
        if found.returncode == 0:
            return words
    pytest.skip("no mount namespace can be made here (it takes root, or user namespaces)")
    return []


def _mounted(directory, script):
    Path(directory).mkdir(exist_ok=True)
    return [*_namespace(), "sh", "-c", script + ' && shift && exec "$@"', "sh", str(directory)]


def small(directory, size):
    """An empty file system of `size` (as mount takes it) at a directory."""
    return _mounted(directory, f'mount -t tmpfs -o size={size} tmpfs "$1"')


def read_only(directory):
    """A directory as it is, but nothing can be written."""
    return _mounted(directory, 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"')


def inside(server):
    """Its cache directory, as the process sees it."""
    server.cache = Path(f"/proc/{server.pid}/root{server.cache}")
    return server


def free_bytes(directory):
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def fill(directory, leave):
    """A file that leaves so many bytes free."""
    ballast = directory / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free_bytes(directory) - leave)
    return ballast
