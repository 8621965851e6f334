"""Writes the CSV of face boxes that `deno task prepare --boxes` reads, with MediaPipe's face detector.

    pip install mediapipe==0.10.21          # the detector's weights are in the package
    python tools/face_boxes.py FOLDER_OF_VIDEOS boxes.csv [frames of each video, 64]

Any other detector will do, as long as one and the same makes the boxes of both classes. A line is a face of a frame:
video (its path below the folder), frame (from 0), x, y, w, h (pixels, from the top left), and the frame's width and height.

Frames are turned as the file says, as ffmpeg gives them, and not as OpenCV does, whose versions and backends differ.
"""

import csv
import os
import sys

import cv2

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v")
TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def find_videos(root):
    """The paths of the videos below a folder, in order."""
    return sorted(
        os.path.join(folder, name)
        for folder, _, names in os.walk(root)
        for name in names
        if name.lower().endswith(SUFFIXES) and "masks" not in folder.split(os.sep)
    )


def open_video(path):
    """A video whose frames OpenCV leaves unturned, and the turn that its file asks for; None: no turn."""
    film = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
    film.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    if film.get(cv2.CAP_PROP_ORIENTATION_AUTO) != 0:
        sys.exit("Cannot read frames unturned: expected an OpenCV of 4.5.2 or newer with FFmpeg; pip install -U opencv-python")
    return film, TURNS.get(round(film.get(cv2.CAP_PROP_ORIENTATION_META)) % 360)


def count_frames(path):
    """How many frames there are to read: what the file claims may be wrong."""
    film, _ = open_video(path)
    count = 0
    while film.grab():
        count += 1
    return count


def frames_of(path, wanted):
    """The number and the image of `wanted` evenly spaced frames, as ffmpeg gives them."""
    total = count_frames(path)
    numbers = {i * (total - 1) // max(1, wanted - 1) for i in range(wanted)}
    film, turn = open_video(path)
    for number in range(total):
        if not film.grab():
            return
        if number in numbers:
            read, image = film.retrieve()
            if read:
                yield number, image if turn is None else cv2.rotate(image, turn)


def mediapipe_detector():
    """A function of an RGB image that gives boxes [x, y, w, h] in pixels."""
    import mediapipe

    # Model 1 is for faces up to five metres away; model 0, for selfies, misses smaller ones.
    detector = mediapipe.solutions.face_detection.FaceDetection(model_selection=1, min_detection_confidence=0.5)

    def detect(image):
        height, width = image.shape[:2]
        boxes = [each.location_data.relative_bounding_box for each in detector.process(image).detections or []]
        return [[box.xmin * width, box.ymin * height, box.width * width, box.height * height] for box in boxes]

    return detect


def write_boxes(root, out, count, detect):
    """Writes the boxes that `detect` finds in `count` frames of each video below `root`."""
    videos = find_videos(root)
    unfinished = f"{out}.part"
    with open(unfinished, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "frame", "x", "y", "w", "h", "width", "height"])
        for at, path in enumerate(videos):
            faces = seen = 0
            for number, image in frames_of(path, count):
                seen += 1
                height, width = image.shape[:2]
                for place in detect(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)):
                    place = [round(value, 1) for value in place]
                    rows.writerow([os.path.relpath(path, root), number, *place, width, height])
                    faces += 1
            print(f"{at + 1}/{len(videos)} {os.path.relpath(path, root)}: {faces} faces in {seen} frames")
    os.replace(unfinished, out)


if __name__ == "__main__":
    write_boxes(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 64, mediapipe_detector())
