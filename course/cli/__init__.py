"""The command ``tinymlx``."""
