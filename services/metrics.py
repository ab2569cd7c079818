"""Prometheus metrics, all of bounded cardinality: app, route template, event type; never an id."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("itaas_http_requests_total", "Requests answered", ["app", "method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "itaas_http_request_seconds",
    "Time to the last byte of the answer",
    ["app", "method", "route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
OUTBOX_DEPTH = Gauge("itaas_outbox_rows", "Messages not yet published, as of the relay's last look", ["app"])
EVENTS_PUBLISHED = Counter("itaas_events_published_total", "Messages acknowledged by the event log", ["app"])
EVENTS_CONSUMED = Counter(
    "itaas_events_consumed_total", "Events handled or found duplicate", ["app", "type", "outcome"]
)
DEAD_LETTERS = Counter("itaas_dead_letters_total", "Events refused for good", ["app"])
JOBS_FINISHED = Counter("itaas_jobs_finished_total", "Jobs by their last state", ["app", "kind", "state"])
