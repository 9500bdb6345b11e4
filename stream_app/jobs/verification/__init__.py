"""The parts of `ltv verify`: is what the stream holds what the topics say?

findings.py      what was compared, what differed, and the verdict
sources.py       a partition's topics, recounted to the cut
state.py         recounted facts against the state in the changelog
hashes.py        Redis hashes against the facts, and their scores against the models
follow.py        hashes that moved on, or are on their way, looked at again
dead_letters.py  refusals against the dead letters
"""
