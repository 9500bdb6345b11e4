"""`ltv report`: the cohort report, from the totals that workers keep in Redis."""
