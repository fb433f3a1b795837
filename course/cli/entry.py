"""Where ``tinymlx`` starts: the map at once, everything else through the commands.

The map is what a student sees most; it does without the library for commands, whose import takes
longer than the map itself.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the command ``tinymlx``."""
    from course.cli.terminal import prepare

    prepare()
    words = sys.argv[1:]
    if words not in ([], ["--json"]):
        from course.cli.main import main as commands

        commands()
        return
    from course.errors import CourseError

    try:
        from course.cli import overview

        overview.show(as_json=bool(words))
    except CourseError as error:
        from course.cli.terminal import console

        console(stderr=True).print(str(error), markup=False, style="red")
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output (head, less) has seen enough
        sys.stderr.close()


if __name__ == "__main__":
    main()
