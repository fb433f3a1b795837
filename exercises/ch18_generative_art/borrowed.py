"""Files of project 13 that this project goes on with: its denoiser, its training, its edits."""

from course.cli.project import load_script
from course.paths import find_project

_FOLDER = find_project().exercises / "ch13_diffusion_clip"
_runs, _networks, _edits = (
    load_script(_FOLDER / f"{name}.py") for name in ("runs", "networks", "edits")
)
Plan, Run, Numbers = _runs.Plan, _runs.Run, _runs.Numbers
seeded, in_pieces, weights_count = _runs.seeded, _runs.in_pieces, _runs.weights_count
Denoiser, Labels = _networks.Denoiser, _networks.Labels
matching_loss, asked = _networks.matching_loss, _networks.asked
from_a_picture, inpainted = _edits.from_a_picture, _edits.inpainted
