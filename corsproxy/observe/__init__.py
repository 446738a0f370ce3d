"""What becomes of the account of an exchange: counters, log lines, the ledger and spans."""
