"""``tinymlx watch``: grade on every save."""
