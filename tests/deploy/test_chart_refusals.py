"""Values that Helm must refuse to render: unknown ones, and those that do not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.chart import CHART, MINIMAL
from tests.deploy.tooling import outcome, tool


def refused(example: Path, *options: str) -> str:
    """What Helm says when it refuses to render."""
    code, said = outcome(tool("helm"), "template", "x", CHART, "--values", example, *options)
    assert code != 0, "it was rendered"
    return said


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["autoscaling.enabled=true", "autoscaling.maxReplicas=9"], "autoscaling.maxReplicas is 9"),
        (["autoscaling.enabled=true", "autoscaling.minReplicas=0"], "minReplicas"),
        (["worker.replicas=9"], "worker.replicas is 9, but 8 partitions"),
        (["worker.replicas=0"], "replicas"),
        (["serve.token.secret="], "serve.token.secret is missing"),
        (["redis.worker.secret="], "redis.worker.secret is missing"),
        (["kafka.brokers="], "kafka.brokers is missing"),
        (["kafka.brokers=kafka"], "brokers"),
        (["kafka.security=SASL_SSL"], "kafka.worker.secret is missing"),
        (["operator.enabled=true"], "redis.operator.secret is missing"),
        (["verify.enabled=true"], "redis.operator.secret is missing"),
        (
            [
                "kafka.security=SASL_SSL,kafka.worker.secret=w,kafka.fit.secret=f",
                "operator.enabled=true,redis.operator.secret=r",
            ],
            "kafka.operator.secret is missing",
        ),
        (["kafka.ca.secret=ca"], "kafka.security does not encrypt"),
        (["strimzi.topics=true"], "strimzi.cluster is missing"),
        (["strimzi.topics=true", "strimzi.cluster=a", "topicsJob.enabled=true"], "keep one"),
        (["settings.LTV_BROKERS=a:1"], "LTV_BROKERS"),
        (["settings.LTV_HTTP_PORT=9"], "LTV_HTTP_PORT"),
        (["settings.WORD=1"], "WORD"),
        (["extraEnv[0].name=LTV_BROKERS"], "extraEnv"),
        (["settings.LTV_MODEL_FILE=/etc/files/m.json"], "none of extraVolumeMounts"),
        (["settings.LTV_CAC_FILE=/files/m.csv", "extraVolumeMounts[0].mountPath=/file"], "LTV_CAC"),
        (["worker.terminationGracePeriodSeconds=10"], "terminationGracePeriodSeconds"),
        (["wroker.replicas=2"], "wroker"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_values_that_do_not_go_together_are_refused(options: list[str], why: str) -> None:
    assert why in refused(MINIMAL, *(word for option in options for word in ("--set", option)))
