"""Tortoise's database clients with the gaps closed that cost data or hang a process."""
