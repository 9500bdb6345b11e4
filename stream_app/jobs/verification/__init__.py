"""The parts of `ltv verify`: is what the stream holds what the topics say?

findings.py      what was compared, what differed, and the verdict; printing.py shows it
sources.py       a partition's topics, recounted to the cut
history.py       what of a state never was in the topics: rows, read one by one
state.py         recounted facts against the state in the changelog
redis_side.py    the first look at every hash, and hashes of nobody
hashes.py        a hash against the facts, field by field
rescoring.py     its scores computed once more, at its own instant and with its own model
follow.py        hashes that moved on, or are on their way, looked at again
dead_letters.py  refusals against the dead letters
"""
