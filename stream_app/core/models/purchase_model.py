"""What a model of buying can be asked. BG/NBD, MBG/NBD and Pareto/NBD answer.

x is the frequency, t_x the recency and T the age in weeks, t a horizon in weeks from T. All take
numbers or arrays and answer with arrays; none fails, warns or answers NaN for 0 <= t_x <= T.
"""

from __future__ import annotations

from typing import Protocol

from stream_app.core.models.arrays import Floats, Numbers


class PurchaseModel(Protocol):
    """A fitted population of buyers."""

    def log_likelihood(self, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Of each customer, natural logs."""

    def log_likelihood_with_slopes(
        self, x: Numbers, t_x: Numbers, T: Numbers
    ) -> tuple[Floats, Floats]:
        """The same, and its derivatives by the logs of the four parameters, a row each."""

    def p_alive(self, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Chance that the customer still buys."""

    def expected_purchases(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Expected purchase days in the next `t` weeks."""

    def expected_while_alive(self, t: Numbers, x: Numbers, T: Numbers) -> Floats:
        """The same of a customer known to be alive."""

    def p_buy(self, t: Numbers, x: Numbers, t_x: Numbers, T: Numbers) -> Floats:
        """Chance of at least one purchase in the next `t` weeks."""

    def p_buy_while_alive(self, t: Numbers, x: Numbers, T: Numbers) -> Floats:
        """The same of a customer known to be alive."""

    def next_purchase(self, q: float, x: Numbers, T: Numbers, p_alive: Numbers) -> Floats:
        """Weeks until the next purchase has come with chance `q`; inf: not expected."""

    def age_at(self, theta: float, x: Numbers, t_x: Numbers) -> Floats:
        """Age in weeks at which P(alive) falls to `theta` in silence, 0 < theta < 1; inf: never."""
