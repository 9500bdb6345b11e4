"""The names of everything that is ours in Redis.

| key                     | type | written by                 | holds                              |
|-------------------------|------|----------------------------|------------------------------------|
| `ltv:{<customer id>}`   | hash | publisher, under guard     | one customer's scores              |
| `ltv:gen`               | hash | first worker, cut-over     | `publication.Publication`          |
| `ltv:epoch:<build>`     | hash | publisher, opening         | partition -> epoch of its owner    |
| `ltv:published:<build>` | hash | publisher, compare-and-set | partition -> `published.Published` |
| `ltv:model:<id>`        | hash | publisher                  | parameters of a model              |
| `ltv:model:current`     | hash | publisher                  | those in use; absent by formula    |
| `ltv:<summary>:<gen>`   | hash | publisher, under guard     | partition -> what is said of it    |
| `ltv:model:challenger`  | hash | publisher                  | the challenger's; else absent      |
| `ltv:scoring`           | hash | publisher                  | the other things scores depend on  |

`ltv:` stands for the prefix. An id stands in its key as the bytes it came with; the braces make it
the cluster hash tag. Nothing else is touched, and nothing is looked for by SCAN or KEYS.
"""

from __future__ import annotations

from typing import Final

POPULATION: Final = "population"
RANKS: Final = "ranks"
SEGMENTS: Final = "segments"
GRADES: Final = "grades"
STATUS: Final = "status"
COHORTS: Final = "cohorts"
SUMMARIES: Final = (POPULATION, RANKS, SEGMENTS, GRADES, STATUS, COHORTS)
"""What is said of partitions as wholes, each in a hash per generation: with its generation it goes
(`Keys.summary`)."""


class Keys:
    """Key names of one prefix and build.

    >>> keys = Keys("ltv:", 2)
    >>> keys.customer(b"c-17"), keys.published, keys.model("mbg-1")
    (b'ltv:{c-17}', b'ltv:published:2', b'ltv:model:mbg-1')
    >>> keys.summary("population", 3)
    b'ltv:population:3'
    """

    def __init__(self, prefix: str, build: int) -> None:
        self.build = b"%d" % build
        self._prefix = prefix.encode()
        self.opening = self._prefix + b"{"
        self.gen = self._prefix + b"gen"
        self.epoch = self._prefix + b"epoch:" + self.build
        self.published = self._prefix + b"published:" + self.build
        self.model_current = self._prefix + b"model:current"
        self.model_challenger = self._prefix + b"model:challenger"
        self.scoring = self._prefix + b"scoring"

    def customer(self, customer_id: bytes) -> bytes:
        """Where the scores of a customer are."""
        return self.opening + customer_id + b"}"

    def summary(self, name: str, gen: int) -> bytes:
        """Where every partition says something of itself as a whole."""
        return self._prefix + name.encode() + b":%d" % gen

    def model(self, model_id: str) -> bytes:
        """Where the parameters of a model are."""
        return self._prefix + b"model:" + model_id.encode()
