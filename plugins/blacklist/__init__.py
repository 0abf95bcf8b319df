"""Turn unwanted callers away before they get in: by address, network or pattern."""
