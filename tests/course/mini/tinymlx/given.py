"""Given: ways to end a process that the policy does not see, for the tests of the machinery."""

import os


def leave(code: int) -> None:
    """End the process at once."""
    os._exit(code)


def crash() -> None:
    """End the process by a signal."""
    os.abort()
