"""Published camera tables, as package data."""
