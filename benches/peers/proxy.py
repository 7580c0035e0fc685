#!/usr/bin/env python3
"""The real proxy.js and kymo proxy, one after the other, as processes: CPU time of each divided by the lines that arrived.

    cargo build --release && conformance/peers/install && benches/peers/proxy.py

The same packed datagrams go to both, never more in flight than any receive buffer holds, and each must deliver every line.
"""
import os, pathlib, select, signal, socket, subprocess, sys, tempfile, threading, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINES, NAMES, PER_DATAGRAM, BURST = 120_000, 1_000, 20, 10
TICK = os.sysconf("SC_CLK_TCK")


def udp():
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound.bind(("127.0.0.1", 0))
    return bound


def console(stop):
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        while not stop.is_set():
            if select.select([listener], [], [], 0.2)[0]:
                peer, _ = listener.accept()
                peer.recv(64)
                peer.sendall(b"health: up\n")
                peer.close()

    threading.Thread(target=answer, daemon=True).start()
    return listener.getsockname()[1]


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def measure(name, command, more=""):
    stop = threading.Event()
    nodes = [udp() for _ in range(3)]
    statsd, mgmt = udp(), socket.create_server(("127.0.0.1", 0))
    port, mgmt_port = statsd.getsockname()[1], mgmt.getsockname()[1]
    statsd.close(), mgmt.close()
    listed = ", ".join(f"{{host: '127.0.0.1', port: {n.getsockname()[1]}, adminport: {console(stop)}}}" for n in nodes)
    with tempfile.NamedTemporaryFile("w", suffix=".js") as file:
        file.write(f"{{nodes: [{listed}], address: '127.0.0.1', port: {port}, mgmt_port: {mgmt_port}, checkInterval: 5000{more}}}\n")
        file.flush()
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command + [file.name], stdout=quiet, stderr=quiet)
        try:
            time.sleep(1.5)
            rounds = [one_round(process.pid, nodes, port) for _ in range(5)]
        finally:
            stop.set()
            process.send_signal(signal.SIGTERM)
            process.wait()
    rounds.sort()
    print(f"peer {name} {rounds[0]:.0f} ns/line (median {rounds[len(rounds) // 2]:.0f})", flush=True)


def one_round(pid, nodes, port):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(("127.0.0.1", port))
    lines = [f"app.metric.{i % NAMES}:1|c" for i in range(LINES)]
    packed = ["\n".join(lines[i : i + PER_DATAGRAM]).encode() for i in range(0, LINES, PER_DATAGRAM)]
    before, heard, sent = cpu_seconds(pid), 0, 0
    for i in range(0, len(packed), BURST):
        for datagram in packed[i : i + BURST]:
            sender.send(datagram)
        sent = min(LINES, (i + BURST) * PER_DATAGRAM)
        while heard < sent:
            ready = select.select(nodes, [], [], 5)[0]
            if not ready:
                sys.exit(f"{sent - heard} lines never arrived")
            for node in ready:
                heard += node.recv(65536).count(b"\n") + 1
    return (cpu_seconds(pid) - before) / LINES * 1e9


if __name__ == "__main__":
    kymo = [str(ROOT / "target/release/kymo"), "proxy", "--statsd-config"]
    measure("proxy.js", ["node", str(ROOT / "target/peers/node_modules/statsd/proxy.js")])
    measure("kymo_proxy", kymo)
    measure("kymo_proxy_unpacked", kymo, ", datagramBytes: 0")
