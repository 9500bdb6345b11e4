"""`ltv serve`: scores, the report and pages for people over HTTP, from Redis alone."""
