"""Writes what scikit-image, OpenCV and NumPy make of points and images drawn from a seed.

usage: align.py FOLDER SEED COUNT     needs: scikit-image, opencv-python-headless
cases.json: `similar`: pairs of point sets with SimilarityTransform's matrix; `robust`: five points each with estimateAffinePartial2D's by
least median of squares; `warped`: a PNG each, made of source.png by warpAffine with a matrix; `aligned`: a PNG each, made of source.png by
the geometry of a name; `sharpness`: the variance of the Laplacian of a PNG's grey; `arrays`: np.save's bytes in base64.
source.png is a part of scikit-image's astronaut (NASA, public domain).
"""
import base64
import io
import json
import sys
from pathlib import Path

import cv2
import numpy as np
from skimage import data
from skimage.transform import SimilarityTransform

folder, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
draw = np.random.default_rng(seed)
source = np.ascontiguousarray(data.astronaut()[40:200, 150:310])
# Read off the picture: both eyes, the nose, both corners of the mouth.
face = np.array([[51.7, 60.7], [97.3, 63.0], [75.0, 83.3], [56.0, 103.3], [93.3, 102.7]])
insight_face = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]) / 112
gend = np.array([[0.34, 0.46], [0.66, 0.46], [0.5, 0.64], [0.37, 0.82], [0.63, 0.82]])


def save(name, image):
    cv2.imwrite(str(folder / name), image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    return name


def umeyama(points, to):
    return SimilarityTransform.from_estimate(points, to).params[:2]


def median(points, to):
    return cv2.estimateAffinePartial2D(np.float32(points), np.float32(to), method=cv2.LMEDS)[0]


def flat(array):
    return np.asarray(array, np.float64).ravel().tolist()


def similar(n):
    points = draw.normal(size=(n, 2)) * draw.choice([0.01, 1, 300]) + draw.normal(size=2) * 500
    return {"from": flat(points), "to": flat(to := draw.normal(size=(n, 2)) * 40 + 100), "matrix": flat(umeyama(points, to))}


def robust(noise):
    points = np.float32((gend * 200 + draw.normal(size=(5, 2)) * noise) @ [[0.8, 0.3], [-0.3, 0.8]] + 50)
    to = np.float32(gend * 256)
    return {"from": flat(points), "to": flat(to), "matrix": flat(median(points, to))}


def warped(i):
    scale, angle = draw.uniform(0.3, 2), draw.uniform(-np.pi, np.pi)
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    width, height = map(int, draw.integers(40, 120, 2))
    # The source's middle comes near to the result's.
    x, y = np.array([width, height]) / 2 + draw.uniform(-30, 30, 2) - np.array([[a, -b], [b, a]]) @ [80, 80]
    matrix = np.array([[a, -b, x], [b, a, y]])
    return {"file": save(f"warped_{i}.png", cv2.warpAffine(source, matrix, (width, height))), "matrix": flat(matrix)}


def aligned(i, name, size, scale):
    points = np.float32(face + draw.normal(size=(5, 2)))
    template, transform = {"similarity": (insight_face, umeyama), "deepfakebench": (insight_face, umeyama), "gend": (gend, median)}[name]
    own = size is None
    if own:
        pairs = np.triu_indices(5, 1)
        apart = [np.linalg.norm(each[:, None] - each[None], axis=-1)[pairs] for each in (points, template)]
        size = int(np.round(np.mean(apart[0] / apart[1]) * scale))
    to = (template * size + size * (scale - 1) / 2) / scale
    image = cv2.warpAffine(source, transform(points, to), (size, size), flags=cv2.INTER_LINEAR)
    return {"file": save(f"{name}_{size}_{i}.png", image), "alignment": name, "size": None if own else size, "scale": scale, "landmarks5": flat(points)}


def sharpness(i):
    crop = source[int(draw.integers(0, 60)) :, int(draw.integers(0, 60)) :]
    crop = np.ascontiguousarray(cv2.GaussianBlur(crop, (0, 0), 0.5 + 2 * i / count))
    return {
        "file": save(f"blurred_{i}.png", crop),
        "variance": float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var()),
    }


def array(n, kind):
    points = (draw.normal(size=(n, 2)) * 100).astype(kind)
    np.save(file := io.BytesIO(), points)
    return {"type": kind, "points": flat(points), "bytes": base64.b64encode(file.getvalue()).decode()}


save("source.png", source)
cases = {
    "similar": [similar(n) for n in (2, 3, 5, 5, 68) for _ in range(count)],
    "robust": [robust(noise) for noise in (0, 1, 8, 20) for _ in range(5 * count)],
    "warped": [warped(i) for i in range(count)],
    "aligned": [
        aligned(i, *each)
        for i in range(max(1, count // 2))
        for each in (("similarity", 112, 1.0), ("deepfakebench", 96, 1.3), ("gend", None, 1.3), ("gend", 80, 1.6))
    ],
    "sharpness": [sharpness(i) for i in range(count)],
    "arrays": [array(n, kind) for n in (5, 68, 81) for kind in ("int64", "float32")],
}
(folder / "cases.json").write_text(json.dumps(cases))
