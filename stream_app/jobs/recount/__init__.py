"""A brute-force recount of every customer's facts, straight from the raw records of the topics.

This package is the second opinion that `ltv verify` rests on.  It shares no code with the stream:
it parses with the standard library's `json`, reckons with `decimal`, `fractions`, `datetime` and
`zoneinfo`, keeps every day as a plain dict and every identity as its whole text, and says again,
in its own words, what makes a record acceptable.  An import contract keeps it that way: nothing
here may import the stream's decoder, its worker, or its customer.

    parse.py      bytes -> JSON, numbers as they were written
    read.py       one raw record -> an Entry, or the reason it is refused
    instant.py    RFC 3339 text -> microseconds; microseconds -> business day
    quantity.py   decimal text -> minor units, rates, conversion
    currency.py   the ISO 4217 codes and their minor units
    placement.py  which partition a customer id belongs to
    ledger.py     the entries of one customer -> facts
    facts.py      the records of one partition -> its ledgers, and what was counted
    fields.py     facts -> the fields of the published hash
"""
