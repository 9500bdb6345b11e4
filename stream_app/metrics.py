"""Every metric of the product, declared once: name, type, unit, labels, help.

`Metrics` holds the numbers and is itself what Prometheus collects from. An update is one addition
in a dict, done once a batch; text is made only when somebody scrapes. A label is a topic, a
partition, a reason: never a customer. A gauge that was never set is absent: unknown is not 0.

>>> metrics = Metrics("0.0.0")
>>> metrics.add("ltv_events_total", 998, "purchases", "applied")
>>> metrics.add("ltv_events_total", 2, "purchases", "duplicate")
>>> metrics.value("ltv_events_total", "purchases", "applied")
998.0
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

CounterName = Literal[
    "ltv_events_total",
    "ltv_dead_letters_total",
    "ltv_changelog_bytes_total",
    "ltv_changelog_batches_total",
    "ltv_recovery_records_total",
    "ltv_published_customers_total",
    "ltv_republished_customers_total",
    "ltv_foreign_writes_total",
    "ltv_full_publishes_total",
    "ltv_offset_mismatches_total",
]
GaugeName = Literal[
    "ltv_consumer_lag_records",
    "ltv_publishing",
    "ltv_publish_backlog_customers",
    "ltv_sweep_seconds",
    "ltv_score_age_seconds",
    "ltv_redis_up",
    "ltv_kafka_answered_timestamp_seconds",
    "ltv_partitions",
    "ltv_partitions_held",
    "ltv_recovering",
    "ltv_recovery_seconds",
    "ltv_customers",
    "ltv_revenue_minor",
    "ltv_tier_customers",
    "ltv_tier_revenue_minor",
    "ltv_tier_expected_minor",
    "ltv_tier_at_risk_minor",
    "ltv_cohort_customers",
    "ltv_cohort_revenue_minor",
    "ltv_state_imbalance_minor",
    "ltv_cohort_imbalance_minor",
    "ltv_unconverted_minor",
    "ltv_negative_days",
    "ltv_dedup_saturated_customers",
    "ltv_model_age_seconds",
    "ltv_prequential_forecasts",
    "ltv_prequential_log_loss",
    "ltv_prequential_brier",
    "ltv_prequential_expected",
    "ltv_prequential_observed",
    "ltv_prequential_recent_expected",
    "ltv_prequential_recent_variance",
    "ltv_prequential_bias",
    "ltv_prequential_drift",
    "ltv_prequential_spends",
    "ltv_prequential_spend_error",
    "ltv_prequential_gap",
    "ltv_http_in_progress",
    "ltv_build_info",
]
HistogramName = Literal[
    "ltv_event_to_redis_seconds", "ltv_fold_seconds", "ltv_http_request_seconds"
]

# From the promise (p99 of 50 ms from record to Redis) both ways: a fold takes about a millisecond,
# a backlog takes minutes.
BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0)


@dataclass(frozen=True)
class Declared:
    """One metric: `unit` is what a value of 1 means; `labels` are in the order of the calls."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    labels: tuple[str, ...]
    help: str


def _counter(name: CounterName, unit: str, labels: str, words: str) -> Declared:
    return Declared(name, "counter", unit, tuple(labels.split()), words)


def _gauge(name: GaugeName, unit: str, labels: str, words: str) -> Declared:
    return Declared(name, "gauge", unit, tuple(labels.split()), words)


def _histogram(name: HistogramName, labels: str, words: str) -> Declared:
    return Declared(name, "histogram", "seconds", tuple(labels.split()), words)


# fmt: off
TABLE: tuple[Declared, ...] = (
    _counter(
        "ltv_events_total",
        "records",
        "topic outcome",
        "Records read, by what became of them: applied, duplicate or refused",
    ),
    _counter(
        "ltv_dead_letters_total",
        "records",
        "topic reason",
        "Records refused, by source topic and reason",
    ),
    _gauge(
        "ltv_consumer_lag_records",
        "records",
        "topic partition",
        "Records between the state's next offset and the end of the source",
    ),
    _histogram(
        "ltv_event_to_redis_seconds",
        "",
        "From a record's timestamp to its customer's score in Redis",
    ),
    _histogram("ltv_fold_seconds", "", "Time to decode and fold one slice"),
    _counter("ltv_changelog_bytes_total", "bytes", "", "Bytes appended to the changelog"),
    _counter(
        "ltv_changelog_batches_total",
        "batches",
        "",
        "Record batches appended to the changelog, one a slice",
    ),
    _counter("ltv_published_customers_total", "customers", "", "Scores written to Redis"),
    _counter(
        "ltv_republished_customers_total",
        "customers",
        "cause",
        "Scores written again without an event of the customer: fall and drift by silence, refresh"
        " of old ones, changed while no worker was there, else the cause of a full publish",
    ),
    _gauge(
        "ltv_publishing",
        "boolean",
        "build",
        "1 where the worker's build is the one that readers see, 0 where it waits beside it",
    ),
    _gauge(
        "ltv_publish_backlog_customers", "customers", "", "Customers changed and not yet published"
    ),
    _gauge(
        "ltv_sweep_seconds",
        "seconds",
        "",
        "How long the last sweep of a partition took, for what a new day did to scores",
    ),
    _gauge(
        "ltv_score_age_seconds",
        "seconds",
        "",
        "Since the instant up to which silence is in every score, of the partition where that is"
        " longest: a day and a sweep at most; absent where scores hold at a fixed instant",
    ),
    _gauge("ltv_redis_up", "boolean", "", "1 while Redis answers"),
    _gauge(
        "ltv_kafka_answered_timestamp_seconds",
        "seconds",
        "",
        "When the brokers last answered the worker, Unix seconds",
    ),
    _gauge("ltv_partitions", "partitions", "build", "Partitions that the build has"),
    _gauge(
        "ltv_partitions_held", "partitions", "build", "Partitions that this worker has recovered"
    ),
    _gauge("ltv_recovering", "partitions", "", "Partitions whose changelog is being read"),
    _counter("ltv_recovery_records_total", "records", "", "Changelog records read at recovery"),
    _gauge("ltv_recovery_seconds", "seconds", "", "How long the last recovery took"),
    _gauge("ltv_customers", "customers", "", "Customers in the partitions held"),
    _gauge(
        "ltv_revenue_minor",
        "minor units",
        "currency",
        "Purchases less cancellations less refunds of the partitions held",
    ),
    _gauge("ltv_tier_customers", "customers", "tier", "Customers by tier, as last looked over"),
    _gauge(
        "ltv_tier_revenue_minor",
        "minor units",
        "tier currency",
        "What the customers of a tier have spent",
    ),
    _gauge(
        "ltv_tier_expected_minor",
        "minor units",
        "tier currency",
        "What they are expected to spend in the next 365 days; with the revenue their LTV",
    ),
    _gauge(
        "ltv_tier_at_risk_minor",
        "minor units",
        "tier currency",
        "Value at risk: what 30 days of silence would take off that, times their chance; 0 without"
        " a model",
    ),
    _gauge(
        "ltv_cohort_customers",
        "customers",
        "cohort",
        "Customers by month of the first purchase: the last 12 months, `earlier`, and `none`",
    ),
    _gauge(
        "ltv_cohort_revenue_minor",
        "minor units",
        "cohort currency",
        "What the customers of a cohort have spent so far",
    ),
    _gauge(
        "ltv_state_imbalance_minor",
        "minor units",
        "",
        "Money in customers less money in accepted events; anything but 0 is a fault",
    ),
    _gauge(
        "ltv_cohort_imbalance_minor",
        "minor units",
        "",
        "Money in cohort cells less money in accepted events, of the partition where it is most;"
        " anything but 0 is a fault",
    ),
    _counter(
        "ltv_foreign_writes_total",
        "records",
        "",
        "Changelog records found that this worker did not write",
    ),
    _counter(
        "ltv_full_publishes_total",
        "publishes",
        "cause",
        "Partitions published whole, by what made it necessary",
    ),
    _counter(
        "ltv_offset_mismatches_total",
        "partitions",
        "",
        "Starts at which the group's offset was not the watermark's; the watermark wins",
    ),
    _gauge(
        "ltv_unconverted_minor",
        "minor units",
        "currency",
        "Net money in other currencies that came without a rate",
    ),
    _gauge(
        "ltv_negative_days",
        "days",
        "",
        "Customer days with fewer than 0 orders or less than 0 gross",
    ),
    _gauge(
        "ltv_dedup_saturated_customers",
        "customers",
        "",
        "Customers past the number of identities within which duplicates are always found",
    ),
    _gauge("ltv_model_age_seconds", "seconds", "", "Age of the parameters in use"),
    # Grades of the customers whose partitions this worker holds. What counts or sums up is added
    # over workers; a mean is averaged with the weight that its help names.
    _gauge(
        "ltv_prequential_forecasts",
        "forecasts",
        "model",
        "Forecasts of a purchase within 30 days that were graded by what then came",
    ),
    _gauge(
        "ltv_prequential_log_loss",
        "nats a forecast",
        "model",
        "Mean of -ln P(what came), less is better; over workers weigh with the forecasts",
    ),
    _gauge(
        "ltv_prequential_brier",
        "squared probability",
        "model",
        "Mean squared difference of P(buy) and 1 or 0, less is better; weigh with the forecasts",
    ),
    _gauge(
        "ltv_prequential_expected",
        "purchase days",
        "model bin",
        "Sum of P(buy) over forecasts, by P(buy): bin 0.1 has those up to a tenth",
    ),
    _gauge(
        "ltv_prequential_observed",
        "purchase days",
        "model bin",
        "Of the same forecasts, those that a purchase came true for",
    ),
    _gauge(
        "ltv_prequential_recent_expected",
        "purchase days",
        "model",
        "Sum of P(buy) over the forecasts of the last 90 days",
    ),
    _gauge(
        "ltv_prequential_recent_variance",
        "squared purchase days",
        "model",
        "Sum of P(buy) (1 - P(buy)) over the forecasts of the last 90 days",
    ),
    _gauge(
        "ltv_prequential_bias",
        "ratio",
        "model",
        "Observed over expected of the last 90 days, less 1; weigh with recent_expected",
    ),
    _gauge(
        "ltv_prequential_drift",
        "standard deviations",
        "model",
        "Observed less expected of the last 90 days; over workers add drift times the root of"
        " recent_variance, then divide by the root of its sum",
    ),
    _gauge(
        "ltv_prequential_spends",
        "purchase days",
        "model",
        "Repeat purchase days whose expected spend was graded",
    ),
    _gauge(
        "ltv_prequential_spend_error",
        "major units",
        "model",
        "Mean absolute error of the spend expected of a purchase day; weigh with the spends",
    ),
    _gauge(
        "ltv_prequential_gap",
        "probability",
        "model",
        "Mean P(buy within the gap) of the purchases that came; weigh with the sum of observed;"
        " does not rank models, for silence has no say in it",
    ),
    _histogram(
        "ltv_http_request_seconds",
        "route status",
        "Time to answer a request of ltv serve, by the address's pattern",
    ),
    _gauge("ltv_http_in_progress", "requests", "", "Requests that ltv serve works on"),
    _gauge("ltv_build_info", "boolean", "version", "Always 1; says which version runs"),
)
# fmt: on


@dataclass
class _Distribution:
    """A histogram's numbers: a count a bucket (the last one open), and the sum."""

    counts: list[float] = field(default_factory=lambda: [0.0] * (len(BUCKETS) + 1))
    total: float = 0.0


class Metrics(Collector):
    """The numbers of one process. Labels are given by position, in the table's order."""

    def __init__(self, version: str) -> None:
        self._numbers: dict[str, dict[tuple[str, ...], float]] = {}
        self._distributions: dict[str, dict[tuple[str, ...], _Distribution]] = {}
        for declared in TABLE:
            if declared.kind == "histogram":
                self._distributions[declared.name] = {}
                if not declared.labels:
                    self._distributions[declared.name][()] = _Distribution()
            else:
                self._numbers[declared.name] = {}
                if declared.kind == "counter" and not declared.labels:
                    self._numbers[declared.name][()] = 0.0
        self.set("ltv_build_info", 1, version)
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def add(self, name: CounterName, amount: float, *labels: str) -> None:
        """Count `amount` more (0 makes the line appear)."""
        numbers = self._numbers[name]
        numbers[labels] = numbers.get(labels, 0.0) + amount

    def set(self, name: GaugeName, value: float, *labels: str) -> None:
        """Say what the number is now."""
        self._numbers[name][labels] = value

    def observe(
        self, name: HistogramName, seconds: float, count: int = 1, labels: tuple[str, ...] = ()
    ) -> None:
        """Put `count` observations of the same duration into a histogram, at the price of one."""
        distributions = self._distributions[name]
        distribution = distributions.get(labels)
        if distribution is None:
            distribution = distributions[labels] = _Distribution()
        distribution.counts[bisect_left(BUCKETS, seconds)] += count
        distribution.total += seconds * count

    def forget(self, name: GaugeName, *labels: str) -> None:
        """Take a line away, as when its partition has gone to another worker."""
        self._numbers[name].pop(labels, None)

    def replace(self, name: GaugeName, values: Mapping[tuple[str, ...], float]) -> None:
        """Say all that a gauge says now: lines with other labels go."""
        self._numbers[name] = dict(values)

    def value(self, name: CounterName | GaugeName, *labels: str) -> float:
        """What a counter or gauge says now; 0 where it was never touched."""
        return self._numbers[name].get(labels, 0.0)

    def text(self) -> bytes:
        """Everything in Prometheus's text format 0.0.4."""
        return generate_latest(self.registry)

    def collect(self) -> Iterator[Metric]:
        """The families, for the registry."""
        for declared in TABLE:
            if declared.kind == "histogram":
                yield self._histogram_family(declared)
            else:
                yield self._number_family(declared)

    def _number_family(self, declared: Declared) -> Metric:
        family = CounterMetricFamily if declared.kind == "counter" else GaugeMetricFamily
        made = family(declared.name, declared.help, labels=declared.labels)
        for labels, value in self._numbers[declared.name].items():
            made.add_metric(labels, value)
        return made

    def _histogram_family(self, declared: Declared) -> Metric:
        made = HistogramMetricFamily(declared.name, declared.help, labels=declared.labels)
        for labels, distribution in self._distributions[declared.name].items():
            buckets, reached = [], 0.0
            for bound, count in zip((*BUCKETS, float("inf")), distribution.counts, strict=True):
                reached += count
                buckets.append(("+Inf" if bound == float("inf") else str(bound), reached))
            made.add_metric(labels, buckets, distribution.total)
        return made
