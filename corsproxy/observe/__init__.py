"""What becomes of the account of an exchange: counters and log lines."""
