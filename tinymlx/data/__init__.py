"""Data sets, in the formats in which their publishers distribute them. Given.

Each loader uses the real data where the folder named by the environment variable
``TINYMLX_DATA`` has it, and an embedded default otherwise, so that everything runs without a
network; ``source`` says which one it was.
"""

from .folder import data_folder, find

__all__ = ["data_folder", "find"]
