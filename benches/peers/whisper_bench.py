"""Microseconds of an update, of an hour's and a day's fetch from whisper files, warm and cold: whisper_bench.py FOLDER FILES ROUNDS."""
import os
import sys
import time

import whisper

BEGUN, STEP, DAY = 1700006400, 10, 86400


def forget(path):
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def timed(work):
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1e6


def main():
    folder, files, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    paths = [os.path.join(folder, "s%d.wsp" % i) for i in range(files)]
    now = BEGUN + DAY
    for path in paths:
        whisper.create(path, [(10, 60480), (60, 43200), (600, 52560)], sparse=True)
        whisper.update_many(path, [(BEGUN + i * STEP, float(i)) for i in range(DAY // STEP)], now=now)

    def update(at):
        for path in paths:
            whisper.update(path, float(at), at, now=at)

    def fetch(i, secs):
        return timed(lambda: whisper.fetch(paths[i * 7919 % files], now - secs, now - STEP, now=now))

    def cold(i, secs):
        forget(paths[i * 7919 % files])
        return fetch(i, secs)

    print("update", *[timed(lambda: update(now + r * STEP)) / files for r in range(rounds)])
    print("hour_warm", *[min(fetch(i, 3600), fetch(i, 3600)) for i in range(rounds)])
    print("hour_cold", *[cold(i, 3600) for i in range(rounds)])
    print("day_cold", *[cold(i, DAY) for i in range(rounds)])


main()
