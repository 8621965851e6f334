"""Writes the CSV of face boxes that `deno task prepare --boxes` reads, with MediaPipe's face detector.

    pip install mediapipe==0.10.21          # the detector's weights are in the package
    python tools/face_boxes.py FOLDER_OF_VIDEOS boxes.csv [frames of each video, 64]

Any other detector will do, as long as one and the same makes the boxes of both classes. A line is a face of a frame:
video (its path below the folder), frame (from 0), x, y, w, h (pixels, from the top left).
"""

import csv
import os
import sys

import cv2
import mediapipe

root, out = sys.argv[1:3]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 64
suffixes = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
videos = sorted(
    os.path.join(folder, name)
    for folder, _, names in os.walk(root)
    for name in names
    if name.lower().endswith(suffixes) and "masks" not in folder.split(os.sep)
)
# Model 1 is for faces up to five metres away; model 0, for selfies, misses smaller ones.
detector = mediapipe.solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.5)

with open(out, "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["video", "frame", "x", "y", "w", "h"])
    for at, path in enumerate(videos):
        film = cv2.VideoCapture(path)
        total = max(1, int(film.get(cv2.CAP_PROP_FRAME_COUNT)))
        wanted = {i * (total - 1) // max(1, count - 1) for i in range(count)}
        faces = 0
        frame = 0
        while True:
            if not film.grab():
                break
            if frame in wanted:
                read, image = film.retrieve()
                found = detector.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).detections if read else None
                for each in found or []:
                    box = each.location_data.relative_bounding_box
                    height, width = image.shape[:2]
                    place = [box.xmin * width, box.ymin * height, box.width * width, box.height * height]
                    rows.writerow([os.path.relpath(path, root), frame, *(round(value, 1) for value in place)])
                    faces += 1
            frame += 1
        print(f"{at + 1}/{len(videos)} {os.path.relpath(path, root)}: {faces} faces in {min(len(wanted), frame)} frames")
