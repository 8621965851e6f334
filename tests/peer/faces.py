"""Writes photographs with and without faces, and what facenet-pytorch finds in them; or times it.

usage: faces.py write PHOTOGRAPHS FOLDER [SEED]     needs: pillow numpy; PHOTOGRAPHS is scikit-image's folder `data`
       faces.py find FOLDER LEAST_SIDE              needs: facenet-pytorch 2.6.0
       faces.py time LEAST_SIDE CALLS IMAGE...
write: photographs alone and with faces of several sizes pasted in, NAME.png; without a seed a few small ones, NAME.jpg, the same always.
find: FOLDER/expected.json, by name the faces above 0.7: `box` (x, y, width, height), `score`, `landmarks5` (x, y of five points).
time: prints the seconds of each call as JSON, after one that does not count; the images are one batch.
"""
import json
import random
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

# In scikit-image's astronaut (Eileen Collins, NASA, public domain): the head, and the height of the face that the detector finds.
HEAD, FACE = (125, 0, 325, 230), 110


def write(photographs, folder, seed=None):
    load = lambda name: Image.open(photographs / name).convert("RGB")
    choose = random.Random(seed)
    astronaut = load("astronaut.png")

    def paste(scene, faces):
        for height, x, y, angle in faces:
            scale = height / FACE
            head = astronaut.crop(HEAD)
            head = head.resize((round(head.width * scale), round(head.height * scale)), Image.BILINEAR)
            scene.paste(head.rotate(angle, Image.BILINEAR, fillcolor=(128, 128, 128)), (x, y))
        return scene

    if seed is None:
        save = lambda name, image: image.save(folder / f"{name}.jpg", quality=90)
        save("astronaut", astronaut.resize((256, 256), Image.LANCZOS))
        save("several", paste(load("rocket.jpg").resize((480, 320)), [(80, 20, 90, 0), (55, 200, 30, 8), (40, 330, 180, -5)]))
        save("edge", astronaut.crop((195, 80, 323, 208)))
        save("none", load("coffee.png").resize((300, 200)))
        return
    save = lambda name, image: image.save(folder / f"{name}.png")
    for name in ("astronaut", "camera", "coins", "text", "page", "rocket", "coffee", "chelsea", "motorcycle_left"):
        save(name, load(name + (".jpg" if name == "rocket" else ".png")))
    for i in range(6):
        side = (choose.randint(380, 900), choose.randint(300, 700))
        faces = [(choose.randint(36, 120), x, choose.randint(0, side[1] - 260), choose.uniform(-20, 20)) for x in range(0, side[0] - 230, 230)]
        save(f"pasted_{i}", paste(load(choose.choice(["coffee.png", "rocket.jpg", "gravel.png", "coins.png"])).resize(side), faces))


def detector(least_side):
    from facenet_pytorch import MTCNN

    return MTCNN(keep_all=True, min_face_size=least_side, device="cpu")


def find(folder, least_side):
    found = {}
    for path in sorted([*folder.glob("*.png"), *folder.glob("*.jpg")]):
        boxes, scores, points = detector(least_side).detect(Image.open(path).convert("RGB"), landmarks=True)
        found[path.stem] = [] if boxes is None else [
            {"box": [*map(float, (box[0], box[1], box[2] - box[0], box[3] - box[1]))], "score": float(score), "landmarks5": point.flatten().tolist()}
            for box, score, point in zip(boxes, scores, points)
        ]
    rounded = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 5))
    (folder / "expected.json").write_text(json.dumps({"leastSide": least_side, "faces": rounded}, indent=1))


def timed(least_side, calls, paths):
    import torch

    images = torch.as_tensor(np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths]))
    mtcnn, seconds = detector(least_side), []
    for _ in range(calls + 1):
        began = time.perf_counter()
        mtcnn.detect(images, landmarks=True)
        seconds.append(time.perf_counter() - began)
    print(json.dumps(seconds[1:]))


what, *rest = sys.argv[1:]
if what == "write":
    write(Path(rest[0]), Path(rest[1]), *rest[2:])
elif what == "find":
    find(Path(rest[0]), int(rest[1]))
else:
    timed(int(rest[0]), int(rest[1]), rest[2:])
