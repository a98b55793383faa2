# SPDX-License-Identifier: Apache-2.0
"""`modelhost inspect`: what a manifest says, and which variant of BodyPix or PoseNet it is."""

import json

import pytest
from content import manifest_json
from origin import Act

BODYPIX = "tfjs-models/savedmodel/bodypix/"
MOBILENET = BODYPIX + "mobilenet/"
FOLDERS = {"050": "0.50", "075": "0.75", "100": "1.0"}
QUANTS = {"float": "4", "quant2": "2", "quant1": "1"}

VARIANTS = [
    (f"{MOBILENET}{quant}/{folder}/model-stride{stride}.json", "bodypix", "MobileNetV1", stride, FOLDERS[folder], QUANTS[quant])
    for quant in QUANTS
    for folder in FOLDERS
    for stride in (8, 16)
] + [
    (f"{BODYPIX}resnet50/{quant}/model-stride16.json", "bodypix", "ResNet50", 16, "1.0", QUANTS[quant])
    for quant in QUANTS
] + [("tfjs-models/savedmodel/posenet/mobilenet/quant2/075/model-stride16.json", "posenet", "MobileNetV1", 16, "0.75", "2")]


def test_variants(modelhost, models_dir):
    """The path says what the graph must tell by itself: it is read by another name."""
    files = []
    for i, row in enumerate(VARIANTS):
        files.append(modelhost.home / f"m{i}.json")
        files[-1].write_bytes((models_dir / row[0]).read_bytes())
    done = modelhost.run("inspect", "--json", *files)
    assert (done.returncode, done.stderr) == (0, "")
    for told, row in zip(json.loads(done.stdout)["models"], VARIANTS, strict=True):
        variant = told["variant"]
        assert (variant["name"], variant["architecture"], variant["outputStride"], variant["multiplier"],
                variant["quantBytes"]) == row[1:], row[0]


def test_text(modelhost, models_dir):
    done = modelhost.run("inspect", models_dir / (MOBILENET + "quant2/050/model-stride8.json"))
    assert (done.returncode, done.stderr) == (0, "")
    size = (models_dir / (MOBILENET + "quant2/050/group1-shard1of1.bin")).stat().st_size
    for line in ["format       graph-model", "tensors      72 with", ": 72 float32", "quantization 72 uint16",
                 f"weights      {size} bytes (", "inputs       sub_2", "float_segments", "group1-shard1of1.bin",
                 "model        BodyPix",
                 "architecture: 'MobileNetV1', outputStride: 8, multiplier: 0.50, quantBytes: 2, modelUrl"]:
        assert line in done.stdout


def test_resnet_bytes(modelhost, models_dir):
    done = modelhost.run("inspect", "--json", models_dir / (BODYPIX + "resnet50/float/model-stride16.json"))
    told = json.loads(done.stdout)["models"][0]
    assert (told["bytes"], len(told["shards"]), told["quantization"]) == (95_745_472, 23, {"none": 126})


def test_face_api(modelhost, models_dir):
    done = modelhost.run("inspect", "--json", models_dir / "face-api/tiny_face_detector_model-weights_manifest.json")
    told = json.loads(done.stdout)["models"][0]
    assert told["shards"] == [{"path": "tiny_face_detector_model.bin", "bytes": 193_321}]
    assert told["quantization"] == {"uint8": 19} and "variant" not in told


def test_layers_model(modelhost):
    file = modelhost.home / "model.json"
    layers = {"model_config": {"config": {"input_layers": [["in", 0, 0]], "output_layers": [["out", 0, 0]]}}}
    weights = [{"name": "a", "shape": [2], "dtype": "string"}, {"name": "b", "shape": [3, 2], "dtype": "int32"}]
    file.write_text(json.dumps({"format": "layers-model", "modelTopology": layers,
                                "weightsManifest": [{"paths": ["a.bin"], "weights": weights}]}))
    told = json.loads(modelhost.run("inspect", "--json", file).stdout)["models"][0]
    assert (told["format"], told["inputs"], told["outputs"]) == ("layers-model", ["in"], ["out"])
    assert (told["bytes"], told["parameters"], told["dtypes"]) == (None, 8, {"string": 1, "int32": 1})


# --- where from ---


@pytest.fixture
def inspect(modelhost, origin):
    def run(*arguments):
        return modelhost.run("inspect", *arguments, "--cache-dir", modelhost.cache, *modelhost.mirror(origin))

    return run


def test_cached_and_url(inspect, modelhost, make_model, origin, server):
    model = make_model({"a.bin": 1000})
    url = origin.url.rstrip("/") + model.path
    done = inspect(model.path)
    assert done.returncode == 3 and "is not in the cache; pull it first" in done.stderr
    done = inspect(url)
    assert done.returncode == 0 and "1000 bytes" in done.stdout
    assert origin.journal.targets() == [model.path]

    server.get(model.path)
    server.wait_complete(model.path)
    origin.journal.clear()
    for what in (model.path, url):
        done = inspect(what)
        assert (done.returncode, done.stderr) == (0, "") and "1000 bytes" in done.stdout
    assert origin.journal.targets() == []


def test_by_name(inspect):
    done = inspect("bodypix", "--multiplier", "1")
    assert done.returncode == 3
    assert "'/tfjs-models/savedmodel/bodypix/mobilenet/float/100/model-stride16.json' is not in the cache" in done.stderr
    assert inspect("bodypix", "--output-stride", "32").returncode == 3
    assert inspect("toxicity").stderr.count("not in the cache") == 1  # its vocabulary is no manifest


@pytest.mark.parametrize(
    "content, status, says",
    [
        (b"<!doctype html>", 2, "line 1"),
        (b"{}", 2, "no weightsManifest"),
        (b"[]", 0, ""),
        (b'{"weightsManifest":[{"paths":["a"],"weights":[{"name":"w","shape":[1],"dtype":"f"}]}]}', 2, "'w' has a dtype"),
        (b'{"weightsManifest":[{"paths":["a"],"weights":[{"name":"w","shape":[-1],"dtype":"bool"}]}]}', 2, "'w' has no shape"),
        (b'{"weightsManifest":[{"paths":[1],"weights":[]}]}', 2, "is no text"),
        (b'{"weightsManifest":[{}]}', 2, "no paths"),
    ],
)
def test_bad_files(modelhost, content, status, says):
    file = modelhost.home / "model.json"
    file.write_bytes(content)
    done = modelhost.run("inspect", file)
    assert done.returncode == status and says in done.stderr


def test_bad_places(inspect, origin, modelhost):
    origin.script("/gone/model.json", Act(status=503))
    for what, status, says in [
        (origin.url + "gone/model.json", 4, "status 503"),
        (origin.url + "none/model.json", 3, "status 404"),
        ("./nothing.json", 3, "there is no file './nothing.json'"),
        (".", 2, "is a directory"),
        ("/tfjs-models/a/model.json?x=1", 3, "with a query"),
    ]:
        done = inspect(what)
        assert done.returncode == status and says in done.stderr, done


def test_several_go_on(inspect, modelhost):
    good = modelhost.home / "good.json"
    good.write_bytes(manifest_json({"a.bin": 8}))
    done = inspect("./nothing.json", good)
    assert done.returncode == 3 and "8 bytes" in done.stdout
