"""What we know of money, days and customers; pure: no clock, no network, no environment."""
