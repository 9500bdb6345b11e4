"""`ltv topics`: create the topics that are missing, and say where others are not as they should be.

Topics that exist are never changed: a partition count can't be lowered, and somebody may have
chosen a retention on purpose. What keeps a worker from starting is exit 78, a warning is exit 0.
"""

from __future__ import annotations

import asyncio
from typing import Any

import click
import orjson

from stream_app.settings import Settings
from stream_app.stores.topic_plan import plans
from stream_app.stores.topics import TopicReport, ensure_topics

WRONG = 78


def run(settings: Settings, *, create: bool, as_json: bool) -> int:
    """Create or only check; print what is there; return the exit code."""
    report = asyncio.run(ensure_topics(settings, create))
    if as_json:
        click.echo(orjson.dumps(as_object(report), option=orjson.OPT_INDENT_2))
    else:
        _print(settings, report)
    return WRONG if report.problems else 0


def as_object(report: TopicReport) -> dict[str, Any]:
    """The report for scripts."""
    return {
        "ok": not report.problems,
        "created": list(report.created),
        "topics": {
            role: {
                "name": topic.name,
                "partitions": topic.partitions,
                "configs": dict(sorted(topic.configs.items())),
            }
            for role, topic in report.topics.items()
        },
        "problems": [{"topic": one.topic, "sentence": one.sentence} for one in report.problems],
        "warnings": [{"topic": one.topic, "sentence": one.sentence} for one in report.warnings],
    }


def _print(settings: Settings, report: TopicReport) -> None:
    wide = max(len(plan.name) for plan in plans(settings).values())
    for role, topic in report.topics.items():
        state = "created" if topic.name in report.created else "there"
        counted = f"{topic.partitions} partition{'' if topic.partitions == 1 else 's'}"
        policy = topic.configs.get("cleanup.policy", "?")
        click.echo(f"{topic.name:{wide}}  {state:7}  {counted:13}  {policy:7}  {role}")
    for finding in report.problems:
        click.echo(f"wrong: {finding.sentence}", err=True)
    for finding in report.warnings:
        click.echo(f"warning: {finding.sentence}", err=True)
