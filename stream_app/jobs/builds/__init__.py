"""Builds side by side: listed, compared, switched between, and removed.

known.py       which builds there are, and the settings of each
redis_link.py  the connection to Redis
positions.py   how far a build has read: its watermarks, found from the end of its changelog
listing.py     `ltv builds`
delete.py      `ltv builds delete N`
diff.py        `ltv diff`: two builds customer by customer, at one cut
  digests.py     every customer as two numbers, so that millions fit
  suspects.py    the states of those who differ, read a second time
  one_cut.py     what one build had folded and the other had not, folded for those
  follow.py      the same where the builds read different topics: waited for
  scoring.py     what differing states are worth
  findings.py    what was found; printing.py shows it
cut_over.py    `ltv cut-over`: another build publishes
  readiness.py   whether it can
  settling.py    until it has published everything
  clearing.py    hashes of customers that only the older build knew
target.py      a build that is made (`ltv backfill`, `ltv replay`): is its place free
writing.py     its changelog
"""
