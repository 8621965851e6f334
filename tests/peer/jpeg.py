"""Times libjpeg-turbo decoding JPEGs that are in memory, on as many threads as there are cores, each into a buffer of its own.

usage: jpeg.py PATH…     needs: simplejpeg numpy
All pictures are of the same size. Says {"simplejpeg": VERSION} when it is ready; then reads one JSON object a line: {"calls": N} answers
{"seconds": [...]}, one for each pass over all files. It decodes as Pillow does: accurate inverse DCT, chroma smoothed.
"""
import concurrent.futures
import json
import os
import sys
import threading
import time
from importlib.metadata import version

import numpy as np
import simplejpeg

files = [open(path, "rb").read() for path in sys.argv[1:]]
height, width = simplejpeg.decode_jpeg_header(files[0])[:2]
own = threading.local()


def decode(file):
    if not hasattr(own, "pixels"):
        own.pixels = np.empty((height, width, 3), np.uint8)
    simplejpeg.decode_jpeg(file, "RGB", fastdct=False, fastupsample=False, buffer=own.pixels)


pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())  # it decodes without Python's lock
list(pool.map(decode, files))
print(json.dumps({"simplejpeg": version("simplejpeg")}), flush=True)
for line in sys.stdin:
    seconds = []
    for _ in range(json.loads(line)["calls"]):
        began = time.perf_counter()
        list(pool.map(decode, files))
        seconds.append(time.perf_counter() - began)
    print(json.dumps({"seconds": seconds}), flush=True)
