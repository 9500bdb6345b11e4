"""Write the dashboards: `python deploy/grafana/dashboards.py [DIRECTORY]`; `make docs` does it too.

A panel is a title, a unit and a question in PromQL; where it stands, its id and everything that
Grafana wants besides is the same for all (`panels.py`). That is why the JSON is generated: of four
thousand lines nobody sees which one is wrong. To change a panel, change it here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from panels import Dashboard, Panel, as_json, graph, stat


def ours(expression: str) -> str:
    """Without the workers of a build that waits beside the publishing one."""
    return f"({expression} unless on (namespace, job, instance) (ltv_publishing == 0))"


def total(metric: str, by: str = "") -> str:
    """A gauge's sum over the workers that publish."""
    return f"sum by ({by}) ({ours(metric)})" if by else f"sum({ours(metric)})"


def rate(counter: str, by: str = "") -> str:
    """A counter's rate, summed over workers."""
    inner = f"(rate({counter}[$__rate_interval]))"
    return f"sum by ({by}) {inner}" if by else f"sum{inner}"


def quantile(q: float, histogram: str, by: str = "le") -> str:
    """A quantile of a histogram of seconds."""
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', by)})"


REDIS: Final = "ltv_event_to_redis_seconds"
HTTP: Final = "ltv_http_request_seconds"
WORKER: Final = 'job="ltv-worker"'

FLOW = Dashboard(
    "ltv-flow",
    "LTV: flow",
    (
        (
            "Now",
            (
                stat("Events a second", "ops", rate("ltv_events_total")),
                stat("Records waiting", "short", "sum(ltv:lag_records:sum)", limit=10_000),
                stat(
                    "Late, last hour",
                    "percentunit",
                    "max(ltv:events_late:ratio_rate1h)",
                    words="Share of events that were not in Redis within a second.",
                    limit=0.01,
                ),
                stat("Late, last 3 days", "percentunit", "max(ltv:events_late:ratio_rate3d)",
                     words="The objective is 1 % over 30 days.", limit=0.01),
                stat("Refused", "percentunit", "max(ltv:refused:ratio_rate15m)", limit=0.01),
                stat("Workers", "short", f"sum(up{{{WORKER}}})"),
            ),
        ),
        (
            "Events",
            (
                graph("Events by topic and outcome", "ops",
                      (rate("ltv_events_total", "topic, outcome"), "{{topic}} {{outcome}}")),
                graph("Records waiting by topic", "short", ("ltv:lag_records:sum", "{{topic}}")),
                graph("Records waiting by partition", "short",
                      (total("ltv_consumer_lag_records", "partition"), "{{partition}}"),
                      words="One line far above the others is a hot customer or a slow worker."),
                graph("Time to fold a slice", "s",
                      (quantile(0.5, "ltv_fold_seconds"), "median"),
                      (quantile(0.99, "ltv_fold_seconds"), "99 %")),
                graph("Refusals by reason", "ops",
                      (rate("ltv_dead_letters_total", "topic, reason"), "{{topic}} {{reason}}")),
                graph("Records a slice", "short",
                      (f"{rate('ltv_events_total')} / {rate('ltv_changelog_batches_total')}", ""),
                      words="1 when events come one by one, up to LTV_SLICE_RECORDS in a backlog."),
            ),
        ),
        (
            "Freshness",
            (
                graph("From record to Redis", "s", (quantile(0.5, REDIS), "median"),
                      (quantile(0.9, REDIS), "90 %"), (quantile(0.99, REDIS), "99 %")),
                graph("Late events", "percentunit", ("ltv:events_late:ratio_rate5m", "5 minutes"),
                      ("ltv:events_late:ratio_rate1h", "1 hour"),
                      ("ltv:events_late:ratio_rate6h", "6 hours"), limit=0.01,
                      words="Not in Redis within 1 s; what never arrives counts."),
                graph("How fast the budget burns", "short",
                      ("ltv:events_late:ratio_rate1h / 0.01", "1 hour"),
                      ("ltv:events_late:ratio_rate1d / 0.01", "1 day"), limit=14.4,
                      words="At 1 the month's 1 % lasts a month; at 14.4 two days."),
            ),
        ),
        (
            "ltv serve",
            (
                graph("Requests by status", "reqps",
                      (rate(f"{HTTP}_count", "status"), "{{status}}")),
                graph("Time to answer, 99 %", "s",
                      (quantile(0.99, HTTP, "le, route"), "{{route}}")),
                graph("Requests under way", "short", ("ltv_http_in_progress", "{{instance}}")),
            ),
        ),
    ),
)  # fmt: skip

STATE = Dashboard(
    "ltv-state",
    "LTV: state and recovery",
    (
        (
            "Now",
            (
                stat("Customers", "short", total("ltv_customers")),
                stat("Partitions without a worker", "short",
                     "max(ltv:partitions_without_owner:count)", limit=1),
                stat("Partitions being read", "short", "sum(ltv_recovering)", limit=1),
                stat("Money out of balance", "short",
                     "max(abs(ltv_state_imbalance_minor)) + max(abs(ltv_cohort_imbalance_minor))",
                     limit=1, words="Minor units. Anything but 0 is a fault."),
                stat("Differences found by ltv verify", "short", "max(ltv:verify_differences:sum)",
                     limit=1),
                stat("Since the last ltv verify", "s",
                     "time() - max(ltv_verify_finished_timestamp_seconds)", limit=172_800),
            ),
        ),
        (
            "Partitions and recovery",
            (
                graph("Partitions by worker", "short",
                      ("ltv_partitions_held", "build {{build}} {{instance}}"), stacked=True),
                graph("Partitions being read", "short", ("ltv_recovering", "{{instance}}")),
                graph("Length of the last recovery", "s", ("ltv_recovery_seconds", "{{instance}}")),
                graph("Changelog records read", "ops",
                      (rate("ltv_recovery_records_total", "instance"), "{{instance}}")),
                graph("Foreign writes, moved offsets", "short",
                      ("sum(ltv_foreign_writes_total)", "foreign writes"),
                      ("sum(ltv_offset_mismatches_total)", "offsets that were not the state's")),
                graph("Versions", "short", ("count by (version) (ltv_build_info)", "{{version}}"),
                      stacked=True),
            ),
        ),
        (
            "State",
            (
                graph("Customers by worker", "short", ("ltv_customers", "{{instance}}"),
                      stacked=True),
                graph("Memory", "bytes",
                      (f"process_resident_memory_bytes{{{WORKER}}}", "{{instance}}")),
                graph("Processor", "percentunit",
                      (f"rate(process_cpu_seconds_total{{{WORKER}}}[$__rate_interval])",
                       "{{instance}}"), limit=0.9, words="A process has one core."),
                graph("Changelog", "Bps", (rate("ltv_changelog_bytes_total"), "appended")),
                graph("Changelog batches", "ops",
                      (rate("ltv_changelog_batches_total"), "appended")),
                graph("Money out of balance", "short",
                      ("ltv_state_imbalance_minor", "state {{instance}}"),
                      ("ltv_cohort_imbalance_minor", "cohorts {{instance}}")),
                graph("Customers past the bound of duplicates", "short",
                      (total("ltv_dedup_saturated_customers"), "customers")),
                graph("Days below zero", "short", (total("ltv_negative_days"), "customer days"),
                      words="Cancellations of purchases that never came."),
                graph("Money without a rate", "short",
                      (total("ltv_unconverted_minor", "currency"), "{{currency}}"),
                      words="Minor units of orders in other currencies that came without fx_rate."),
            ),
        ),
    ),
)  # fmt: skip

PUBLISHER = Dashboard(
    "ltv-publisher",
    "LTV: publisher and Redis",
    (
        (
            "Now",
            (
                stat("Redis answers", "bool_yes_no", "min(ltv_redis_up)"),
                stat("Customers waiting", "short", "sum(ltv:publish_backlog:sum)", limit=1_000),
                stat("Age of silent scores", "s", "max(ltv_score_age_seconds)", limit=172_800,
                     words="Up to a day and a sweep."),
                stat("Last sweep", "s", "max(ltv_sweep_seconds)", limit=3_600),
                stat("Age of the model", "s", "max(ltv_model_age_seconds)", limit=1_814_400),
                stat("Workers that publish", "short", "sum(ltv_publishing)"),
            ),
        ),
        (
            "Publishing",
            (
                graph("Scores written", "ops",
                      (rate("ltv_published_customers_total"), "all"),
                      (rate("ltv_republished_customers_total", "cause"), "again: {{cause}}")),
                graph("Customers waiting", "short",
                      ("ltv_publish_backlog_customers", "{{instance}}"), stacked=True),
                graph("Full publishes by cause", "short",
                      ("sum by (cause) (ltv_full_publishes_total)", "{{cause}}"),
                      words="Partitions published whole since the workers were started."),
                graph("Redis answers", "short", ("ltv_redis_up", "{{instance}}")),
                graph("Who publishes", "short",
                      ("sum by (build) (ltv_publishing)", "build {{build}}"),
                      words="Workers of the build that readers see; a cut-over changes the line."),
                graph("Length of the daily sweep", "s", ("ltv_sweep_seconds", "{{instance}}")),
            ),
        ),
    ),
)  # fmt: skip

MONEY: Final = "/ $minor_units"
LTV: Final = (
    f"({total('ltv_tier_revenue_minor', 'currency')}"
    f" + {total('ltv_tier_expected_minor', 'currency')})"
)

BUSINESS = Dashboard(
    "ltv-business",
    "LTV: customers and money",
    (
        (
            "Now",
            (
                stat("Customers", "short", total("ltv_customers")),
                stat("Revenue", "short", f"{total('ltv_revenue_minor', 'currency')} {MONEY}"),
                stat("Expected, 365 days", "short",
                     f"{total('ltv_tier_expected_minor', 'currency')} {MONEY}"),
                stat("LTV", "short", f"{LTV} {MONEY}", words="Revenue and what is expected."),
                stat("Value at risk", "short",
                     f"{total('ltv_tier_at_risk_minor', 'currency')} {MONEY}",
                     words="What 30 days of silence would take off, times their chance."),
                stat("LTV a customer", "short",
                     f"sum({LTV}) / {total('ltv_tier_customers')} {MONEY}"),
            ),
        ),
        (
            "Tiers",
            (
                graph("Customers by tier", "short",
                      (total("ltv_tier_customers", "tier"), "{{tier}}"), stacked=True),
                graph("LTV by tier", "short",
                      (f"({total('ltv_tier_revenue_minor', 'tier')}"
                       f" + {total('ltv_tier_expected_minor', 'tier')}) {MONEY}", "{{tier}}"),
                      stacked=True),
                graph("Value at risk by tier", "short",
                      (f"{total('ltv_tier_at_risk_minor', 'tier')} {MONEY}", "{{tier}}"),
                      stacked=True),
            ),
        ),
        (
            "Cohorts, by month of the first purchase",
            (
                Panel("Revenue", "short",
                      ((f"{total('ltv_cohort_revenue_minor', 'cohort')} {MONEY}", "{{cohort}}"),),
                      kind="bargauge"),
                Panel("Revenue a customer", "short",
                      ((f"{total('ltv_cohort_revenue_minor', 'cohort')}"
                        f" / ({total('ltv_cohort_customers', 'cohort')} > 0) {MONEY}",
                        "{{cohort}}"),), kind="bargauge"),
                graph("Customers", "short",
                      (total("ltv_cohort_customers", "cohort"), "{{cohort}}")),
            ),
        ),
        (
            "How right the models are",
            (
                graph("Log loss", "short", ("ltv:prequential_log_loss:mean", "{{model}}"),
                      words="Nats a forecast of a purchase within 30 days; less is better."),
                graph("Skill", "percentunit", ("ltv:prequential_skill:ratio", "{{model}}"),
                      words="0: no better than one chance for everybody; 100 %: knows all."),
                graph("Brier score", "short",
                      ("sum by (model) (ltv_prequential_brier * ltv_prequential_forecasts)"
                       " / sum by (model) (ltv_prequential_forecasts)", "{{model}}")),
                graph("Purchases more than expected, 90 days", "percentunit",
                      ("ltv:prequential_bias:mean", "{{model}}")),
                graph("The same in standard deviations", "short",
                      ("ltv:prequential_drift:sum", "{{model}}"),
                      words="Beyond 4 it is no chance; with a bias beyond 10 % it matters."),
                graph("Error of a purchase day's spend", "short",
                      ("sum by (model) (ltv_prequential_spend_error * ltv_prequential_spends)"
                       " / sum by (model) (ltv_prequential_spends)", "{{model}}"),
                      words="Mean absolute error, major units."),
                Panel("Expected and come, by chance", "short",
                      (("sum by (model, bin) (ltv_prequential_expected)",
                        "{{model}} to {{bin}}: expected"),
                       ("sum by (model, bin) (ltv_prequential_observed)",
                        "{{model}} to {{bin}}: came")), kind="bargauge", width=12,
                      words="Calibration: each pair should be alike."),
                graph("Chance of the gap", "percentunit",
                      ("avg by (model) (ltv_prequential_gap)", "{{model}}"), width=12,
                      words="Of purchases that came: to have come so soon. Ranks no models."),
            ),
        ),
    ),
)  # fmt: skip

DASHBOARDS: Final = (FLOW, STATE, PUBLISHER, BUSINESS)


def main() -> None:
    """Write every dashboard into the directory."""
    given = sys.argv[1:]
    directory = Path(given[0]) if given else Path(__file__).parent / "dashboards"
    directory.mkdir(exist_ok=True)
    for dashboard in DASHBOARDS:
        (directory / f"{dashboard.uid}.json").write_text(as_json(dashboard))


if __name__ == "__main__":
    main()
