"""Where ``tinymlx`` starts: the map at once, everything else through the commands.

The map is what a student sees most; it does without the library for commands, whose import takes
longer than the map itself.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the command ``tinymlx``."""
    try:
        from course.cli.ends import end
        from course.cli.terminal import prepare

        prepare()
        end(_work)
    except KeyboardInterrupt:  # before there was anything to do
        sys.exit(130)


def _work() -> int:
    words = sys.argv[1:]
    if words in ([], ["--json"]):
        from course.cli import overview

        overview.show(as_json=bool(words))
        return 0
    from course.cli.main import obey

    return obey()


if __name__ == "__main__":
    main()
