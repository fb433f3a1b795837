"""Objects on demand: photographs of ten classes where CIFAR-10 is, rendered shapes elsewhere.

The same as digits in colour, and with a judge that has to be trained first: see
:mod:`.colour_judge`. Photographs may be mirrored, so half of those that are learned from are. What
is near a picture is told by the judge's features: a mirrored or slightly moved copy is far away in
its pixels, and near in them.
"""

from course.errors import CourseError
from tinymlx import core
from tinymlx.core import array
from tinymlx.data import cifar10, shapes
from tinymlx.data.dataset import Dataset
from tinymlx.generative.frechet import frechet_ratio

from .colour_judge import held_back, learned_judge
from .conditional import Seen, Task, as_asked, on_demand
from .runs import Numbers, Run


def pictures(run: Run) -> Dataset:
    """CIFAR-10, or rendered shapes; if it is not there, how it is fetched.

    Raises:
        CourseError: a file of it is damaged.
    """
    if run.setting.name == "quick":
        return shapes.load(600, 120, clutter=0.0)
    try:
        return cifar10.load()
    except FileNotFoundError:
        run.console.print(
            "CIFAR-10 is not here, so objects are rendered shapes; `tinymlx data cifar10` fetches "
            "the photographs."
        )
        return shapes.load(clutter=0.4)
    except ValueError as error:
        raise CourseError(str(error)) from error


def task_of(run: Run, data: Dataset) -> Task:
    """What is learned and asked for."""
    setting = run.setting.objects
    return Task(
        "objects",
        data,
        net=setting.unet,
        plan=setting.plan,
        flip=True,
        judged=setting.judged,
        calls=setting.calls,
        guidance=setting.guidance,
        scales=setting.scales,
        goals=(">= 0.75", "<= 3.0"),
    )


def objects(run: Run) -> Numbers:
    """Train the judge, then the U-Net, and judge at several scales of guidance."""
    data, setting = pictures(run), run.setting.objects
    known, others = held_back(data)
    judge = learned_judge(run, known, len(data.classes), setting.looker, setting.looking)
    test, other = judge(core.array(data.test.x)), judge(core.array(others.x)).features
    numbers = judged_judge(run, data, test, judge(core.array(known.x[: len(other)])), other)

    def likeness(x: array) -> array:
        return judge(x).features

    return numbers | on_demand(run, task_of(run, data), judge, test.features, other, likeness)


def judged_judge(run: Run, data: Dataset, test: Seen, known: Seen, other: array) -> Numbers:
    """How often the judge is right on test pictures; and how far from them, in its features, are
    those that it has learned from, where other real ones are 1."""
    right = as_asked(test, core.array(data.test.y))
    far = frechet_ratio(known.features, test.features, other).item()
    run.console.print(f"The judge is right on {right:.1%} of {len(data.test.y)} test pictures.")
    return {
        **run.measured("objects", "the judge on test pictures", right),
        **run.measured("objects", "Frechet ratio of what the judge learned from", far),
    }
