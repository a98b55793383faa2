# SPDX-License-Identifier: Apache-2.0
"""What an origin serves: bytes of any size that nobody has to hold, and models made of them.

A content knows its size and gives any stretch of its bytes, so that a range of a 1 GiB object costs
no more than the range. Everything made from a seed is the same in every run.
"""

import base64
import functools
import hashlib
import json
import os
import random
from pathlib import Path

BLOCK = 1 << 20
SHARD = 4 << 20
HASHED_UP_TO = 64 << 20  # larger contents declare no hash: it would cost seconds


class Content:
    """Bytes with a size. Subclasses give `size` and `read(offset, n)`."""

    size = 0

    def read(self, offset, n):
        raise NotImplementedError

    def pieces(self, start=0, end=None, piece=BLOCK):
        end = self.size if end is None else end
        while start < end:
            n = min(piece, end - start)
            yield self.read(start, n)
            start += n

    def all(self):
        return b"".join(self.pieces())

    @functools.cached_property
    def md5(self):
        """The digest, or None for what is too large to hash in passing."""
        return self._digest("md5") if self.size <= HASHED_UP_TO else None

    @functools.cached_property
    def sha256(self):
        return self._digest("sha256")

    def _digest(self, kind):
        digest = hashlib.new(kind)
        for piece in self.pieces():
            digest.update(piece)
        return digest

    def hash_headers(self):
        """The validators that the real bucket sends."""
        if self.md5 is None:
            return {"ETag": f'"size-{self.size}"'}
        return {
            "ETag": f'"{self.md5.hexdigest()}"',
            "x-goog-hash": "md5=" + base64.b64encode(self.md5.digest()).decode(),
        }


class Bytes(Content):
    def __init__(self, data):
        self.data = data
        self.size = len(data)

    def read(self, offset, n):
        return self.data[offset : offset + n]


class File(Content):
    def __init__(self, path):
        self.path = path
        self.size = os.stat(path).st_size

    def read(self, offset, n):
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(n)


@functools.lru_cache(maxsize=32)
def _noise(seed):
    return random.Random(seed).randbytes(BLOCK)


class Seeded(Content):
    """Noise from a seed. Each MiB begins with its own number, so that no two stretches are alike."""

    def __init__(self, seed, size):
        self.seed = seed
        self.size = size

    def _block(self, index):
        return index.to_bytes(8, "big") + _noise(self.seed)[8:]

    def read(self, offset, n):
        n = max(0, min(n, self.size - offset))
        out = bytearray()
        while n > 0:
            index, inside = divmod(offset, BLOCK)
            taken = self._block(index)[inside : inside + n]
            out += taken
            offset += len(taken)
            n -= len(taken)
        return bytes(out)


def weight_bytes(weight):
    """Bytes of one weight of a manifest: numel(shape) * size(dtype as stored)."""
    sizes = {"float32": 4, "int32": 4, "bool": 1, "complex64": 8, "uint8": 1, "uint16": 2, "float16": 2}
    stored = weight.get("quantization", {}).get("dtype", weight["dtype"])
    count = 1
    for dimension in weight["shape"]:
        count *= dimension
    return count * sizes[stored]


def shard_sizes(manifest):
    """{path: bytes} as the real bucket cuts them: 4 MiB each, the last of a group what is left."""
    sizes = {}
    for group in manifest["weightsManifest"]:
        left = sum(weight_bytes(weight) for weight in group["weights"])
        for path in group["paths"][:-1]:
            sizes[path] = SHARD
            left -= SHARD
        sizes[group["paths"][-1]] = left
    return sizes


def missing_shards(tree):
    """{"/path/of/shard": Seeded} for every shard that a manifest in the tree names and nobody has."""
    found = {}
    for path in sorted(Path(tree).rglob("*.json")):
        try:
            manifest = json.loads(path.read_text())
            sizes = shard_sizes(manifest)
        except (ValueError, KeyError, TypeError):
            continue  # not a manifest of this shape; nothing to fill
        for name, size in sizes.items():
            shard = path.parent / name
            if not shard.exists():
                target = "/" + str(shard.relative_to(tree))
                found[target] = Seeded(target, size)
    return found


def manifest_json(*groups, **members):
    """A graph model's manifest. Each group is {path: bytes}; the arithmetic is right."""
    made = []
    for index, group in enumerate(groups):
        weight = {
            "name": f"w{index}",
            "shape": [sum(group.values())],
            "dtype": "float32",
            "quantization": {"dtype": "uint8", "min": 0, "scale": 1, "original_dtype": "float32"},
        }
        made.append({"paths": list(group), "weights": [weight]})
    whole = {
        "format": "graph-model",
        "generatedBy": "1.15.0",
        "convertedBy": "TensorFlow.js Converter v1.2.6",
        "modelTopology": {"node": [], "library": {}, "versions": {}},
        "weightsManifest": made,
    }
    whole.update(members)
    return json.dumps(whole).encode()
