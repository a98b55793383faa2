/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalog's data: the TensorFlow.js model packages, and the files that each loads.
 *
 * Read from the published packages, in the versions named. To add a package, add a row: its name,
 * what its load() takes by default, the call, and a file row for each set of combinations that
 * exist upstream (which is not every one that a package accepts: BodyPix MobileNetV1 with stride 32
 * exists for the multiplier 1.0 only). A file that load() has no option for is listed without one,
 * so that `pull` fetches it all the same; pages then need the client script. MediaPipe's solutions
 * are programs and models in one folder. Slots and values are
 * explained in catalog.h; test_catalog.c reads every row. Data only.
 */
#include "catalog.h"

#define GCS    "tfjs-models"
#define HUB    "tfhub"
#define NPM    "npm"
#define AS_HUB "/model.json?tfjs-format=file"

#define HUB_GONE                                                                                   \
    "tfhub.dev has become a redirect to Kaggle, whose signed links have been seen to answer 403 "  \
    "since October 2025; if the pull fails, import the model or set another upstream for the "     \
    "mirror tfhub"

#define QUANT_FOLDERS "quantBytes=4:float,2:quant2,1:quant1"
#define BLAZEFACE     "tensorflow/tfjs-model/blazeface/1/default/1" AS_HUB
#define FACE_SHORT    "mediapipe/tfjs-model/face_detection/short/1" AS_HUB
#define USE_VOCAB     "savedmodel/universal_sentence_encoder/vocab.json"

/* A MediaPipe solution in a package of npm's: its folder is what `solutionPath` is given. Its parts
 * are named after it; which of the two programs is taken is the browser's, for SIMD or without. */
#define SOLUTION_FOLDER(values, package)                                                           \
    {                                                                                              \
        0, "solutionPath", values, NPM, "@mediapipe/" package "/"                                  \
    }
#define SOLUTION_FILE(slot, values, package, file)                                                 \
    {                                                                                              \
        slot, NULL, values, NPM, "@mediapipe/" package "/" file                                    \
    }
#define SOLUTION_PROGRAMS(package, name)                                                           \
    SOLUTION_FILE(1, "", package, name "_solution_simd_wasm_bin.js"),                              \
        SOLUTION_FILE(2, "", package, name "_solution_simd_wasm_bin.wasm"),                        \
        SOLUTION_FILE(3, "", package, name "_solution_wasm_bin.js"),                               \
        SOLUTION_FILE(4, "", package, name "_solution_wasm_bin.wasm")
#define SOLUTION_ASSETS(package, name)                                                             \
    SOLUTION_FILE(5, "", package, name "_solution_packed_assets_loader.js"),                       \
        SOLUTION_FILE(6, "", package, name "_solution_packed_assets.data")

#define FACE_MESH_PACKAGE      "face_mesh@0.4.1657299874"
#define FACE_DETECTION_PACKAGE "face_detection@0.4.1657300184"
#define POSE_PACKAGE           "pose@0.5.1675469404"
#define HANDS_PACKAGE          "hands@0.4.1675469240"
#define SELFIE_PACKAGE         "selfie_segmentation@0.1.1675465747"

const struct catalog_param_name catalog_params[CATALOG_PARAM_COUNT] = {
    [CATALOG_ARCHITECTURE] = {"architecture", "--architecture", true},
    [CATALOG_OUTPUT_STRIDE] = {"outputStride", "--output-stride", false},
    [CATALOG_MULTIPLIER] = {"multiplier", "--multiplier", false},
    [CATALOG_QUANT_BYTES] = {"quantBytes", "--quant-bytes", false},
    [CATALOG_QUANTIZATION_BYTES] = {"quantizationBytes", "--quantization-bytes", false},
    [CATALOG_MODEL_VERSION] = {"version", "--model-version", false},
    [CATALOG_ALPHA] = {"alpha", "--alpha", false},
    [CATALOG_BASE] = {"base", "--base", true},
    [CATALOG_MODEL_TYPE] = {"modelType", "--model-type", true},
    [CATALOG_VOCABULARY] = {"vocabulary", "--vocabulary", true},
    [CATALOG_REFINE_LANDMARKS] = {"refineLandmarks", "--refine-landmarks", false},
};

const struct catalog_entry catalog_entries[] = {
    {
        .name = "bodypix",
        .alias = "body-pix",
        .package = "@tensorflow-models/body-pix 2.2.1",
        .defaults = {"architecture=MobileNetV1 outputStride=16 multiplier=0.75 quantBytes=4",
                     "architecture=ResNet50 outputStride=16 multiplier=1.0 quantBytes=4"},
        .load = "const net = await bodyPix.load({options});",
        .files =
            {
                {0, "modelUrl",
                 "architecture=MobileNetV1 outputStride=8,16 "
                 "multiplier=0.50:050,0.75:075 " QUANT_FOLDERS,
                 GCS,
                 "savedmodel/bodypix/mobilenet/{quantBytes}/{multiplier}/"
                 "model-stride{outputStride}.json"},
                {0, "modelUrl",
                 "architecture=MobileNetV1 outputStride=8,16,32 multiplier=1.0:100 " QUANT_FOLDERS,
                 GCS,
                 "savedmodel/bodypix/mobilenet/{quantBytes}/{multiplier}/"
                 "model-stride{outputStride}.json"},
                {0, "modelUrl",
                 "architecture=ResNet50 outputStride=16,32 multiplier=1.0 " QUANT_FOLDERS, GCS,
                 "savedmodel/bodypix/resnet50/{quantBytes}/model-stride{outputStride}.json"},
            },
        .file_count = 3,
    },
    {
        .name = "bodypix-1",
        .alias = "body-pix-1",
        .package = "@tensorflow-models/body-pix 1.1.2",
        .defaults = {"multiplier=0.75"},
        .load = "const net = await bodyPix.load({multiplier});",
        .files = {{0, NULL, "multiplier=0.25:025,0.50:050,0.75:075,1.0:100", GCS,
                   "savedmodel/posenet_mobilenet_{multiplier}_partmap/model.json"}},
        .file_count = 1,
    },
    {
        .name = "posenet",
        .package = "@tensorflow-models/posenet 2.2.2",
        .defaults = {"architecture=MobileNetV1 outputStride=16 multiplier=0.75 quantBytes=4",
                     "architecture=ResNet50 outputStride=16 multiplier=1.0 quantBytes=4"},
        .load = "const net = await posenet.load({options});",
        .files =
            {
                {0, "modelUrl",
                 "architecture=MobileNetV1 outputStride=8,16 "
                 "multiplier=0.50:050,0.75:075 " QUANT_FOLDERS,
                 GCS,
                 "savedmodel/posenet/mobilenet/{quantBytes}/{multiplier}/"
                 "model-stride{outputStride}.json"},
                {0, "modelUrl",
                 "architecture=MobileNetV1 outputStride=8,16,32 multiplier=1.0:100 " QUANT_FOLDERS,
                 GCS,
                 "savedmodel/posenet/mobilenet/{quantBytes}/{multiplier}/"
                 "model-stride{outputStride}.json"},
                {0, "modelUrl",
                 "architecture=ResNet50 outputStride=16,32 multiplier=1.0 " QUANT_FOLDERS, GCS,
                 "savedmodel/posenet/resnet50/{quantBytes}/model-stride{outputStride}.json"},
            },
        .file_count = 3,
    },
    {
        .name = "posenet-1",
        .package = "@tensorflow-models/posenet 1.0.3",
        .defaults = {"multiplier=1.01"},
        .load = "const net = await posenet.load({multiplier});",
        .gone = "it is in the old CheckpointLoader format: one file for each variable, which are "
                "fetched as a page asks for them and not by `pull`",
        .files = {{0, NULL, "multiplier=0.50:050,0.75:075,1.0:100,1.01:101", GCS,
                   "weights/posenet/mobilenet_v1_{multiplier}/manifest.json"}},
        .file_count = 1,
    },
    {
        .name = "mobilenet",
        .package = "@tensorflow-models/mobilenet 2.1.1",
        .defaults = {"version=1 alpha=1.0", "version=2 alpha=1.0"},
        .load = "const model = await mobilenet.load({options});",
        .also = "inputRange: [0, 1]", /* with modelUrl it would be [-1, 1] */
        .gone = HUB_GONE,
        .files =
            {
                {0, "modelUrl", "version=1 alpha=0.25:025,0.50:050,0.75:075,1.0:100", HUB,
                 "google/imagenet/mobilenet_v1_{alpha}_224/classification/1" AS_HUB},
                {0, "modelUrl", "version=2 alpha=0.50:050,0.75:075,1.0:100", HUB,
                 "google/imagenet/mobilenet_v2_{alpha}_224/classification/2" AS_HUB},
            },
        .file_count = 2,
    },
    {
        .name = "mobilenet-1",
        .package = "@tensorflow-models/mobilenet 1.0.0",
        .defaults = {"version=1 alpha=1.0", "version=2 alpha=1.0"},
        .load = "const model = await mobilenet.load({version}, {alpha});",
        .gone = HUB_GONE,
        .files =
            {
                {0, NULL, "version=1 alpha=0.25:025,0.50:050,0.75:075,1.0:100", HUB,
                 "google/imagenet/mobilenet_v1_{alpha}_224/classification/1" AS_HUB},
                {0, NULL, "version=2 alpha=0.50:050,0.75:075,1.0:100", HUB,
                 "google/imagenet/mobilenet_v2_{alpha}_224/classification/2" AS_HUB},
            },
        .file_count = 2,
    },
    {
        .name = "coco-ssd",
        .package = "@tensorflow-models/coco-ssd 2.2.3",
        .defaults = {"base=lite_mobilenet_v2"},
        .load = "const model = await cocoSsd.load({options});",
        .files = {{0, "modelUrl",
                   "base=lite_mobilenet_v2:ssdlite_mobilenet_v2,mobilenet_v1:ssd_mobilenet_v1,"
                   "mobilenet_v2:ssd_mobilenet_v2",
                   GCS, "savedmodel/{base}/model.json"}},
        .file_count = 1,
    },
    {
        .name = "deeplab",
        .package = "@tensorflow-models/deeplab 0.2.2",
        .defaults = {"base=pascal quantizationBytes=2", "base=cityscapes quantizationBytes=2",
                     "base=ade20k quantizationBytes=2"},
        .load = "const model = await deeplab.load({options});",
        .gone = HUB_GONE,
        .files =
            {
                {0, "modelUrl", "base=pascal,cityscapes,ade20k quantizationBytes=4", HUB,
                 "tensorflow/tfjs-model/deeplab/{base}/1/default/1" AS_HUB},
                {0, "modelUrl", "base=pascal,cityscapes,ade20k quantizationBytes=1,2", HUB,
                 "tensorflow/tfjs-model/deeplab/{base}/1/quantized/{quantizationBytes}/1" AS_HUB},
            },
        .file_count = 2,
    },
    {
        .name = "handpose",
        .package = "@tensorflow-models/handpose 0.1.0",
        .load = "const model = await handpose.load();",
        .gone = HUB_GONE,
        .files =
            {
                {0, NULL, "", HUB, "mediapipe/tfjs-model/handskeleton/1/default/1" AS_HUB},
                {1, NULL, "", HUB, "mediapipe/tfjs-model/handdetector/1/default/1" AS_HUB},
                {2, NULL, "", HUB,
                 "mediapipe/tfjs-model/handskeleton/1/default/1/anchors.json?tfjs-format=file"},
            },
        .file_count = 3,
    },
    {
        .name = "facemesh",
        .package = "@tensorflow-models/facemesh 0.0.5",
        .load = "const model = await facemesh.load();",
        .gone = HUB_GONE,
        .files = {{0, NULL, "", HUB, "mediapipe/tfjs-model/facemesh/1/default/1" AS_HUB},
                  {1, NULL, "", HUB, BLAZEFACE}},
        .file_count = 2,
    },
    {
        .name = "face-landmarks-detection",
        .package = "@tensorflow-models/face-landmarks-detection 1.0.6",
        .defaults = {"refineLandmarks=false", "refineLandmarks=true"},
        .load = "const detector = await faceLandmarksDetection.createDetector(\n"
                "  faceLandmarksDetection.SupportedModels.MediaPipeFaceMesh, {options});",
        .also = "runtime: 'tfjs'",
        .gone = HUB_GONE,
        .files =
            {
                {0, "landmarkModelUrl", "refineLandmarks=false:face_mesh,true:attention_mesh", HUB,
                 "mediapipe/tfjs-model/face_landmarks_detection/{refineLandmarks}/1" AS_HUB},
                {1, "detectorModelUrl", "", HUB, FACE_SHORT},
            },
        .file_count = 2,
    },
    {
        .name = "face-landmarks-detection-0",
        .package = "@tensorflow-models/face-landmarks-detection 0.0.3",
        .load = "const model = await faceLandmarksDetection.load(\n"
                "  faceLandmarksDetection.SupportedPackages.mediapipeFacemesh, {options});",
        .gone = HUB_GONE,
        .files =
            {
                {0, "modelUrl", "", HUB, "mediapipe/tfjs-model/facemesh/1/default/1" AS_HUB},
                {1, "detectorModelUrl", "", HUB, BLAZEFACE},
                {2, "irisModelUrl", "", HUB, "mediapipe/tfjs-model/iris/1/default/2" AS_HUB},
            },
        .file_count = 3,
    },
    {
        .name = "face-detection",
        .package = "@tensorflow-models/face-detection 1.0.3",
        .defaults = {"modelType=short", "modelType=full"},
        .load = "const detector = await faceDetection.createDetector(\n"
                "  faceDetection.SupportedModels.MediaPipeFaceDetector, {options});",
        .also = "runtime: 'tfjs'",
        .gone = HUB_GONE,
        .files = {{0, "detectorModelUrl", "modelType=short,full", HUB,
                   "mediapipe/tfjs-model/face_detection/{modelType}/1" AS_HUB}},
        .file_count = 1,
    },
    {
        .name = "movenet",
        .package = "@tensorflow-models/pose-detection 2.1.3",
        .defaults = {"modelType=SinglePose.Lightning"},
        .load = "const detector = await poseDetection.createDetector(\n"
                "  poseDetection.SupportedModels.MoveNet, {options});",
        .gone = HUB_GONE,
        .files = {{0, "modelUrl",
                   "modelType=SinglePose.Lightning:singlepose/lightning/4,"
                   "SinglePose.Thunder:singlepose/thunder/4,"
                   "MultiPose.Lightning:multipose/lightning/1",
                   HUB, "google/tfjs-model/movenet/{modelType}" AS_HUB}},
        .file_count = 1,
    },
    {
        .name = "blazepose",
        .package = "@tensorflow-models/pose-detection 2.1.3",
        .defaults = {"modelType=full"},
        .load = "const detector = await poseDetection.createDetector(\n"
                "  poseDetection.SupportedModels.BlazePose, {options});",
        .also = "runtime: 'tfjs'",
        .gone = HUB_GONE,
        .files =
            {
                {0, "landmarkModelUrl", "modelType=lite,full,heavy", HUB,
                 "mediapipe/tfjs-model/blazepose_3d/landmark/{modelType}/2" AS_HUB},
                {1, "detectorModelUrl", "", HUB,
                 "mediapipe/tfjs-model/blazepose_3d/detector/1" AS_HUB},
            },
        .file_count = 2,
    },
    {
        .name = "hand-pose-detection",
        .package = "@tensorflow-models/hand-pose-detection 2.0.1",
        .defaults = {"modelType=full"},
        .load = "const detector = await handPoseDetection.createDetector(\n"
                "  handPoseDetection.SupportedModels.MediaPipeHands, {options});",
        .also = "runtime: 'tfjs'",
        .gone = HUB_GONE,
        .files =
            {
                {0, "landmarkModelUrl", "modelType=lite,full", HUB,
                 "mediapipe/tfjs-model/handpose_3d/landmark/{modelType}/1" AS_HUB},
                {1, "detectorModelUrl", "modelType=lite,full", HUB,
                 "mediapipe/tfjs-model/handpose_3d/detector/{modelType}/1" AS_HUB},
            },
        .file_count = 2,
    },
    {
        .name = "selfie-segmentation",
        .alias = "body-segmentation",
        .package = "@tensorflow-models/body-segmentation 1.0.2",
        .defaults = {"modelType=general"},
        .load = "const segmenter = await bodySegmentation.createSegmenter(\n"
                "  bodySegmentation.SupportedModels.MediaPipeSelfieSegmentation, {options});",
        .also = "runtime: 'tfjs'",
        .gone = HUB_GONE,
        .files = {{0, "modelUrl", "modelType=general,landscape", HUB,
                   "mediapipe/tfjs-model/selfie_segmentation/{modelType}/1" AS_HUB}},
        .file_count = 1,
    },
    {
        .name = "face-landmarks-mediapipe",
        .alias = "face_mesh",
        .package = "@tensorflow-models/face-landmarks-detection 1.0.6, runtime mediapipe",
        .defaults = {"refineLandmarks=false", "refineLandmarks=true"},
        .load = "const detector = await faceLandmarksDetection.createDetector(\n"
                "  faceLandmarksDetection.SupportedModels.MediaPipeFaceMesh, {options});",
        .also = "runtime: 'mediapipe'",
        .files =
            {
                SOLUTION_FOLDER("refineLandmarks=false,true", FACE_MESH_PACKAGE),
                SOLUTION_PROGRAMS(FACE_MESH_PACKAGE, "face_mesh"),
                SOLUTION_ASSETS(FACE_MESH_PACKAGE, "face_mesh"),
                SOLUTION_FILE(7, "", FACE_MESH_PACKAGE, "face_mesh.binarypb"),
            },
        .file_count = 8,
    },
    {
        .name = "face-detection-mediapipe",
        .package = "@tensorflow-models/face-detection 1.0.3, runtime mediapipe",
        .defaults = {"modelType=short", "modelType=full"},
        .load = "const detector = await faceDetection.createDetector(\n"
                "  faceDetection.SupportedModels.MediaPipeFaceDetector, {options});",
        .also = "runtime: 'mediapipe'",
        .files =
            {
                SOLUTION_FOLDER("modelType=short,full", FACE_DETECTION_PACKAGE),
                SOLUTION_PROGRAMS(FACE_DETECTION_PACKAGE, "face_detection"),
                SOLUTION_FILE(7, "modelType=short,full", FACE_DETECTION_PACKAGE,
                              "face_detection_{modelType}.binarypb"),
                SOLUTION_FILE(8, "modelType=short:short_range,full:full_range_sparse",
                              FACE_DETECTION_PACKAGE, "face_detection_{modelType}.tflite"),
            },
        .file_count = 7,
    },
    {
        .name = "blazepose-mediapipe",
        .package = "@tensorflow-models/pose-detection 2.1.3, runtime mediapipe",
        .defaults = {"modelType=full"},
        .load = "const detector = await poseDetection.createDetector(\n"
                "  poseDetection.SupportedModels.BlazePose, {options});",
        .also = "runtime: 'mediapipe'",
        .files =
            {
                SOLUTION_FOLDER("modelType=lite,full,heavy", POSE_PACKAGE),
                SOLUTION_PROGRAMS(POSE_PACKAGE, "pose"),
                SOLUTION_ASSETS(POSE_PACKAGE, "pose"),
                SOLUTION_FILE(7, "", POSE_PACKAGE, "pose_web.binarypb"),
                SOLUTION_FILE(8, "modelType=lite,full,heavy",
                              POSE_PACKAGE, "pose_landmark_{modelType}.tflite"),
            },
        .file_count = 9,
    },
    {
        .name = "hand-pose-mediapipe",
        .package = "@tensorflow-models/hand-pose-detection 2.0.1, runtime mediapipe",
        .defaults = {"modelType=full"},
        .load = "const detector = await handPoseDetection.createDetector(\n"
                "  handPoseDetection.SupportedModels.MediaPipeHands, {options});",
        .also = "runtime: 'mediapipe'",
        .files =
            {
                SOLUTION_FOLDER("modelType=lite,full", HANDS_PACKAGE),
                SOLUTION_PROGRAMS(HANDS_PACKAGE, "hands"),
                SOLUTION_ASSETS(HANDS_PACKAGE, "hands"),
                SOLUTION_FILE(7, "", HANDS_PACKAGE, "hands.binarypb"),
                SOLUTION_FILE(8, "modelType=lite,full", HANDS_PACKAGE,
                              "hand_landmark_{modelType}.tflite"),
            },
        .file_count = 9,
    },
    {
        .name = "selfie-segmentation-mediapipe",
        .package = "@tensorflow-models/body-segmentation 1.0.2, runtime mediapipe",
        .defaults = {"modelType=general"},
        .load = "const segmenter = await bodySegmentation.createSegmenter(\n"
                "  bodySegmentation.SupportedModels.MediaPipeSelfieSegmentation, {options});",
        .also = "runtime: 'mediapipe'",
        .files =
            {
                SOLUTION_FOLDER("modelType=general,landscape", SELFIE_PACKAGE),
                SOLUTION_PROGRAMS(SELFIE_PACKAGE, "selfie_segmentation"),
                SOLUTION_FILE(7, "", SELFIE_PACKAGE, "selfie_segmentation.binarypb"),
                SOLUTION_FILE(8,
                              "modelType=general:selfie_segmentation,"
                              "landscape:selfie_segmentation_landscape",
                              SELFIE_PACKAGE, "{modelType}.tflite"),
            },
        .file_count = 7,
    },
    {
        .name = "depth-estimation",
        .package = "@tensorflow-models/depth-estimation 0.0.4",
        .load = "const estimator = await depthEstimation.createEstimator(\n"
                "  depthEstimation.SupportedModels.ARPortraitDepth, {options});",
        .gone = HUB_GONE,
        .files =
            {
                {0, "depthModelUrl", "", HUB, "tensorflow/tfjs-model/ar_portrait_depth/1" AS_HUB},
                {1, "segmentationModelUrl", "", HUB,
                 "mediapipe/tfjs-model/selfie_segmentation/general/1" AS_HUB},
            },
        .file_count = 2,
    },
    {
        .name = "blazeface",
        .package = "@tensorflow-models/blazeface 0.1.0",
        .load = "const model = await blazeface.load({options});",
        .gone = HUB_GONE,
        .files = {{0, "modelUrl", "", HUB, BLAZEFACE}},
        .file_count = 1,
    },
    {
        .name = "speech-commands",
        .package = "@tensorflow-models/speech-commands 0.5.4",
        .defaults = {"vocabulary=18w"},
        .load =
            "const recognizer = speechCommands.create('BROWSER_FFT', null,\n  '{0}',\n  '{1}');",
        .files =
            {
                {0, "customModelArtifactsOrURL", "vocabulary=18w,directional4w", GCS,
                 "tfjs/speech-commands/v0.5/browser_fft/{vocabulary}/model.json"},
                {1, "customMetadataOrURL", "vocabulary=18w,directional4w", GCS,
                 "tfjs/speech-commands/v0.5/browser_fft/{vocabulary}/metadata.json"},
            },
        .file_count = 2,
    },
    {
        .name = "toxicity",
        .package = "@tensorflow-models/toxicity 1.2.2",
        .load = "const model = await toxicity.load();",
        .gone = HUB_GONE,
        .files = {{0, NULL, "", HUB, "tensorflow/tfjs-model/toxicity/1/default/1" AS_HUB},
                  {1, NULL, "", GCS, USE_VOCAB}},
        .file_count = 2,
    },
    {
        .name = "universal-sentence-encoder",
        .alias = "use",
        .package = "@tensorflow-models/universal-sentence-encoder 1.3.3",
        .load = "const model = await use.load({options});",
        .gone = HUB_GONE,
        .files =
            {
                {0, "modelUrl", "", HUB,
                 "tensorflow/tfjs-model/universal-sentence-encoder-lite/1/default/1" AS_HUB},
                {1, "vocabUrl", "", GCS, USE_VOCAB},
            },
        .file_count = 2,
    },
    {
        .name = "use-qna",
        .package = "@tensorflow-models/universal-sentence-encoder 1.3.3",
        .load = "const model = await use.loadQnA();",
        .gone = HUB_GONE,
        .files =
            {
                {0, NULL, "", HUB,
                 "google/tfjs-model/universal-sentence-encoder-qa-ondevice/1" AS_HUB},
                {1, NULL, "", HUB,
                 "google/tfjs-model/universal-sentence-encoder-qa-ondevice/1/"
                 "vocab.json?tfjs-format=file"},
            },
        .file_count = 2,
    },
    {
        .name = "qna",
        .alias = "mobilebert",
        .package = "@tensorflow-models/qna 1.0.2",
        .load = "const model = await qna.load({options});",
        .gone = HUB_GONE,
        .files =
            {
                {0, "modelUrl", "", HUB, "tensorflow/tfjs-model/mobilebert/1" AS_HUB},
                {1, NULL, "", HUB,
                 "tensorflow/tfjs-model/mobilebert/1/processed_vocab.json?tfjs-format=file"},
            },
        .file_count = 2,
    },
};

const size_t catalog_entry_count = COUNT_OF(catalog_entries);
