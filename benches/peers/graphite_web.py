#!/usr/bin/env python3
"""graphite-web and kymo, one after the other, answering what dashboards ask, each inside one process.

    conformance/peers/install && benches/peers/graphite_web.py

A thousand series of a day (10s:2d) and 99,000 names with one point each: whisper files for graphite-web, which is asked through
Django's own request handler with its caches off; the slab store for kymo, which `cargo run --release -p benches graphite` asks
through its router. CPU time of the process a request, the least of several rounds; what has to come back is counted. Prints a row of
both figures and their ratio for each request.
"""
import os, pathlib, struct, subprocess, sys, tempfile, time, urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = ROOT / "target/peers/venv/bin/python"
BEGUN, STEP, DAY = 1_700_006_400, 10, 86_400
NOW = BEGUN + DAY
MASK = (1 << 64) - 1


def day_name(i):
    return f"servers.h{i:04}.cpu.user"


def further_name(i):
    return f"a.b.c{i:02}" if i < 37 else f"r{i % 10}.h{i // 10 % 30:02}.p{i // 300 % 30:02}.v{i // 9000:03}"


def value(series, slot):
    """As benches/src/graphite.rs makes it: seventeen digits."""
    state = (series * 8_640 + slot + 1) * 0x9E3779B97F4A7C15 & MASK
    state ^= state >> 29
    state = state * 0xBF58476D1CE4E5B9 & MASK
    state ^= state >> 32
    return (state >> 11) / (1 << 53) * 100.0


def write_tree(tree, whisper):
    """Whole files for the day's series; sparse ones for the names, or they would take 20 GB."""
    points = 2 * DAY // STEP
    for i in range(1000):
        path = tree / (day_name(i).replace(".", "/") + ".wsp")
        path.parent.mkdir(parents=True, exist_ok=True)
        whisper.create(str(path), [(STEP, points)], xFilesFactor=0.5)
        packed = b"".join(struct.pack("!Ld", NOW - (8640 - slot) * STEP, value(i, slot)) for slot in range(1, 8641))
        with open(path, "r+b") as file:
            file.seek(28)
            file.write(packed)
    for i in range(99_000):
        path = tree / (further_name(i).replace(".", "/") + ".wsp")
        path.parent.mkdir(parents=True, exist_ok=True)
        whisper.create(str(path), [(STEP, points)], xFilesFactor=0.5, sparse=True)
        with open(path, "r+b") as file:
            file.seek(28)
            file.write(struct.pack("!Ld", NOW, 1.0))


def configure(folder):
    sys.path.insert(0, str(folder))
    (folder / "bench_settings.py").write_text(
        "from graphite.settings import *\n"
        f"SECRET_KEY = 'bench'\nWHISPER_DIR = {str(folder / 'whisper')!r}\nSTANDARD_DIRS = [WHISPER_DIR]\n"
        f"STORAGE_DIR = LOG_DIR = INDEX_FILE = {str(folder)!r}\nINDEX_FILE = {str(folder / 'index')!r}\n"
        f"DATABASES = {{'default': {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': {str(folder / 'graphite.db')!r}}}}}\n"
        "ALLOWED_HOSTS = ['*']\nCARBONLINK_HOSTS = []\nDEBUG = False\nREMOTE_RENDER_CONNECT_TIMEOUT = 1\nTAGDB = None\n"
        "FIND_CACHE_DURATION = 0\nFIND_TOLERANCE = 2 * FIND_CACHE_DURATION\nDEFAULT_CACHE_DURATION = 0\n"
    )
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench_settings"


def render(targets, more="&format=json&from=-1d"):
    told = "&".join("target=" + urllib.parse.quote(target) for target in targets)
    return f"/render/?{told}{more}&noCache=1&now={NOW}"


def rows():
    four = "r*.h1?.p2{1,2}.v0*3"
    of_four = sum(
        1
        for i in range(99_000)
        if (n := further_name(i)).startswith("r") and ".h1" in n and (".p21." in n or ".p22." in n) and n.endswith("3")
    )
    pictured = render([day_name(i) for i in range(10)], "&from=-10000s&width=800&height=400")
    points = DAY // STEP - 1
    return [
        ("json_one_series_one_day", render([day_name(7)]), b"], [", points, 5),
        ("json_100_series_one_day", render(["servers.h00??.cpu.user"]), b"], [", 100 * points, 2),
        ("sum_of_1000_one_day", render(["sumSeries(servers.*.cpu.user)"]), b"], [", points, 2),
        ("find_37_names", "/metrics/find/?query=a.b.*", b'"id"', 37, 20),
        ("glob_over_four_levels", "/metrics/expand/?query=" + urllib.parse.quote(four), b".v", of_four, 5),
        ("all_names_as_json", "/metrics/index.json", b", ", 99_999, 2),
        ("png_10_series_1000_points", pictured, b"PNG", 1, 5),
    ]


def graphite_web(folder):
    """Runs in the interpreter that graphite-web is installed in; prints a line a row."""
    import whisper

    tree = folder / "whisper"
    tree.mkdir()
    write_tree(tree, whisper)
    configure(folder)
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    call_command("migrate", verbosity=0)

    client = Client()
    for name, address, mark, marks, rounds in rows():
        least = float("inf")
        for _ in range(rounds + 1):
            before = time.process_time()
            answer = client.get(address)
            body = answer.content
            least = min(least, time.process_time() - before)
            assert answer.status_code == 200, (name, answer.status_code, body[:500])
            assert body.count(mark) == marks, (name, body.count(mark), marks, body[:200])
        print(f"graphite-web {name} {least * 1000:.3f}", flush=True)


def ours():
    command = ["cargo", "run", "--quiet", "--release", "-p", "benches", "graphite"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    fields = [line.split() for line in out.splitlines() if line.startswith("bench graphite/")]
    return {line[1].removeprefix("graphite/"): float(line[2]) for line in fields}


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--graphite-web":
        return graphite_web(pathlib.Path(sys.argv[2]))
    if not PYTHON.exists():
        sys.exit("graphite-web is not installed: run conformance/peers/install")
    kymo = ours()
    with tempfile.TemporaryDirectory() as folder:
        command = [PYTHON, __file__, "--graphite-web", folder]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{'CPU ms a request':28} {'kymo':>10} {'graphite-web':>13} {'ratio':>8}")
    for line in out.splitlines():
        _, name, ms = line.split()
        print(f"{name:28} {kymo[name]:10.3f} {float(ms):13.3f} {float(ms) / kymo[name]:7.1f}x")


if __name__ == "__main__":
    main()
