# SPDX-License-Identifier: Apache-2.0
"""The catalog on the command line and in a 404: `url`, `pull NAME`, and which files exist."""

import json

import pytest
from content import manifest_json

BODYPIX = "/tfjs-models/savedmodel/bodypix/"
RESNET = ["--architecture", "ResNet50"]


@pytest.mark.parametrize(
    "arguments, path",
    [
        ([], "mobilenet/float/075/model-stride16.json"),
        (["--multiplier", "1"], "mobilenet/float/100/model-stride16.json"),
        (["--multiplier", "1.0", "--output-stride", "32"], "mobilenet/float/100/model-stride32.json"),
        (["--multiplier", "0.5", "--quant-bytes", "2"], "mobilenet/quant2/050/model-stride16.json"),
        ([*RESNET, "--output-stride", "16", "--quant-bytes", "4"], "resnet50/float/model-stride16.json"),
        ([*RESNET, "--output-stride", "32", "--quant-bytes", "1"], "resnet50/quant1/model-stride32.json"),
    ],
)
def test_url(modelhost, arguments, path):
    done = modelhost.run("url", "bodypix", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"http://localhost:8080{BODYPIX}{path}\n"


def test_base_is_the_running_servers(modelhost):
    server = modelhost.start()
    done = modelhost.run("url", "bodypix", "--cache-dir", modelhost.cache)
    assert done.stdout.startswith(f"{server.url}tfjs-models/"), done


@pytest.mark.parametrize(
    "listen, base",
    [
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("127.0.0.1:9000 [::1]:9001", "http://127.0.0.1:9000"),
        ("[::1]:9000 127.0.0.1:9000", "http://localhost:9000"),
        ("0.0.0.0:9000", "http://localhost:9000"),
        ("192.0.2.7:80", "http://192.0.2.7:80"),
    ],
)
def test_base_is_the_configured_one(modelhost, listen, base):
    done = modelhost.run("url", "coco-ssd", "--set", f"server.listen={listen}")
    assert done.stdout == f"{base}/tfjs-models/savedmodel/ssdlite_mobilenet_v2/model.json\n"


def test_no_base(modelhost):
    done = modelhost.run("url", "bodypix", "--set", "server.listen=unix:/tmp/none.sock")
    assert done.returncode == 2 and "unix sockets only" in done.stderr


def test_mirror_elsewhere_or_off(modelhost):
    done = modelhost.run("url", "bodypix", "--set", "mirror tfjs-models.path=/models/")
    assert "/models/savedmodel/bodypix/" in done.stdout
    done = modelhost.run("url", "bodypix", "--set", "mirror tfjs-models.enabled=off")
    assert done.returncode == 3 and "'tfjs-models' is switched off" in done.stderr


HANDS = "@mediapipe/hands@0.4.1675469240/"
HANDS_FILES = ["hands.binarypb", "hand_landmark_lite.tflite", "hands_solution_packed_assets.data",
               "hands_solution_packed_assets_loader.js", "hands_solution_simd_wasm_bin.js",
               "hands_solution_simd_wasm_bin.wasm", "hands_solution_wasm_bin.js", "hands_solution_wasm_bin.wasm"]


def test_a_folder_of_mediapipe(origin, modelhost):
    """load() is given the folder; `pull` fetches what lies in it, of the chosen model alone."""
    for name in HANDS_FILES:
        origin.add(f"/npm/{HANDS}{name}", name.encode())
    mirror = [*modelhost.mirror(origin, "npm"), "--cache-dir", modelhost.cache]
    chosen = ["hand-pose-mediapipe", "--model-type", "lite"]
    done = modelhost.run("url", *chosen, *mirror)
    assert (done.returncode, done.stdout) == (0, f"http://localhost:8080/npm/{HANDS}\n")
    snippet = modelhost.run("url", *chosen, "--snippet", *mirror).stdout
    assert f"solutionPath: 'http://localhost:8080/npm/{HANDS}'" in snippet and "'wasm-unsafe-eval'" in snippet
    done = modelhost.run("pull", *chosen, *mirror)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(origin.journal.targets()) == sorted(f"/npm/{HANDS}{name}" for name in HANDS_FILES)
    done = modelhost.run("inspect", *chosen, *mirror)
    assert done.returncode == 3 and "has no manifest of TensorFlow.js" in done.stderr


@pytest.mark.parametrize(
    "arguments, status, says",
    [
        (["bodypix", "--multiplier", "0.75", "--output-stride", "32"], 3,
         ["no 'bodypix --architecture MobileNetV1 --output-stride 32 --multiplier 0.75 --quant-bytes 4'",
          "  bodypix --architecture MobileNetV1 --output-stride 8|16 --multiplier 0.50|0.75 --quant-bytes 4|2|1",
          "  bodypix --architecture MobileNetV1 --output-stride 8|16|32 --multiplier 1.0 --quant-bytes 4|2|1"]),
        (["bodypix", *RESNET, "--output-stride", "8"], 3, ["--architecture ResNet50 --output-stride 16|32"]),
        (["bodypix", "--alpha", "1"], 2, ["'bodypix' takes no --alpha", "--quant-bytes 4|2|1"]),
        (["bodypixx"], 3, ["did you mean 'bodypix'?"]),
        (["bodypix", "--outputstride", "16"], 2, ["did you mean '--output-stride'?"]),
    ],
)
def test_mistakes(modelhost, arguments, status, says):
    done = modelhost.run("url", *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    for text in says:
        assert text in done.stderr


def test_snippet(modelhost):
    done = modelhost.run("url", "bodypix", *RESNET, "--output-stride", "32", "--quant-bytes", "2", "--snippet")
    assert (done.returncode, done.stderr) == (0, "")
    for line in ["bodyPix.load({", "  architecture: 'ResNet50',", "  outputStride: 32,", "  multiplier: 1.0,",
                 "  quantBytes: 2,", f"  modelUrl: 'http://localhost:8080{BODYPIX}resnet50/quant2/model-stride32.json',",
                 "//   connect-src http://localhost:8080"]:
        assert line in done.stdout


def test_a_package_without_an_option(modelhost):
    done = modelhost.run("url", "toxicity", "--snippet")
    assert done.returncode == 0
    assert '<script src="http://localhost:8080/-/client.js"></script>' in done.stdout
    assert "has no option for the URL" in done.stderr and "since October 2025" in done.stderr
    assert modelhost.run("url", "toxicity", "-q").stderr == ""


def test_names_and_json(modelhost):
    names = [line.split()[0] for line in modelhost.run("url").stdout.splitlines()]
    assert {"bodypix", "posenet", "coco-ssd", "handpose", "toxicity", "movenet", "qna"} <= set(names)
    for name in names:
        done = modelhost.run("url", name, "--json", "-q")
        assert done.returncode == 0, done
        told = json.loads(done.stdout)
        assert told["name"] == name and told["files"][0]["url"].startswith(("http://localhost:8080/tf", "http://localhost:8080/npm/"))
        assert modelhost.run("url", name, "--snippet", "-q").stdout.count("{0}") == 0


# --- the 404 ---


def test_404_lists_those_that_exist(origin, server):
    reply = server.get(f"{BODYPIX}mobilenet/float/075/model-stride32.json")
    assert reply.status == 404
    detail = reply.json()["detail"]
    first = detail.index(f"These exist: {BODYPIX}mobilenet/float/075/model-stride8.json, "
                         f"{BODYPIX}mobilenet/float/075/model-stride16.json, ")
    assert f"{BODYPIX}resnet50/quant1/model-stride32.json" in detail[first:]
    assert "model-stride16.json" in reply.header("Modelhost-Error")


def test_404_of_what_exists_or_is_unknown(origin, server):
    for path in [f"{BODYPIX}mobilenet/float/075/model-stride16.json", "/tfjs-models/mine/model.json"]:
        reply = server.get(path)
        assert reply.status == 404 and "These exist" not in reply.json()["detail"]


# --- pull ---


@pytest.fixture
def pull(modelhost, origin):
    def run(*arguments, **options):
        return modelhost.run("pull", *arguments, "--cache-dir", modelhost.cache, "--set", "upstream.retries=0",
                             *modelhost.mirror(origin), **options)

    return run


def test_pull_by_name(make_model, origin, pull, modelhost):
    folder = f"{BODYPIX}resnet50/quant2/"
    model = make_model({"a.bin": 1000}, folder=folder)
    origin.add(folder + "model-stride16.json", model.contents[model.path])
    done = pull("bodypix", *RESNET, "--output-stride", "16", "--quant-bytes", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"pulled {folder}model-stride16.json (2 files")
    done = pull("bodypix", *RESNET, "--quant-bytes", "2", "-o", modelhost.home / "out" / "m.json")
    assert done.returncode == 0 and (modelhost.home / "out" / "a.bin").stat().st_size == 1000


def test_pull_all(origin, pull):
    for name in ["ssdlite_mobilenet_v2", "ssd_mobilenet_v1", "ssd_mobilenet_v2"]:
        folder = f"/tfjs-models/savedmodel/{name}/"
        origin.add(folder + "a.bin", b"1234")
        origin.add(folder + "model.json", manifest_json({"a.bin": 4}))
    done = pull("coco-ssd", "--all")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("pulled /tfjs-models/savedmodel/ss") == 3


@pytest.mark.parametrize(
    "arguments, status, says",
    [
        (["bodypix", "--output-stride", "32"], 3, "--output-stride 8|16"),
        (["bodypix", "--all", "--output-stride", "16"], 2, "give no parameters with it"),
        (["/tfjs-models/a/model.json", "--output-stride", "16"], 2, "go with a name of the catalog"),
        (["/tfjs-models/a/model.json", "--all"], 2, "go with a name of the catalog"),
        (["bodypicks"], 3, "the catalog has no model 'bodypicks'"),
    ],
)
def test_pull_mistakes(origin, pull, arguments, status, says):
    done = pull(*arguments)
    assert (done.returncode, done.stdout) == (status, "") and says in done.stderr
    assert origin.journal.targets() == []
