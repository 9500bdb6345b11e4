"""Every setting of the product, declared once: variable, values, default, unit, meaning.

`Settings` are values, frozen, made by `load`. No code but `load` looks at the environment.
"""

# ruff: noqa: RUF009 -- the calls in the defaults are `field()` with our own words around it

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from stream_app.settings import kinds
from stream_app.settings.declaration import hidden, setting, url_without_password

_servers = partial(setting, group="servers")
_topics = partial(setting, group="topics")
_state = partial(setting, group="state (another value needs a new build)")
_input = partial(setting, group="input")
_scores = partial(setting, group="scores")
_fitting = partial(setting, group="fitting")
_worker = partial(setting, group="worker")
_watch = partial(setting, group="watching")
_serve = partial(setting, group="serving")


@dataclass(frozen=True)
class Settings:
    """All settings, read and checked. `origins` says where each came from, by attribute."""

    # fmt: off
    brokers: str = _servers(
        "LTV_BROKERS", kinds.endpoints(), "127.0.0.1:9092", "Kafka brokers to start from")
    kafka_security: kinds.KafkaSecurity = _servers(
        "LTV_KAFKA_SECURITY",
        kinds.choice(kinds.KafkaSecurity),
        "PLAINTEXT", "how to talk to the brokers: TLS, SASL, both or neither")
    kafka_sasl_mechanism: kinds.SaslMechanism = _servers(
        "LTV_KAFKA_SASL_MECHANISM",
        kinds.choice(kinds.SaslMechanism),
        "SCRAM-SHA-512", "how user and password are proven")
    kafka_user: str = _servers(
        "LTV_KAFKA_USER", kinds.words("a name, or nothing"), "", "user for SASL")
    kafka_password: str = _servers(
        "LTV_KAFKA_PASSWORD", kinds.words("a password, or nothing"),
        "", "password for SASL", secret=hidden)
    kafka_ca_file: str = _servers(
        "LTV_KAFKA_CA_FILE", kinds.path(), "",
        "PEM of the authority that signed the brokers' certificates; empty: the system's")
    kafka_cert_file: str = _servers(
        "LTV_KAFKA_CERT_FILE", kinds.path(), "", "PEM of our certificate, for mutual TLS")
    kafka_key_file: str = _servers(
        "LTV_KAFKA_KEY_FILE", kinds.path(), "", "PEM of our certificate's key")
    redis_url: str = _servers(
        "LTV_REDIS_URL", kinds.redis_url(), "redis://127.0.0.1:6379/0",
        "Redis, with user, password and TLS (rediss://) as needed", secret=url_without_password)
    key_prefix: str = _servers(
        "LTV_KEY_PREFIX", kinds.text("1-64 characters without braces or spaces", r"[^\s{}]{1,64}"),
        "ltv:", "what every Redis key begins with")

    topic_purchases: str = _topics(
        "LTV_TOPIC_PURCHASES", kinds.topic(), "purchases", "purchases, refunds, cancellations")
    topic_signups: str = _topics("LTV_TOPIC_SIGNUPS", kinds.topic(), "signups", "signups")
    topic_activity: str = _topics(
        "LTV_TOPIC_ACTIVITY", kinds.topic(), "activity", "log-ins and visits; may stay empty")
    topic_models: str = _topics(
        "LTV_TOPIC_MODELS", kinds.topic(), "ltv-models", "fitted model parameters")
    topic_dead_letters: str = _topics(
        "LTV_TOPIC_DEAD_LETTERS", kinds.topic(), "ltv-dead-letters", "refused records")
    partitions: int = _topics(
        "LTV_PARTITIONS", kinds.integer(1, 10_000), 8,
        "partitions of the customer topics and of the changelog")
    replication: int = _topics(
        "LTV_REPLICATION", kinds.integer(-1, 100), -1,
        "replicas of topics that we create; -1: the broker's default")

    app_id: str = _state(
        "LTV_APP_ID", kinds.topic(), "ltv",
        "consumer group, and what the changelog's name begins with")
    build: int = _state(
        "LTV_BUILD", kinds.integer(1, 1_000_000), 1, "which changelog and consumer group")
    partitioner: kinds.Partitioner = _state(
        "LTV_PARTITIONER", kinds.choice(kinds.Partitioner),
        "murmur2", "how producers choose a partition from a customer id; trust: not checked")
    currency: str = _state(
        "LTV_CURRENCY", kinds.text("an ISO 4217 code such as USD", r"[A-Z]{3}"), "USD",
        "the base currency, in which money is summed")
    time_zone: str = _state(
        "LTV_TIMEZONE", kinds.zone(), "UTC", "the zone in which the business's days begin")
    max_value: int = _state(
        "LTV_MAX_VALUE", kinds.integer(1024, 64 << 20), 983_040,
        "the largest value of a record that is accepted", unit="bytes")
    refused_limit: float = _input(
        "LTV_REFUSED_LIMIT", kinds.number(0, 1), 0.5,
        "share of the last 10,000 records refused for their key or partition that stops a worker")
    history_trimmed: bool = _input(
        "LTV_HISTORY_TRIMMED", kinds.switch(), False,
        "start an empty state on topics whose first records are gone")

    as_of: str = _scores(
        "LTV_AS_OF", kinds.as_of(), "",
        "when scores hold: empty is the wall clock; a date is its first instant; event-time is the"
        " partition's latest accepted event")
    model_file: str = _scores(
        "LTV_MODEL_FILE", kinds.path(), "",
        "parameters to use instead of those in the models topic")
    challenger_share: float = _scores(
        "LTV_CHALLENGER_SHARE", kinds.number(0, 1), 0.0,
        "share of the customers who get the challenger's scores; 0: nobody, it is only graded")
    lifespan_years: float = _scores(
        "LTV_LIFESPAN_YEARS", kinds.number(0.01, 100), 3.0,
        "how long a customer stays, in the marketer's formula", unit="years")
    tier_alive: float = _scores(
        "LTV_TIER_ALIVE", kinds.number(0, 1), 0.60, "p_alive from which a customer is active")
    tier_at_risk: float = _scores(
        "LTV_TIER_AT_RISK", kinds.number(0, 1), 0.33,
        "p_alive from which a customer is at risk rather than lost")
    tier_new_days: int = _scores(
        "LTV_TIER_NEW_DAYS", kinds.integer(0, 3660), 30,
        "how long after a first purchase day a customer is new", unit="days")
    tier_formula_days: tuple[int, int] = _scores(
        "LTV_TIER_FORMULA_DAYS", kinds.two_days(), (90, 180),
        "without a model: days since the last order up to which active, up to which at risk",
        unit="days")
    data_from: str = _scores(
        "LTV_DATA_FROM", kinds.day(), "", "first day that the data cover wholly, for reports")

    fit_buyers: int = _fitting(
        "LTV_FIT_BUYERS", kinds.integer(0, 10**9), 100,
        "fewest customers who have bought that a model is fitted to", unit="customers")
    fit_repeat_buyers: int = _fitting(
        "LTV_FIT_REPEAT_BUYERS", kinds.integer(0, 10**9), 30,
        "fewest of them who came back on a second day", unit="customers")
    fit_history_days: int = _fitting(
        "LTV_FIT_HISTORY_DAYS", kinds.integer(0, 36_600), 90,
        "shortest time from the first purchase to as_of", unit="days")
    fit_silence_days: int = _fitting(
        "LTV_FIT_SILENCE_DAYS", kinds.integer(1, 36_600), 60,
        "days before as_of in which somebody must have bought", unit="days")

    slice_records: int = _worker(
        "LTV_SLICE_RECORDS", kinds.integer(1, 100_000), 1000,
        "most records folded and appended as one", unit="records")
    slice_bytes: int = _worker(
        "LTV_SLICE_BYTES", kinds.integer(1 << 20, 7 << 20), (4 << 20) - (64 << 10),
        "size at which a slice's changelog batch is cut", unit="bytes")
    in_flight: int = _worker(
        "LTV_IN_FLIGHT", kinds.integer(1, 64), 3,
        "slices of one partition appended but not yet acknowledged")
    fetch_wait_ms: int = _worker(
        "LTV_FETCH_WAIT_MS", kinds.integer(1, 5000), 20,
        "how long a broker may hold a fetch that finds nothing", unit="ms")
    session_seconds: float = _worker(
        "LTV_SESSION_SECONDS", kinds.number(1, 300), 8.0,
        "silence after which the group gives a worker's partitions away", unit="s")
    rebalance_seconds: float = _worker(
        "LTV_REBALANCE_SECONDS", kinds.number(1, 600), 15.0,
        "how long handing over partitions may wait for appends", unit="s")
    request_seconds: float = _worker(
        "LTV_REQUEST_SECONDS", kinds.number(1, 600), 30.0,
        "how long a broker may take to answer", unit="s")
    commit_interval: float = _worker(
        "LTV_COMMIT_INTERVAL", kinds.number(0.05, 60), 0.5,
        "how often the group's offsets are committed (for lag; the state has its own)", unit="s")
    idle_check: float = _worker(
        "LTV_IDLE_CHECK", kinds.number(0.1, 30), 5.0,
        "how often an idle partition looks for foreign writes in its changelog", unit="s")
    publish_interval: float = _worker(
        "LTV_PUBLISH_INTERVAL", kinds.number(0, 60), 0.005,
        "how long changed customers are gathered before they are scored", unit="s")
    publish_batch: int = _worker(
        "LTV_PUBLISH_BATCH", kinds.integer(1, 5000), 200,
        "customers written to Redis by one script call", unit="customers")
    publish_check: float = _worker(
        "LTV_PUBLISH_CHECK", kinds.number(0.1, 300), 3.0,
        "how often Redis is asked whether it still has what was published", unit="s")
    cohort_seconds: float = _worker(
        "LTV_COHORT_SECONDS", kinds.number(0.05, 3600), 1.0,
        "how often changed cohort totals are published, at most", unit="s")
    survey_seconds: float = _worker(
        "LTV_SURVEY_SECONDS", kinds.number(0.1, 86_400), 10.0,
        "how often a partition that changes is looked over for what its customers are like as a"
        " whole, at most", unit="s")
    refresh_hours: float = _worker(
        "LTV_REFRESH_HOURS", kinds.number(0.01, 24 * 366), 168.0,
        "age at which a score is computed again though nothing happened", unit="h")
    drift: float = _worker(
        "LTV_DRIFT", kinds.number(0.0001, 1), 0.01,
        "how far the numbers of a silent customer may move before they are published again, when a"
        " day begins: chances by this much, values by this share")
    republish_rate: int = _worker(
        "LTV_REPUBLISH_RATE", kinds.integer(0, 1_000_000), 25_000,
        "most customers a second that a worker publishes again for another model, a cut-over, drift"
        " or a refresh; 0: no limit", unit="customers/s")
    allow_eviction: bool = _worker(
        "LTV_ALLOW_EVICTION", kinds.switch(), False,
        "accept a Redis that may evict scores (they come back with the next event or refresh)")

    http_host: str = _watch(
        "LTV_HTTP_HOST", kinds.text("a host name or address", r"[^\s/@]{1,255}"), "127.0.0.1",
        "where a worker's /livez, /readyz and /metrics listen, and `ltv serve`")
    http_port: int = _watch(
        "LTV_HTTP_PORT", kinds.integer(0, 65535), 8081,
        "their port (of `ltv serve` 8080 where none is given); 0: any free one, which is printed")
    log_format: kinds.LogFormat = _watch(
        "LTV_LOG_FORMAT", kinds.choice(kinds.LogFormat), "auto",
        "lines for people or JSON; auto: for people on a terminal")
    log_level: kinds.LogLevel = _watch(
        "LTV_LOG_LEVEL", kinds.choice(kinds.LogLevel),
        "info", "the least serious lines that are written")
    otel: bool = _watch(
        "LTV_OTEL", kinds.switch(), False,
        "trace slices and publishes with OpenTelemetry, whose own OTEL_* variables say where to"
        " (needs the extra `otel`)")
    failpoint: str = _watch(
        "LTV_FAILPOINT", kinds.words("name[:hit[:kill|stop|block]], or nothing"),
        "", "where to fail on purpose; for tests")

    serve_token: str = _serve(
        "LTV_SERVE_TOKEN",
        kinds.text(
            "16-256 letters, digits and . _ ~ + / -, or nothing",
            r"([A-Za-z0-9._~+/-]{16,256}=*)?"),
        "", "what who asks `ltv serve` must know; empty: nothing", secret=hidden)
    serve_concurrency: int = _serve(
        "LTV_SERVE_CONCURRENCY", kinds.integer(1, 100_000), 256,
        "requests that are worked on at once; one more is told to come again", unit="requests")
    cac_file: str = _serve(
        "LTV_CAC_FILE", kinds.path(), "",
        "costs of acquisition for reports, as CSV: month, amount, currency and, optionally,"
        " channel")
    # fmt: on

    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def group(self) -> str:
        """The consumer group of this build, named as Faust names it: id, then the version."""
        return self.app_id if self.build == 1 else f"{self.app_id}-v{self.build}"

    @property
    def changelog_topic(self) -> str:
        """The changelog of this build's customers, named as Faust names it."""
        return f"{self.group}-customers-changelog"

    @property
    def source_topics(self) -> tuple[str, str, str]:
        """The topics that are folded: purchases, signups, activity."""
        return self.topic_purchases, self.topic_signups, self.topic_activity

    @property
    def as_of_event_time(self) -> bool:
        """Whether scores hold as of the latest event instead of a clock or a date."""
        return self.as_of == "event-time"

    @property
    def as_of_seconds(self) -> int | None:
        """The fixed instant at which scores hold, in Unix seconds; None when there is none.

        A date stands for its first instant in the business time zone.
        """
        if self.as_of in {"", "event-time"}:
            return None
        instant = datetime.fromisoformat(self.as_of)
        if instant.tzinfo is None:
            from zoneinfo import ZoneInfo

            instant = instant.replace(tzinfo=ZoneInfo(self.time_zone))
        return int(instant.timestamp() // 1)
