"""celery-statsd on a worker of this process, with a broker in memory; argument: the port."""
import sys

import celery
import celery_statsd  # connects itself to celery's signals
from celery.contrib.testing.worker import start_worker

assert celery_statsd.statsd_task_success
app = celery.Celery("beats", broker="memory://", backend="cache+memory://")
app.conf.update(STATSD_HOST="127.0.0.1", STATSD_PORT=int(sys.argv[1]))
app.set_default()


@app.task(name="tasks.welcome")
def welcome(works):
    if not works:
        raise ValueError("no")
    return "sent"


with start_worker(app, pool="solo", perform_ping_check=False):
    results = [welcome.delay(works) for works in (True, True, False)]
    for result in results:
        result.get(timeout=20, propagate=False)
