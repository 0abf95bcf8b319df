"""Features a tenant can switch on, one folder each."""
