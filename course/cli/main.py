"""The command ``tinymlx``: one small function for each subcommand; the work is done elsewhere.

Imports inside the functions keep light commands light: the map must appear at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from course.cli import options

app = typer.Typer(
    help="Rebuild MLX's Python stack, step by step. Without a command: where am I, what is next.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
dev = typer.Typer(help="For authors of the course.", no_args_is_help=True)
app.add_typer(dev, name="dev")

What = Annotated[str | None, typer.Argument(help="An exercise (4.3) or a chapter (4).")]
Which = Annotated[str | None, typer.Argument(help="An exercise (4.3); the next one if left out.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


@app.callback(invoke_without_command=True)
def overview(context: typer.Context, as_json: AsJson = False) -> None:
    """The map of chapters, the next exercise, and what to type."""
    if context.invoked_subcommand is None:
        from course.cli import overview as page

        page.show(as_json)


@app.command()
def check(
    what: Annotated[
        list[str] | None, typer.Argument(help="Exercises (4.3 4.7) or chapters (4); or nothing.")
    ] = None,
    as_json: AsJson = False,
    isolated: Annotated[bool, typer.Option(help="Run each probe in its own process.")] = False,
    fill: Annotated[bool, typer.Option(help="Complete starters with the solutions.")] = True,
    impl: Annotated[str, typer.Option(help="'solutions', or a folder with tinymlx/.")] = ".",
    seed: Annotated[str, typer.Option(help="A number, or 'random'.")] = "",
    limit: Annotated[float, typer.Option(help="Seconds that one test may take.", min=0.1)] = 20.0,
) -> None:
    """Grade exercises, chapters, or everything you have written."""
    from course.checker.parent import Options
    from course.cli import check as page

    options = Options(impl, fill, isolated, seed, limit)
    raise typer.Exit(page.run(what or [], options, as_json))


@app.command()
def watch(what: Which = None) -> None:
    """Grade on every save; single keys do the rest."""
    from course.watch.app import run

    run(what)


@app.command()
def hint(
    which: Which = None,
    level: Annotated[int, typer.Option("--level", "-l", min=0, max=3)] = 0,
) -> None:
    """Show the next hint of an exercise: a question, the idea, nearly the code."""
    from course.cli import cards

    cards.hint(which, level)


@app.command()
def lesson(which: What = None) -> None:
    """Read the lesson in the terminal, at the exercise."""
    from course.cli import cards

    cards.lesson(which)


@app.command()
def diff(
    which: Which = None,
    reveal: Annotated[bool, typer.Option(help="Show the solution before yours passes.")] = False,
) -> None:
    """Your code against the solution, once it passes."""
    from course.cli import cards

    cards.diff(which, reveal)


@app.command()
def reset(
    which: Annotated[str, typer.Argument(help="The exercise (4.3).")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    file: Annotated[bool, typer.Option("--file", help="The whole file, not one function.")] = False,
) -> None:
    """Put the starter of an exercise back, after saving a backup of your file."""
    from course.cli import cards

    cards.reset(which, yes, file)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run(
    chapter: Annotated[int, typer.Argument(help="The chapter whose project to run.")],
    quick: Annotated[bool, typer.Option(help="The short version.")] = False,
    full: Annotated[bool, typer.Option("--full", help="The long version, for a GPU.")] = False,
    trained: Annotated[
        bool, typer.Option("--trained", help="No training: the weights of the long version.")
    ] = False,
    chat: Annotated[
        bool, typer.Option("--chat", help="Talk to a published model (chapter 12).")
    ] = False,
    transfer: Annotated[
        bool, typer.Option("--transfer", help="On published weights (chapter 16).")
    ] = False,
    parts: Annotated[
        str, typer.Option(help="Only these parts of it, with commas between (chapters 12, 13, 18).")
    ] = "",
    brief: Annotated[bool, typer.Option("--brief", help="What a capstone asks for.")] = False,
    start: Annotated[
        bool, typer.Option("--start", help="Put the skeleton of a capstone into your folder.")
    ] = False,
    milestone: Annotated[
        str | None, typer.Option(help="Judge one of its milestones by number, or `all`.")
    ] = None,
    score: Annotated[
        bool, typer.Option("--score", help="Your predictions between ours, on held-out data.")
    ] = False,
    pipeline: Annotated[Path | None, typer.Option(help="Your pipeline, if elsewhere.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Score this .npz file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the pictures go.")] = None,
    impl: Annotated[str, typer.Option(help="'solutions', or a folder with tinymlx/.")] = ".",
) -> None:
    """Run the project of a chapter on your code, completed where you have not been yet."""
    from course.cli import capstone
    from course.cli.project import run_chat, run_project

    asked = capstone.Asked(brief, start, milestone, score, pipeline, predictions, quick, out, impl)
    if asked.what():
        raise typer.Exit(capstone.run(chapter, asked))
    if chat:
        run_chat(chapter, impl, quick or full or trained)
        return
    run_project(chapter, quick, out, impl, full, trained, transfer, parts)


@app.command(context_settings={"allow_interspersed_args": False, "ignore_unknown_options": True})
def swap(
    script: Annotated[Path, typer.Argument(help="A Python program written for MLX.")],
    args: Annotated[list[str] | None, typer.Argument(help="Its own arguments.")] = None,
    impl: Annotated[str, typer.Option(help="'solutions', or a folder with tinymlx/.")] = ".",
) -> None:
    """Run an unmodified MLX program on your own library."""
    from course.cli.project import swap_program

    raise typer.Exit(swap_program(script, args or [], impl))


@app.command()
def data(
    name: Annotated[
        str | None, typer.Argument(help="mnist, cifar10, shakespeare, or a model such as smollm2.")
    ] = None,
    mirror: Annotated[list[str] | None, typer.Option(help="Where from; may be repeated.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where to put it.")] = None,
) -> None:
    """Where the real data sets are; with a name, download one."""
    from course.cli import data as page

    page.show(name, mirror or [], folder)


@app.command()
def bench(
    what: What = None,
    as_json: AsJson = False,
    chart: Annotated[Path | None, typer.Option(help="Draw the table to this PNG or SVG.")] = None,
    quick: Annotated[bool, typer.Option(help="Fewer rounds.")] = False,
) -> None:
    """Measure: yours, the solution, MLX, PyTorch, and the machine's roofline."""
    from course.bench.command import run_bench

    raise typer.Exit(run_bench(what, as_json, chart, quick))


@app.command()
def export(
    chapter: Annotated[int, typer.Argument(help="The chapter whose trained network to write.")],
    to: Annotated[str, typer.Option(help="safetensors, gguf, mlxfn or coreml.")] = "safetensors",
    out: Annotated[Path | None, typer.Option(help="The file.")] = None,
    batch: Annotated[int, typer.Option(help="Inputs at a time, of a function.", min=1)] = 1,
    precision: Annotated[str, typer.Option(help="Core ML: float32 or float16.")] = "float32",
    target: Annotated[
        str | None, typer.Option(help="Core ML: the first system, such as iOS17.")
    ] = None,
    weights: Annotated[str, typer.Option(help="Core ML: plain, palettes or linear.")] = "plain",
    impl: Annotated[str, typer.Option(help="'solutions', or a folder with tinymlx/.")] = ".",
) -> None:
    """Write a trained network as a file for other programs."""
    from course.cli.export import CoreML
    from course.cli.export import export as write

    write(chapter, to, out, batch, impl, CoreML(precision, target, weights))


@app.command()
def book(
    build_only: Annotated[bool, typer.Option("--build-only", help="Do not serve it.")] = False,
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8080,
    out: Annotated[Path | None, typer.Option(help="Where it goes; build/book.")] = None,
    opened: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = True,
) -> None:
    """Read the course as a book in a browser: build it, serve it here, open it."""
    from course.cli import book as page

    page.run(build_only, port, out, opened)


@app.command()
def notebook(
    chapter: Annotated[int, typer.Argument(help="The chapter.")],
    out: Annotated[Path | None, typer.Option(help="Where it goes; notebooks/.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Another one beside yours.")] = False,
    opened: Annotated[bool, typer.Option("--open/--no-open", help="Start JupyterLab.")] = True,
) -> None:
    """A chapter as a notebook in which exercises are solved and graded."""
    from course.cli import notebook as page

    page.run(chapter, out, fresh, opened)


@app.command()
def serve(
    models: Annotated[
        list[str],
        typer.Argument(help="A folder with a language model, 'digits', or 7.", metavar="MODEL..."),
    ],
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8000,
    token: Annotated[
        str | None,
        typer.Option(help="That clients have to send; made where others reach the server."),
    ] = None,
    rows: Annotated[int, typer.Option(help="Requests computed together.", min=1)] = 32,
    pages: Annotated[int, typer.Option(help="Of keys and values.", min=1)] = 512,
    page: Annotated[int, typer.Option(help="Positions in a page.", min=1)] = 16,
    queue: Annotated[int, typer.Option(help="Requests at a time.", min=1)] = 256,
    tokens: Annotated[int, typer.Option(help="That one request may ask for.", min=1)] = 1024,
    seconds: Annotated[float, typer.Option(help="That one request may take.", min=0.01)] = 120.0,
    impl: Annotated[str, typer.Option(help="'solutions', or a folder with tinymlx/.")] = ".",
) -> None:
    """Serve a model over HTTP, as OpenAI's clients know it, with a page to try it."""
    from course.cli.serve import Wanted, run

    run(Wanted(models, host, port, token, rows, pages, page, queue, tokens, seconds, impl))


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Is this machine ready; what is slow or missing, and how to mend it."""
    from course.doctor import run

    raise typer.Exit(run(as_json))


@app.command()
def update(
    source: Annotated[
        str, typer.Argument(help="A newer course: a folder, or a git remote and branch.")
    ] = "origin",
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Bring in a newer course; only functions that are still starters are replaced."""
    from course.update import run

    run(source, dry)


for command in (options.grade, options.merge, options.regrade):
    app.command()(command)


@app.command(name="class")
def classroom(
    report: Annotated[Path, typer.Argument(help="A report of `tinymlx grade`.")],
    as_json: AsJson = False,
) -> None:
    """Instructor: how the class does, exercise by exercise."""
    from course.cli import classroom as page

    raise typer.Exit(page.run(report, as_json))


@app.command()
def likeness(
    submissions: Annotated[Path, typer.Argument(help="The folder of submissions.")],
    past: Annotated[
        list[Path] | None, typer.Option(help="Submissions of an earlier class; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the page goes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Instructor: pairs whose work is more alike than is usual in the class."""
    from course.cli import likeness as page

    raise typer.Exit(page.run(submissions, past or [], out, as_json))


@app.command()
def autograder(
    out: Annotated[Path, typer.Argument(help="The zip to write.")] = Path("autograder.zip"),
    what: Annotated[str | None, typer.Option(help="A chapter (4) or exercise (4.3).")] = None,
) -> None:
    """Instructor: an autograder zip for Gradescope, built from this repository."""
    from course.grading.gradescope import build
    from course.paths import find_project

    build(find_project(), out, what)
    typer.echo(f"wrote {out}")


@app.command()
def compare(
    exercise: Annotated[str, typer.Argument(help="The exercise (4.3).")],
    paths: Annotated[
        list[str] | None, typer.Argument(help="'mine', 'solutions', submissions, or their folder.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Where the page goes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Instructor: solutions side by side: correctness, error, speed, code."""
    from course.cli import compare as page

    raise typer.Exit(page.run(exercise, paths or [], html, as_json))


@dev.command()
def cut(
    check: Annotated[bool, typer.Option("--check", help="Compare, and write nothing.")] = False,
) -> None:
    """Write the starters into tinymlx/, from solutions/tinymlx/."""
    from course.cli import authors

    raise typer.Exit(authors.cut(check))


@dev.command()
def wrongs(
    file: Annotated[Path, typer.Argument(help="Functions under @misconception(id, words).")],
    jobs: Annotated[int, typer.Option(help="Processes; 0: one a core.")] = 0,
) -> None:
    """Judge wrong solutions: which pass, which tests reject the others, what are they called?"""
    from course.cli import authors

    raise typer.Exit(authors.wrongs(file, jobs))


@dev.command()
def figures(chapter: Annotated[int | None, typer.Argument()] = None) -> None:
    """Draw the figures of the lessons again, with the solutions."""
    from course.cli import authors

    authors.figures(chapter)


@dev.command()
def appendices(
    check: Annotated[bool, typer.Option("--check", help="Compare, and write nothing.")] = False,
) -> None:
    """Write the appendices that are made from the docstrings."""
    from course.cli import authors

    raise typer.Exit(authors.appendices(check))


@dev.command()
def translations(
    stamp: Annotated[Path | None, typer.Option(help="A page that was looked through.")] = None,
) -> None:
    """What is missing, stale or different in the other languages."""
    from course.cli import authors

    raise typer.Exit(authors.translations(stamp))


def main() -> None:
    """Entry point: a `CourseError` is shown as its sentence, never as a traceback."""
    from course.cli.ends import end
    from course.cli.terminal import prepare

    prepare()
    end(obey)


def obey() -> int:
    """What the words on the command line ask for; the exit code."""
    try:
        code = app(standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except Exception as error:
        if not _is_usage(error):
            raise
        error.show()  # type: ignore[attr-defined]
        return 2


def _is_usage(error: Exception) -> bool:
    return any(kind.__name__ == "ClickException" for kind in type(error).__mro__)


if __name__ == "__main__":
    main()
