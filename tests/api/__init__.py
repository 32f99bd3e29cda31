"""The interface over a real database."""
