"""The calls of PyPI statsd; argument: the port."""
import random
import sys

import statsd

# A rate keeps a call by chance; here every call is kept, and still says its rate.
random.random = lambda: 0.0
client = statsd.StatsClient("127.0.0.1", int(sys.argv[1]), prefix="jsocol")
client.incr("hits")
client.incr("hits", 5, rate=0.1)
client.decr("hits", 3)
client.gauge("queue", 70)
client.gauge("queue", -7, delta=True)
client.gauge("below", -12)
client.timing("save", 320)
client.timing("save", 2.5)
for user in ("ann", "bob", "ann"):
    client.set("users", user)
client.incr("with space")
with client.pipeline() as pipe:
    for n in range(100):
        pipe.incr("piped")
        pipe.timing("wait", n)
