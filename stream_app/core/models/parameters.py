"""The numbers of one fitted model, what they were fitted for, and where they came from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final, Literal, get_args

from stream_app.core.models.bg_nbd import BgNbd
from stream_app.core.models.gamma_gamma import GammaGamma
from stream_app.core.models.mbg_nbd import MbgNbd
from stream_app.core.models.pareto_nbd import ParetoNbd
from stream_app.core.models.purchase_model import PurchaseModel

Kind = Literal["mbg", "bg", "pareto"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

Role = Literal["champion", "challenger", "retired"]
"""What a model was published as: to score everybody, to score a share and be compared, or neither:
a challenger whose place another has taken."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)

OF_KIND: Final[dict[Kind, tuple[str, ...]]] = {
    "mbg": ("r", "alpha", "a", "b"),
    "bg": ("r", "alpha", "a", "b"),
    "pareto": ("r", "alpha", "s", "beta"),
}
"""Names of each kind's own parameters, in the order of its class."""
OF_SPEND: Final = ("p", "q", "gamma")

SMALLEST: Final = 1e-6
LARGEST: Final = 1e6
"""Shapes and scales outside are no fit but a likelihood that ran off: everyone alike, or nobody."""
LARGEST_GAMMA: Final = 1e12
"""gamma is money: 10^12 major units are beyond the spend a day in any currency."""

TAKEN_IDS: Final = ("current", "challenger")
"""In Redis these name whatever model is in use."""

LATEST: Final = 253_402_300_799
"""The last second of the year 9999, after which no calendar here goes on."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ModelParameters:
    """One model: how often customers buy, what they spend, and how much of it stays.

    `r`, `alpha`, `a`, `b` (`mbg`, `bg`) or `r`, `alpha`, `s`, `beta` (`pareto`) count in weeks,
    `p`, `q`, `gamma` in major units of `currency`.
    """

    id: str
    """Names the model in scores; 1-64 letters, digits, dots, dashes and underscores."""
    kind: Kind
    currency: str
    """ISO 4217 code of the money it was fitted on."""
    time_zone: str
    """Whose days were counted."""
    r: float
    alpha: float
    p: float
    q: float
    gamma: float
    a: float | None = None
    b: float | None = None
    s: float | None = None
    beta: float | None = None
    net_ratio: float = 1.0
    """Share of gross that is left after refunds, in the population at fit time; 0-1."""
    fitted_at: int | None = None
    """Unix seconds; None for parameters that were published, not fitted by us."""
    lineage: dict[str, Any] = field(default_factory=dict)
    """Where it came from, for people: offsets, customers, as_of, likelihoods, source."""
    role: Role = "champion"
    """What it was published as."""

    @property
    def buying(self) -> PurchaseModel:
        """The model of when customers buy; the parameters must have no `problem`."""
        own = [getattr(self, name) for name in OF_KIND[self.kind]]
        if self.kind == "mbg":
            return MbgNbd(*own)
        return BgNbd(*own) if self.kind == "bg" else ParetoNbd(*own)

    @property
    def spending(self) -> GammaGamma:
        """The model of what they spend."""
        return GammaGamma(self.p, self.q, self.gamma)

    def problem(self) -> str | None:
        """Why these are no parameters to score with, as one sentence; None when they are."""
        if not _ID.fullmatch(self.id) or self.id in TAKEN_IDS:
            return (
                f"id is {self.id!r}, not 1-64 letters, digits, dots, dashes and underscores"
                f" ({' and '.join(TAKEN_IDS)} are taken)"
            )
        if self.kind not in KINDS:
            return f"kind is {self.kind!r}, not one of {', '.join(KINDS)}"
        if self.role not in ROLES:
            return f"role is {self.role!r}, not one of {', '.join(ROLES)}"
        for name in (*OF_KIND[self.kind], *OF_SPEND):
            value = getattr(self, name)
            most = LARGEST_GAMMA if name == "gamma" else LARGEST
            if value is None:
                return f"{name} is missing, which a model of kind {self.kind!r} needs"
            if not (isfinite(value) and SMALLEST <= value <= most):
                return f"{name} is {value:.17g}, not between {SMALLEST:g} and {most:g}"
        if self.q <= 1:
            return f"q is {self.q:.17g}, not above 1, so that expected spend has no mean"
        if not 0 <= self.net_ratio <= 1:
            return f"net_ratio is {self.net_ratio:.17g}, not between 0 and 1"
        if self.fitted_at is not None and not 0 <= self.fitted_at <= LATEST:
            return "fitted_at is no Unix second up to the year 9999"
        return None

    def misfit(self, *, currency: str, time_zone: str) -> str | None:
        """Why they are not for this business, as one sentence; None when they are."""
        if self.currency != currency:
            return f"model {self.id!r} was fitted in {self.currency}, and money here is {currency}"
        if self.time_zone != time_zone:
            return (
                f"model {self.id!r} was fitted on days of {self.time_zone},"
                f" and days here are those of {time_zone}"
            )
        return None
