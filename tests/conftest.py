"""What every test may ask for; the fixtures themselves are in `tests/fixtures`, by concern.

| fixture | is |
|---|---|
| `kafka_broker`, `kafka_bootstrap` | a real Apache Kafka for the session, and its address |
| `embedded_database` | an empty database on a plain PostgreSQL, for one test |
| `timescale_database` | an empty database on a real TimescaleDB, its extension made, for one test |
| `each_database` | both of these in turn |
| `embedded_server`, `timescale_server` | their servers; `fresh_database` makes databases on them for wider scopes |
| `chromium_path` | the browser's program |
| `reference_data` | the folder of reference surveillance data |

A service that cannot be had skips the test with its reason; all of these are listed by name at the end, and
fail the run when `CI=true` (see `tests/fixtures/not_run.py`).
"""

pytest_plugins = [
    "tests.fixtures.not_run",
    "tests.fixtures.kafka",
    "tests.fixtures.databases",
    "tests.fixtures.browser",
    "tests.fixtures.data",
]
