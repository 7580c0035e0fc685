"""Answers questions about tags with graphite-web's own tag database, in memory.

Reads {"names": [...], "asked": [[method, arguments], ...]} and writes one JSON value a line: an answer, or {"error": text}.
"""
import json
import sys

from django.conf import settings

settings.configure(
    INSTALLED_APPS=["graphite.tags"],
    USE_TZ=True,
    SECRET_KEY="none",
    TAGDB_AUTOCOMPLETE_LIMIT=100,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)

import django  # noqa: E402

django.setup()

from django.db import connection  # noqa: E402
from graphite.tags import models  # noqa: E402
from graphite.tags.localdatabase import LocalDatabaseTagDB  # noqa: E402

with connection.schema_editor() as editor:
    for model in (models.Tag, models.TagValue, models.Series, models.SeriesTag):
        editor.create_model(model)

work = json.load(sys.stdin)
database = LocalDatabaseTagDB(settings)
for name in work["names"]:
    database.tag_series(name)
for method, arguments in work["asked"]:
    try:
        answer = getattr(database, method)(*arguments)
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
