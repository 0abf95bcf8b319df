"""Sends mail: by an SMTP server, or into an outbox that administrators can look into."""
