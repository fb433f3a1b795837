"""A package of rows."""
