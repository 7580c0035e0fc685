"""The calls of PyPI datadog, buffered as by default and aggregated; arguments: the port, a second that is past."""
import sys

from datadog.dogstatsd import DogStatsd

port, past = int(sys.argv[1]), int(sys.argv[2])
dog = DogStatsd(host="127.0.0.1", port=port, namespace="dog", constant_tags=["env:prod"])
dog.increment("hits", tags=["route:/v1", "solo"])
dog.increment("hits", 4, tags=["solo", "route:/v1"])
dog.gauge("temp", 36.6, tags=["host:db1:5432"])
dog.histogram("wait", 1.5)
dog.histogram("wait", -0.5)
dog.distribution("size", 12)
dog.timing("took", 320)
for address in ("10.0.0.1:8080", "10.0.0.1:8081", "10.0.0.1:8080"):
    dog.set("peers", address)
dog.gauge_with_timestamp("filled", 70, past)
dog.count_with_timestamp("backfilled", 20, past)
dog.event("deploy", "v2\nline two", alert_type="warning", tags=["svc:api"])
dog.event("\u5fc3\u62cd", "\u00e9", alert_type="error")
dog.service_check("sync.up", 2, tags=["region:eu"], message="down: m: x")
dog.flush()

packed = DogStatsd(
    host="127.0.0.1", port=port, namespace="packed", disable_aggregation=False, max_metric_samples_per_context=100,
    disable_telemetry=True,
)
for n in range(10):
    packed.increment("hits", 2)
    packed.gauge("level", n)
    packed.set("who", n % 3)
    packed.histogram("spread", n)
    packed.timing("lasted", n * 10)
packed.flush_aggregated_metrics()
packed.flush()
