#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An upstream for tools/demo: BodyPix-shaped models in the layout of the real bucket, on loopback.

Nothing is read from disk or from the network. The manifests are MobileNetV1 graphs with BodyPix's
heads, written out here from the architecture's own numbers, and the weights are small numbers drawn
from a seed. So the arithmetic is right to the byte and @tensorflow-models/body-pix loads them, but
nothing was learned: the masks are noise. Answers carry the headers that the bucket sends.
"""

import argparse
import array
import base64
import email.utils
import hashlib
import http.server
import json
import math
import random
import signal
import sys

PREFIX = "/tfjs-models/savedmodel/bodypix/mobilenet/float"
SHARD_BYTES = 4 * 1024 * 1024
CHANGED_AT = 1569888000  # the day the made-up files were last changed: fixed, so that ETags are too

# MobileNetV1 after its first convolution: output channels and stride of each separable block.
# BodyPix's has 512 channels in the last two, where the classifier has 1024.
BLOCKS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 7

# BodyPix's outputs and their channels, in the order in which the client takes them.
HEADS = [
    ("float_short_offsets", 34),
    ("float_segments", 1),
    ("float_part_heatmaps", 24),
    ("float_long_offsets", 34),
    ("float_heatmaps", 17),
    ("displacement_fwd", 32),
    ("displacement_bwd", 32),
    ("float_part_offsets", 48),
]

FLOAT = {"type": "DT_FLOAT"}


def text(value):
    """A string attribute of a graph node: base64, as protobuf's JSON has it."""
    return {"s": base64.b64encode(value.encode()).decode()}


def integers(values):
    return {"list": {"i": [str(value) for value in values]}}


def dimensions(values):
    return {"shape": {"dim": [{"size": str(value)} for value in values]}}


class Graph:
    """A frozen graph under construction: its nodes, and the weights in the order of the shards."""

    def __init__(self):
        placeholder = {"dtype": FLOAT, "shape": dimensions([1, -1, -1, 3])}
        self.nodes = [{"name": "sub_2", "op": "Placeholder", "attr": placeholder}]
        self.weights = []

    def constant(self, name, shape):
        self.nodes.append(
            {"name": name, "op": "Const", "attr": {"dtype": FLOAT, "value": {"tensor": {
                "dtype": "DT_FLOAT", "tensorShape": dimensions(shape)["shape"]}}}})
        self.weights.append({"name": name, "shape": shape, "dtype": "float32"})
        return name

    def node(self, name, op, inputs, **attributes):
        self.nodes.append({"name": name, "op": op, "input": inputs, "attr": {"T": FLOAT} | attributes})
        return name

    def convolution(self, name, op, source, shape, stride):
        """A convolution and its bias; the bias node bears the name."""
        channels = shape[3] if op == "Conv2D" else shape[2]
        kernel = self.constant(name + "/weights", shape)
        bias = self.constant(name + "/bias", [channels])
        layout = text("NHWC")
        self.node(name + "/conv", op, [source, kernel], padding=text("SAME"), data_format=layout,
                  strides=integers([1, stride, stride, 1]), dilations=integers([1, 1, 1, 1]))
        return self.node(name, "BiasAdd", [name + "/conv", bias], data_format=layout)

    def activated(self, name, *convolution):
        return self.node(name + "/Relu6", "Relu6", [self.convolution(name, *convolution)])


def bodypix_graph(multiplier):
    """The graph at output stride 16, its channels scaled by the multiplier."""
    graph = Graph()
    channels = int(32 * multiplier)
    last = graph.activated("MobilenetV1/Conv2d_0", "Conv2D", "sub_2", [3, 3, 3, channels], 2)
    for number, (wanted, stride) in enumerate(BLOCKS, 1):
        scaled = int(wanted * multiplier)
        name = f"MobilenetV1/Conv2d_{number}"
        last = graph.activated(name + "_depthwise", "DepthwiseConv2dNative", last,
                               [3, 3, channels, 1], stride)
        last = graph.activated(name + "_pointwise", "Conv2D", last, [1, 1, channels, scaled], 1)
        channels = scaled
    for name, outputs in HEADS:
        graph.convolution(name, "Conv2D", last, [1, 1, channels, outputs], 1)
    return graph


def small_floats(count, seed):
    """That many little-endian float32 in [-0.1, 0.1)."""
    draw = random.Random(seed).random
    values = array.array("f", (draw() / 5 - 0.1 for _ in range(count)))
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()


def bodypix_files(multiplier, seed):
    """The files of one model: {name: bytes}, manifest first."""
    graph = bodypix_graph(multiplier)
    count = sum(math.prod(weight["shape"]) for weight in graph.weights)
    data = small_floats(count, seed)
    shards = [data[at:at + SHARD_BYTES] for at in range(0, len(data), SHARD_BYTES)]
    names = [f"group1-shard{i}of{len(shards)}.bin" for i in range(1, len(shards) + 1)]
    manifest = {
        "format": "graph-model",
        "generatedBy": "modelhost's demo",
        "convertedBy": None,
        "modelTopology": {"node": graph.nodes, "library": {}, "versions": {"producer": 38}},
        "weightsManifest": [{"paths": names, "weights": graph.weights}],
    }
    return {"model-stride16.json": json.dumps(manifest).encode()} | dict(zip(names, shards))


def bucket(seed):
    """Everything there is: {path: bytes}."""
    files = {}
    for folder, multiplier in (("050", 0.5), ("100", 1.0)):
        for name, data in bodypix_files(multiplier, seed + folder).items():
            files[f"{PREFIX}/{folder}/{name}"] = data
    return files


class Handler(http.server.BaseHTTPRequestHandler):
    """The bucket's answers. One line per request goes to standard output: it shows who asked what."""

    protocol_version = "HTTP/1.1"
    server_version = "demo-origin"
    files = {}

    def answer(self, with_body):
        data = self.files.get(self.path.partition("?")[0])
        if data is None:
            self.not_found(with_body)
            return
        digest = hashlib.md5(data)
        kind = "application/json" if ".json" in self.path else "application/octet-stream"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{digest.hexdigest()}"')
        self.send_header("Last-Modified", email.utils.formatdate(CHANGED_AT, usegmt=True))
        self.send_header("Cache-Control", "public, max-age=3600")
        self.send_header("x-goog-hash", "md5=" + base64.b64encode(digest.digest()).decode())
        self.end_headers()
        if with_body:
            self.wfile.write(data)

    def not_found(self, with_body):
        body = (b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>NoSuchKey</Code>"
                b"<Message>The specified key does not exist.</Message></Error>")
        self.send_response(404)
        self.send_header("Content-Type", "application/xml; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def do_GET(self):
        self.answer(True)

    def do_HEAD(self):
        self.answer(False)

    def log_request(self, code="-", size="-"):
        print(f"  upstream: {self.command} {self.path} -> {int(code)}", flush=True)

    def log_message(self, *_):
        """Broken connections are not worth a line here."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--seed", default="modelhost", help="what the weights are drawn from")
    options = parser.parse_args()
    Handler.files = bucket(options.seed)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler) as server:
        print(f"demo origin: listening on http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
