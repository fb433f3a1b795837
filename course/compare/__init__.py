"""Implementations of one exercise side by side: right, exact, fast, short, alike."""
