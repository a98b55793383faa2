# SPDX-License-Identifier: Apache-2.0
"""The first answer after a start with a full cache: the index is rebuilt while serving."""

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

import peers
import throughput

OBJECTS, PER_FOLDER = 100_000, 100
PATIENCE = 30


def path_of(number):
    return f"m{number // PER_FOLDER:04}/w{number % PER_FOLDER:02}.bin"


def fill(bench, folder):
    """A cache of so many objects of 1 KB: one is pulled, and the others are written as it was."""
    files = folder / "files"
    files.mkdir()
    (files / "seed.bin").write_bytes((bench.files / "small.bin").read_bytes())
    upstream = peers.BareMemory(files, bench.new_folder()).start()
    try:
        peers.ModelhostMirror.upstream = f"http://127.0.0.1:{upstream.port}/"
        server = peers.ModelhostMirror(files, folder).start()
        try:
            throughput.warm(server, ["seed.bin"])
            wait_until_cached(server, "seed.bin")
        finally:
            server.stop()
    finally:
        upstream.stop()
    cache = server.work / "cache"
    objects, meta = cache / "objects" / "bench", cache / "meta" / "bench"
    text, body = (meta / "seed.bin.json").read_text(), (objects / "seed.bin").read_bytes()
    mtime = int(re.search(r'"mtime[^"]*":\s*"?(\d+)', text)[1])
    for number in range(OBJECTS):
        name = path_of(number)
        if number % PER_FOLDER == 0:
            (objects / name).parent.mkdir()
            (meta / name).parent.mkdir()
        write(objects / name, body)
        os.utime(objects / name, ns=(mtime, mtime))
        write(meta / f"{name}.json", text.replace("seed.bin", name).encode())
    return server


def write(path, data):
    with open(path, "xb", buffering=0) as file:
        file.write(data)


def wait_until_cached(server, name):
    end = time.monotonic() + PATIENCE
    while not (server.work / "cache" / "meta" / "bench" / f"{name}.json").exists():
        if time.monotonic() > end:
            raise RuntimeError(f"{name} was not cached within {PATIENCE} s")
        time.sleep(0.02)


def first_answer(server, name, expected):
    """Milliseconds from starting the program to the last byte of its first answer."""
    began = time.monotonic()
    process = subprocess.Popen(["taskset", "-c", peers.SERVER_CORE, *server.arguments()], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        with connect_soon(server.port, process) as peer:
            peer.sendall(f"GET {server.prefix}{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
            said = b""
            while data := peer.recv(65536):
                said += data
        took = (time.monotonic() - began) * 1e3
    finally:
        process.terminate()
        process.wait(PATIENCE)
    if not said.startswith(b"HTTP/1.1 200") or not said.endswith(expected):
        raise RuntimeError(f"the first answer after a start is {said[:80]}")
    return took


def connect_soon(port, process):
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        except ConnectionRefusedError:
            time.sleep(0.0005)
    raise RuntimeError("modelhost does not start on a cache of many objects: " + process.stderr.read().decode().strip())


def measure(bench):
    """{what: [milliseconds, one per round]}; the upstream is gone, so every answer is the cache's."""
    folder = bench.new_folder()
    try:
        server = fill(bench, folder)
        expected = (bench.files / "small.bin").read_bytes()
        found = {"the first object": [], "one in the middle": [], "the last object": []}
        for number in range(bench.rounds):
            for what, name in zip(found, (path_of(0), path_of(OBJECTS // 2 + number), path_of(OBJECTS - 1 - number))):
                found[what].append(first_answer(server, name, expected))
            print(f"start: round {number + 1} of {bench.rounds}", file=sys.stderr)
        return found
    finally:
        shutil.rmtree(folder)


def table(found):
    lines = [f"| first answer after a start with {OBJECTS:,} cached objects, ms | median | most |", "|---|---|---|"]
    for what, taken in found.items():
        lines.append(f"| {what} | {statistics.median(taken):.0f} | {max(taken):.0f} |")
    return "\n".join(lines)
