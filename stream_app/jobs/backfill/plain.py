"""The rows that nearly all are, read by DuckDB a column at a time.

Nothing is refused here: a row that does not plainly pass keeps its cells, and `odd.py` has the
decoder judge it. What does pass gives the very numbers that the decoder would give; a test holds
the two ways equal. Columns of what comes out:

    kind         place in KINDS; NULL where the row is odd
    customer_id
    identity     what makes it a duplicate: the event id, of a cancellation the order id
    at_us        when it happened, microseconds since 1970
    at_local     whether that is on the business's clock, since the row names no offset
    ordered_us, ordered_local   the same of the purchase that a cancellation takes back
    minor        money in minor units of the base currency
    channel      of a signup
    cells        of an odd row, in the order of the source's fields
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from stream_app.core.calendar import DAY_US
from stream_app.core.days import LAST_DAY
from stream_app.core.money import EXPONENTS
from stream_app.jobs.backfill.sources import Column, Source
from stream_app.jobs.send.columns import GUESSES
from stream_app.jobs.send.files import as_text, quoted_text
from stream_app.settings import Settings
from stream_app.wire.ids import MAX_ID

CONTENT_ID: Final = "row-"
"""What an id begins with that is made of a row's content."""
FIELDS: Final = tuple(GUESSES)
KINDS: Final = ("purchase", "refund", "cancellation", "signup", "activity")
PURCHASE, REFUND, CANCELLATION, SIGNUP, ACTIVITY = range(len(KINDS))

_WHOLE_DIGITS: Final = 15
"""Digits of an amount with those after the point: below 10^15 minor units in every currency."""
_FIRST_US, _LAST_US = DAY_US, (LAST_DAY - 1) * DAY_US
"""Plain instants lie a day inside of what is allowed, so that no offset carries them out."""
_TIMES: Final = {"at": "occurred_at", "ordered": "ordered_at"}
_DATE: Final = r"\d{4}-\d\d-\d\d"
_CLOCK: Final = r"[T ]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"
_OFFSET: Final = r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d)"
_CONTROL: Final = r"[\x00-\x1f\x7f-\x{9f}]"
_DECIMAL: Final = re.compile(r"DECIMAL\([0-9]+,([0-9]+)\)")
"""DuckDB's name of the type, with its digits after the point."""
_ESCAPED_IN_JSON: Final = r'["\\\x00-\x1f]'
_ROOM_BYTES: Final = 512
"""Names, quotes and braces of a record's JSON, and a time written with its offset."""
_WORST_ESCAPE: Final = 6
"""Bytes of JSON for one byte of a cell, at most."""


def plain_rows(source: Source, settings: Settings) -> str:
    """SQL for the rows of a source, in their order."""
    wanted = [column for column in source.columns if column.field is not None]
    cells = [f"nullif({as_text(one.sql, one.type)}, '') AS f_{one.field}" for one in wanted]
    absent = [f"NULL::VARCHAR AS f_{name}" for name in FIELDS if source.column_of(name) is None]
    given = ", ".join([*cells, *absent, *_typed(source)])
    values = _Values(source, settings)
    kept = ", ".join(f"f_{one.field}" for one in wanted)
    return (
        f"SELECT kind, if(kind IS NULL, NULL, f_customer_id) AS customer_id,"
        f" if(kind IS NULL, NULL, identity) AS identity,"
        f" at_us, {values.local('at')} AS at_local,"
        f" ordered_us, {values.local('ordered')} AS ordered_local, minor,"
        f" if(kind = {SIGNUP}, f_channel, NULL) AS channel,"
        f" if(kind IS NULL, [{kept}], NULL) AS cells"
        f" FROM (SELECT *, if({values.is_plain}, said, NULL) AS kind"
        f" FROM (SELECT *, {values.identity} AS identity"
        f" FROM (SELECT *, {values.kind} AS said, {values.instant('at')} AS at_us,"
        f" {values.instant('ordered')} AS ordered_us, {values.minor} AS minor"
        f" FROM (SELECT {given} FROM {source.relation}))))"
    )


class _Values:
    """SQL for what a row says, out of its cells as texts, `f_` and the name of the field."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self._source = source
        self._settings = settings
        self._fields = sorted(one.field for one in source.columns if one.field)
        self._is_utc = settings.time_zone in ("UTC", "Etc/UTC")

    @property
    def kind(self) -> str:
        """The place of the row's type in KINDS; NULL where it has another one."""
        cases = " ".join(f"WHEN '{name}' THEN {place}" for place, name in enumerate(KINDS))
        return f"(CASE coalesce(f_type, '{self._source.kind}') {cases} END)::UTINYINT"

    @property
    def minor(self) -> str:
        """Minor units of the base currency; NULL where the amount is not plainly written in it."""
        digits = EXPONENTS[self._settings.currency]
        column = self._source.column_of("amount")
        decimal = _DECIMAL.fullmatch(column.type) if column is not None else None
        if decimal is not None and int(decimal[1]) <= digits:
            within = f"amount_typed BETWEEN 0 AND {10 ** (_WHOLE_DIGITS - digits) - 1}"
            return f"CASE WHEN {within} THEN (amount_typed * {10**digits})::BIGINT END"
        fraction = rf"(\.[0-9]{{1,{digits}}}0*)?" if digits else r"(\.0+)?"
        form = f"[0-9]{{1,{_WHOLE_DIGITS - digits}}}{fraction}"
        amount = f"try_cast(f_amount AS DECIMAL(18, {digits}))"
        return (
            f"CASE WHEN regexp_full_match(f_amount, '{form}')"
            f" THEN ({amount} * {10**digits})::BIGINT END"
        )

    def instant(self, which: str) -> str:
        """Microseconds since 1970 of `at` or `ordered`; NULL where it is not plainly a time."""
        column = self._source.column_of(_TIMES[which])
        if column is None:
            return "NULL::BIGINT"
        if _is_time(column):
            return f"CASE WHEN isfinite({which}_typed) THEN epoch_us({which}_typed) END"
        text = f"f_{_TIMES[which]}"
        return (
            f"CASE WHEN regexp_full_match({text}, '{_DATE}({_CLOCK}{_OFFSET}?)?')"
            f" THEN epoch_us(try_cast({text} AS TIMESTAMPTZ))"
            f" WHEN regexp_full_match({text}, '\\d{{8}}')"
            f" THEN epoch_us(try_strptime({text}, '%Y%m%d'))"
            f" WHEN regexp_full_match({text}, '\\d{{9,10}}') THEN {text}::BIGINT * 1000000"
            f" WHEN regexp_full_match({text}, '\\d{{12,13}}') THEN {text}::BIGINT * 1000 END"
        )

    def local(self, which: str) -> str:
        """Whether the instant is on the business's clock."""
        column = self._source.column_of(_TIMES[which])
        if column is None or self._is_utc:
            return "false"
        if _is_time(column):
            return "false" if column.type == "TIMESTAMP WITH TIME ZONE" else "true"
        return f"regexp_full_match(f_{_TIMES[which]}, '({_DATE}|\\d{{8}})({_CLOCK})?')"

    @property
    def identity(self) -> str:
        """The id by which a duplicate is recognised; made of the content where there is none."""
        event = "f_event_id" if "event_id" in self._fields else self._content_id
        return f"if(said = {CANCELLATION}, f_order_id, {event})"

    @property
    def _content_id(self) -> str:
        """As `Messages` makes it, of rows whose cells JSON need not escape."""
        pairs = ", ".join(f"'[\"{name}\",\"' || f_{name} || '\"]'" for name in self._fields)
        return f"'{CONTENT_ID}' || left(sha256('[' || concat_ws(',', {pairs}) || ']'), 32)"

    @property
    def is_plain(self) -> str:
        """Whether the row is read here, by what kind of event it is."""
        order = f"({_is_id('f_order_id')} OR f_order_id IS NULL AND said = {PURCHASE})"
        base = quoted_text(self._settings.currency)
        money = (
            f"minor IS NOT NULL AND {order} AND coalesce(f_currency, {base}) = {base}"
            " AND f_fx_rate IS NULL AND f_items IS NULL"
        )
        taken_back = (
            f"ordered_us BETWEEN {_FIRST_US} AND at_us"
            f" AND ({self.local('at')}) = ({self.local('ordered')})"
        )
        by_kind = (
            f"CASE said WHEN {SIGNUP} THEN f_channel IS NULL OR {_is_id('f_channel', 64)}"
            f" WHEN {ACTIVITY} THEN coalesce(f_kind, 'login') IN ('login', 'visit')"
            f" WHEN {CANCELLATION} THEN {money} AND {taken_back} ELSE {money} END"
        )
        return f"{' AND '.join(self._common())} AND ({by_kind})"

    def _common(self) -> Iterable[str]:
        """What holds for every kind."""
        yield "said IS NOT NULL"
        yield f"at_us BETWEEN {_FIRST_US} AND {_LAST_US}"
        yield _is_id("f_customer_id")
        if "event_id" in self._fields:
            yield _is_id("f_event_id")
        else:
            cells = ", ".join(f"f_{name}" for name in self._fields)
            yield f"NOT regexp_matches(concat({cells}), '{_ESCAPED_IN_JSON}')"
        sizes = " + ".join(f"coalesce(strlen(f_{name}), 0)" for name in self._fields)
        yield f"{sizes} <= {(self._settings.max_value - _ROOM_BYTES) // _WORST_ESCAPE}"


def _typed(source: Source) -> Iterable[str]:
    """Columns of times and of decimals, to be read as such and not by way of their text."""
    for which, field in _TIMES.items():
        column = source.column_of(field)
        if column is not None and _is_time(column):
            quoted = _quoted(column)
            kind = "::TIMESTAMP" if column.type == "DATE" else ""
            yield f"{quoted}{kind} AS {which}_typed"
    column = source.column_of("amount")
    if column is not None and _DECIMAL.fullmatch(column.type):
        yield f"{_quoted(column)} AS amount_typed"


def _quoted(column: Column) -> str:
    return '"' + column.sql.replace('"', '""') + '"'


def _is_time(column: Column) -> bool:
    return column.type in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "DATE")


def _is_id(field: str, longest: int = MAX_ID) -> str:
    """Whether a text is there, not too long, and without control characters."""
    return (
        f"({field} IS NOT NULL AND length({field}) <= {longest}"
        f" AND NOT regexp_matches({field}, '{_CONTROL}'))"
    )
