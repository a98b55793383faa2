# SPDX-License-Identifier: Apache-2.0
"""Requests per second, tail and processor time of every server at every work, in interleaved rounds."""

import http.client
import json
import random
import ssl
import statistics
import subprocess
import sys
from typing import NamedTuple

import peers

PIECE_BYTES = 16384  # of one write
CLIENT_CORE = "1"
SHARDS = [f"shard{n}.bin" for n in range(1, 23)]
SMALL_FILES = {"small.bin": 1024, "manifest.bin": 60_000, "middle.bin": 100_000}
SHARD_BYTES = 4 << 20


class Work(NamedTuple):
    paths: list
    connections: int
    method: str = "GET"
    has_validator: bool = False


CLEAR = {
    "1 KB, 8 connections": Work(["small.bin"], 8),
    "1 KB, 64 connections": Work(["small.bin"], 64),
    "60 KB, 8 connections": Work(["manifest.bin"], 8),
    "100 KB, 8 connections": Work(["middle.bin"], 8),
    "100 KB, 64 connections": Work(["middle.bin"], 64),
    "304, 8 connections": Work(["small.bin"], 8, has_validator=True),
    "HEAD, 8 connections": Work(["middle.bin"], 8, method="HEAD"),
    "4 MiB, 8 connections": Work(SHARDS, 8),
    "4 MiB, 32 connections": Work(SHARDS, 32),
}
TLS = {
    "TLS 1.3, 1 KB, 8 connections": Work(["small.bin"], 8),
    "TLS 1.3, 100 KB, 8 connections": Work(["middle.bin"], 8),
    "TLS 1.3, 4 MiB, 8 connections": Work(SHARDS, 8),
    "TLS 1.3, 4 MiB, 32 connections": Work(SHARDS, 32),
}
BBR = {f"BBR, {name}": CLEAR[name] for name in ("1 KB, 8 connections", "100 KB, 8 connections",
                                                "4 MiB, 8 connections", "4 MiB, 32 connections")}


def write_in_pieces(path, data):
    """As a copy or a download does. One write of the whole would put it on pages so large that every
    server sends it cheaper than a file that came in any real way."""
    with path.open("wb", buffering=0) as file:
        for at in range(0, len(data), PIECE_BYTES):
            file.write(data[at:at + PIECE_BYTES])


def make_files(folder):
    source = random.Random(1)
    for name, size in [*SMALL_FILES.items(), *((name, SHARD_BYTES) for name in SHARDS)]:
        write_in_pieces(folder / name, source.randbytes(size))


def connect(peer, timeout=60):
    if not peer.pair:
        return http.client.HTTPConnection("127.0.0.1", peer.port, timeout=timeout)
    context = ssl.create_default_context(cafile=peer.pair[0])
    return http.client.HTTPSConnection("127.0.0.1", peer.port, timeout=timeout, context=context)


def warm(peer, paths=(*SMALL_FILES, *SHARDS)):
    """Every file once, so that each server has what it keeps, and the mirror what it mirrors."""
    for path in paths:
        connection = connect(peer)
        connection.request("GET", peer.prefix + path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200 or body != (peer.files / path).read_bytes():
            raise RuntimeError(f"{peer.name} does not serve {path}: status {answer.status}, {len(body)} bytes")


def etag_of(peer, path):
    connection = connect(peer)
    connection.request("HEAD", peer.prefix + path)
    etag = connection.getresponse().getheader("ETag")
    connection.close()
    if not etag:
        raise RuntimeError(f"{peer.name} gives {path} no ETag")
    return etag


def run_load(load, peer, paths, *options, seconds):
    """bench-load on the client's core, to its end; its result with the server's processor time."""
    before = peer.cpu_seconds()
    done = subprocess.run(
        ["taskset", "-c", CLIENT_CORE, str(load), *(["-t"] if peer.pair else []), "-s", str(seconds), *options,
         str(peer.port), *[peer.prefix + path for path in paths]],
        capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise RuntimeError(f"{peer.name}: {done.stderr.strip()}")
    result = json.loads(done.stdout)
    if result["errors"]:
        raise RuntimeError(f"{peer.name}: {result['errors']} wrong answers")
    result["cpu"] = peer.cpu_seconds() - before
    return result


def measure(load, peer, work, etag, seconds):
    options = ["-c", str(work.connections), "-m", work.method]
    if work.has_validator:
        options += ["-H", f"If-None-Match: {etag}"]
    result = run_load(load, peer, work.paths, *options, seconds=seconds)
    # Of large answers few end within the time: their bytes are counted.
    count = result["bytes"] if work.paths is SHARDS else result["requests"]
    result["rate"] = count / result["seconds"]
    result["cost"] = result["cpu"] / count if count else None
    if not result["requests"]:
        result["p99_us"] = None
    # Was it the server that was measured, or the client?
    result["busy"] = result["cpu"] / result["seconds"]
    result["client_busy"] = result["client_cpu"] / result["seconds"]
    return result


def start(kind, files, folder, pair):
    """The server, or None: a peer that does not start is told of and left out, but not what is compared."""
    try:
        return kind(files, folder, pair).start()
    except RuntimeError as problem:
        if issubclass(kind, (peers.Modelhost, peers.Bare, peers.Nginx)):
            raise
        print(f"not measured: {problem}", file=sys.stderr)
        return None


def run(bench, works, kinds, pair=None):
    """Start the servers, measure the works, stop them. Returns {"names", "versions", "rounds", "memory"}."""
    started = []
    try:
        # By class: what the others fetch from must run first, and in the clear.
        upstream = peers.BareMemory(bench.files, bench.new_folder()).start()
        started.append(upstream)
        peers.ModelhostMirror.upstream = f"http://127.0.0.1:{upstream.port}/"
        peers.Varnish.upstream_port = upstream.port
        folder = bench.new_folder()
        for kind in kinds:
            if kind is not peers.BareMemory and (not kind.command or kind.is_installed() or
                                                 issubclass(kind, (peers.Modelhost, peers.Bare))):
                peer = start(kind, bench.files, folder, pair)
                started += [peer] if peer else []
        measured = [peer for peer in started if type(peer) in kinds]
        measured.sort(key=lambda peer: kinds.index(type(peer)))
        for peer in measured:
            warm(peer)
        etags = {peer.name: etag_of(peer, "small.bin") for peer in measured}
        rounds = {(work, peer.name): [] for work in works for peer in measured}
        for number in range(bench.rounds):
            for name, work in works.items():
                order = measured[:]
                random.Random(number * 1000 + len(name)).shuffle(order)
                for peer in order:
                    try:
                        rounds[name, peer.name].append(
                            measure(bench.tool("load"), peer, work, etags[peer.name], bench.seconds))
                    except RuntimeError as problem:
                        raise RuntimeError(f"{name}: {problem}") from None
            print(f"{next(iter(works))} and others: round {number + 1} of {bench.rounds}", file=sys.stderr)
        return {"names": [peer.name for peer in measured],
                "versions": {peer.name: peer.version() for peer in measured if peer.version()},
                "rounds": rounds, "memory": {peer.name: peer.resident_kib() for peer in measured}}
    finally:
        for peer in reversed(started):
            peer.stop()


def ratio(rounds, work, name, other, key):
    """The median over the rounds of name's value to other's in the same round."""
    pairs = zip(rounds[work, name], rounds[work, other])
    found = [one[key] / two[key] for one, two in pairs if one[key] is not None and two[key]]
    return statistics.median(found) if found else float("nan")


def median_of(rounds, work, name, key):
    return statistics.median(result[key] for result in rounds[work, name])
