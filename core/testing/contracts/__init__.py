"""What every plugin and every driver must keep to: ``pytest --pyargs core.testing.contracts``."""
