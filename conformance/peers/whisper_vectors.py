"""Makes further whisper vectors in the recorded form, by doing random things to files with the real library.

    whisper_vectors.py SEED COUNT > whisper.jsonl
"""
import hashlib
import json
import math
import os
import random
import runpy
import struct
import sys
import tempfile
import time

import whisper

NOW = 1700000000
ARCHIVES = [
    [[60, 120]],
    [[1, 60], [10, 60], [60, 60]],
    [[10, 36], [60, 30], [600, 24]],
    [[10, 12], [20, 12], [120, 10], [1200, 6]],
    [[7, 20], [49, 30]],
    [[1, 300], [300, 10]],
]
METHODS = ["average", "sum", "last", "max", "min", "avg_zero", "absmax", "absmin"]
FACTORS = [0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 1.0]


def number(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "0x%016x" % struct.unpack("!Q", struct.pack("!d", value))[0]
    return value


def value(rnd):
    if rnd.random() < 0.1:
        return rnd.choice([0.0, -0.0, math.nan, math.inf, -math.inf, 5e-324, 1e16, 1.7976931348623157e308, 0.1])
    return rnd.choice([float(rnd.randrange(100)), rnd.uniform(-5, 5), round(rnd.uniform(-100, 100), 3)])


class Maker:
    def __init__(self, rnd, folder):
        self.rnd, self.folder, self.path, self.now = rnd, folder, os.path.join(folder, "a.wsp"), NOW
        time.time = lambda: self.now

    def step(self, path, op, action, **step):
        try:
            step["result"] = action(path)
        except Exception as error:
            step["result"] = {"error": type(error).__name__}
        if os.path.exists(path):
            with open(path, "rb") as file:
                step["sha256"] = hashlib.sha256(file.read()).hexdigest()
        return {"op": op, **step}

    def create(self, path, archives=None, agg=None):
        archives = archives or self.rnd.choice(ARCHIVES)
        agg, xff = agg or self.rnd.choice(METHODS), self.rnd.choice(FACTORS)
        self.longest = max(a * b for a, b in archives)
        self.archives = archives
        extra = self.rnd.choice([{}, {}, {"sparse": True}, {"fallocate": True}])

        def do(path):
            whisper.create(path, [tuple(a) for a in archives], xff, agg, extra.get("sparse", False), extra.get("fallocate", False))

        return self.step(path, "create", do, archives=archives, xff=xff, agg=agg, **extra)

    def at(self, ahead=0):
        rnd = self.rnd
        reach = rnd.choice([self.archives[0][0] * self.archives[0][1], self.longest])
        return self.now - rnd.randrange(-ahead, reach + 5)

    def update(self, path):
        at, v, now = self.at(2), value(self.rnd), self.now

        def do(path):
            whisper.update(path, v, at, now)

        return self.step(path, "update", do, ts=at, value=number(v), now=now)

    def update_many(self, path, ahead=0):
        rnd, now = self.rnd, self.now
        count = rnd.choice([1, 3, 10, 40, 120])
        if rnd.random() < 0.4:
            start, step = self.at(ahead), self.archives[0][0]
            points = [(start + i * step, value(rnd)) for i in range(count)]
            points = [p for p in points if p[0] <= now + ahead]
        else:
            points = [(self.at(ahead), value(rnd)) for _ in range(count)]
        if rnd.random() < 0.5:
            rnd.shuffle(points)

        def do(path):
            whisper.update_many(path, list(points), now)

        return self.step(path, "update_many", do, points=[[t, number(v)] for t, v in points], now=now)

    def fetch(self, path):
        rnd, now = self.rnd, self.now
        start = self.at(20)
        until = rnd.choice([None, now, start, start + rnd.randrange(self.longest), self.at(20)])
        archive = rnd.choice([None, None, None, str(rnd.choice(self.archives)[0]), "%ds" % rnd.choice(self.archives)[0], "37"])

        def do(path):
            fetched = whisper.fetch(path, start, until, now, archive)
            if fetched is None:
                return None
            (a, b, step), values = fetched
            return {"start": a, "end": b, "step": step, "values": [number(v) for v in values]}

        return self.step(path, "fetch", do, **{"from": start, "until": until, "now": now, "archive": archive})

    def info(self, path):
        return self.step(path, "info", whisper.info)

    def set_xff(self, path):
        xff = self.rnd.choice(FACTORS + [1.5, -0.1])
        return self.step(path, "set_xff", lambda path: whisper.setXFilesFactor(path, xff), xff=xff)

    def set_agg(self, path):
        agg = self.rnd.choice(METHODS + ["median"])
        return self.step(path, "set_agg", lambda path: whisper.setAggregationMethod(path, agg), agg=agg)

    def source(self, alike):
        path = os.path.join(self.folder, "source.wsp")
        if os.path.exists(path):
            os.unlink(path)
        archives = self.archives
        steps = [self.create(path, archives if alike else None)]
        steps += [self.update_many(path) for _ in range(self.rnd.randrange(4))]
        return path, steps, archives

    def other(self, path, op):
        rnd, now = self.rnd, self.now
        longest = self.longest
        source, steps, archives = self.source(op == "fill" or rnd.random() < 0.85)
        self.archives, self.longest = archives, longest
        step = {"src": steps, "now": now}
        if op == "merge":
            step["from"] = rnd.choice([None, None, self.at()])
            step["until"] = rnd.choice([None, None, self.at()])

            def do(path):
                whisper.merge(source, path, step["from"], step["until"], now)
        elif op == "diff":
            step["ignore_empty"] = rnd.random() < 0.5

            def do(path):
                found = whisper.diff(source, path, step["ignore_empty"], None, now)
                return [[a, [[t, number(x), number(y)] for t, x, y in points], n] for a, points, n in found]
        else:
            def do(path):
                run("whisper-fill.py", source, path)

        return self.step(path, op, do, **step)

    def resize(self, path):
        rnd = self.rnd
        args = rnd.choice([["10s:1h", "1m:1d"], ["60:300"], ["1s:2m", "10s:30m", "60s:2h"], ["30s:1h", "5m:1d", "1h:7d"]])[:]
        args += ["--nobackup"] if rnd.random() < 0.5 else []
        args += ["--aggregate"] if rnd.random() < 0.5 else []
        args += ["--xFilesFactor=0.25", "--aggregationMethod=max"] if rnd.random() < 0.3 else []

        def do(path):
            run("whisper-resize.py", path, *args)
            return 0

        step = self.step(path, "resize", do, args=args, now=self.now)
        self.archives = [list(whisper.parseRetentionDef(a)) for a in args if not a.startswith("--")]
        self.longest = max(a * b for a, b in self.archives)
        for left in (".bak", ".tmp"):
            if os.path.exists(path + left):
                os.unlink(path + left)
        return step

    def vector(self, group):
        rnd, path = self.rnd, self.path
        steps = [self.create(path)]
        ahead = 900 if group == "future" else 0
        for _ in range(rnd.randrange(2, 9)):
            self.now += rnd.choice([0, 0, 1, 7, 60, 1000, self.longest])
            steps.append(rnd.choice([self.update, self.fetch, lambda p: self.update_many(p, ahead), lambda p: self.update_many(p, ahead)])(path))
            if group == "meta":
                steps.append(rnd.choice([self.set_xff, self.set_agg, self.info, self.create])(path))
        if group in ("merge", "fill", "diff"):
            steps += [self.other(path, group) for _ in range(2)]
        if group == "resize":
            steps += [self.resize(path), self.fetch(path), self.update(path), self.update_many(path)]
        steps += [self.fetch(path) for _ in range(3)]
        with open(path, "rb") as file:
            return {"steps": steps, "sha256": hashlib.sha256(file.read()).hexdigest()}


def run(script, *args):
    """A tool inside this process, its output dropped."""
    out, argv = sys.stdout, sys.argv
    sys.stdout, sys.argv = open(os.devnull, "w"), [script, *args]
    try:
        runpy.run_path(os.path.join(os.path.dirname(sys.executable), script), run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.stdout.close()
        sys.stdout, sys.argv = out, argv


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    rnd = random.Random(seed)
    for i in range(count):
        group = rnd.choice(["fuzz", "fuzz", "future", "meta", "merge", "fill", "diff", "resize"])
        with tempfile.TemporaryDirectory() as folder:
            vector = Maker(rnd, folder).vector(group)
        print(json.dumps({"id": "%d-%d-%s" % (seed, i, group), "group": group, **vector}))


main()
