"""Cohort totals: what the customers of one month have done since, in whole numbers that add up."""
