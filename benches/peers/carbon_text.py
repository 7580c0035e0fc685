#!/usr/bin/env python3
"""The real carbon-cache and kymo, one after the other, as processes, taking points as carbon text over one connection.

    cargo build --release && conformance/peers/install && benches/peers/carbon_text.py [kymo|carbon]

100,000 series are created with one point each, then 10 points of each are sent as fast as they are taken, then one of each every
10 s for a minute. CPU time is of the process; a phase is over when it has come to rest. `seen` is how long after the first byte the
last of the new series can be read: from kymo's /render, from carbon's file. What was stored is counted: files of carbon, values
of a thousand series of kymo. kymo syncs every 10 s; carbon, as it comes, never does.
"""
import json, os, pathlib, signal, socket, subprocess, sys, tempfile, time, urllib.parse, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERIES, BULK, LIVE, STEP = 100_000, 10, 6, 10
TICK = os.sysconf("SC_CLK_TCK")
NAMES = [f"fleet.ward{i % 97:02}.device{i // 10:05}.signal{i % 10}" for i in range(SERIES)]


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def anonymous_mib(pid):
    lines = open(f"/proc/{pid}/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


def rest(pid):
    """Waits until the process does next to nothing, and answers when it began to."""
    quiet_since, last = time.time(), cpu_seconds(pid)
    while time.time() - quiet_since < 3:
        time.sleep(0.2)
        spent = cpu_seconds(pid)
        if spent - last > 0.02:
            quiet_since = time.time()
        last = spent
    return quiet_since


class Carbon:
    name = "carbon"

    def __init__(self, folder):
        self.folder, (self.port, pickle, query) = folder, free_ports(3)
        (folder / "conf").mkdir()
        (folder / "conf/storage-schemas.conf").write_text("[all]\npattern = .*\nretentions = 10s:6h\n")
        (folder / "conf/carbon.conf").write_text(
            f"[cache]\nLINE_RECEIVER_INTERFACE = 127.0.0.1\nLINE_RECEIVER_PORT = {self.port}\nPICKLE_RECEIVER_PORT = {pickle}\n"
            f"CACHE_QUERY_PORT = {query}\nENABLE_TAGS = False\nMAX_CACHE_SIZE = inf\nLOG_UPDATES = False\n"
            "MAX_CREATES_PER_MINUTE = inf\nMAX_UPDATES_PER_SECOND = inf\nCARBON_METRIC_INTERVAL = 0\n"
        )
        env = dict(os.environ, GRAPHITE_ROOT=str(folder), GRAPHITE_CONF_DIR=str(folder / "conf"))
        env["GRAPHITE_STORAGE_DIR"] = str(folder / "storage")
        binaries = ROOT / "target/peers/venv/bin"
        command = [binaries / "python", binaries / "carbon-cache.py", "--config", folder / "conf/carbon.conf"]
        command += ["--nodaemon", "--pidfile", folder / "pid", "start"]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def shows(self, name):
        return (self.folder / "storage/whisper" / (name.replace(".", "/") + ".wsp")).exists()

    def check(self, points):
        files = sum(1 for _ in (self.folder / "storage/whisper/fleet").rglob("*.wsp"))
        assert files == SERIES, f"{files} files"


class Kymo:
    name = "kymo"

    def __init__(self, folder):
        self.port, self.http = free_ports(2)
        (folder / "storage-schemas.conf").write_text("[all]\npattern = .*\nretentions = 10s:6h\n")
        command = [ROOT / "target/release/kymo", "serve", "--data", folder / "data", "--statsd", "127.0.0.1:0"]
        command += ["--carbon", f"127.0.0.1:{self.port}", "--carbon-pickle", "127.0.0.1:0", "--http", f"127.0.0.1:{self.http}"]
        command += ["--storage-schemas", folder / "storage-schemas.conf"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def render(self, names):
        asked = [("format", "json"), ("from", "-30min"), ("noNullPoints", "1")]
        body = urllib.parse.urlencode(asked + [("target", name) for name in names]).encode()
        return json.load(urllib.request.urlopen(f"http://127.0.0.1:{self.http}/render", body))

    def shows(self, name):
        return any(series["datapoints"] for series in self.render([name]))

    def check(self, points):
        answer = self.render(NAMES[:: SERIES // 1000])
        assert len(answer) == 1000, f"{len(answer)} of 1000 series"
        for series in answer:
            assert len(series["datapoints"]) == points, f"{series['target']}: {len(series['datapoints'])} of {points}"


def connect(port):
    for _ in range(200):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            time.sleep(0.1)
    sys.exit("nobody listens")


def flush(round, at):
    return "".join(f"{name} {(i * 7 + round) % 1000 / 4} {at}\n" for i, name in enumerate(NAMES)).encode()


def measure(peer):
    with tempfile.TemporaryDirectory() as folder:
        server = peer(pathlib.Path(folder))
        pid = server.process.pid
        try:
            wire = connect(server.port)
            rest(pid)
            idle = anonymous_mib(pid)
            base = (int(time.time()) // STEP - BULK - 2) * STEP

            lines, spent, begun = flush(0, base), cpu_seconds(pid), time.time()
            wire.sendall(lines)
            while not server.shows(NAMES[-1]):
                time.sleep(0.02)
            seen = time.time() - begun
            taken = rest(pid) - begun
            print(
                f"peer {server.name} create {seen:.2f} s until seen, {taken:.2f} s until at rest, "
                f"{cpu_seconds(pid) - spent:.2f} CPU s per 100,000 series",
                flush=True,
            )

            rounds = [flush(k, base + k * STEP) for k in range(1, BULK + 1)]
            spent, begun = cpu_seconds(pid), time.time()
            for lines in rounds:
                wire.sendall(lines)
            taken = rest(pid) - begun
            per_million = (cpu_seconds(pid) - spent) / (SERIES * BULK / 1e6)
            print(f"peer {server.name} bulk {taken:.2f} s, {per_million:.2f} CPU s per 1,000,000 points", flush=True)

            spent = cpu_seconds(pid)
            for k in range(LIVE):
                at = (int(time.time()) // STEP + 1) * STEP
                lines = flush(k, at)
                time.sleep(max(0.0, at - time.time()))
                wire.sendall(lines)
            rest(pid)
            time.sleep(STEP)
            per_million = (cpu_seconds(pid) - spent) / (SERIES * LIVE / 1e6)
            memory = anonymous_mib(pid)
            print(f"peer {server.name} live {per_million:.2f} CPU s per 1,000,000 points", flush=True)
            print(f"peer {server.name} memory {memory:.0f} MiB ({idle:.0f} before the first point)", flush=True)
            server.check(1 + BULK + LIVE)
        finally:
            server.process.send_signal(signal.SIGTERM)
            server.process.wait()


if __name__ == "__main__":
    for peer in (Kymo, Carbon):
        if peer.name in (sys.argv[1:] or ("kymo", "carbon")):
            measure(peer)
