"""Where the analogies of a data set are: the published layout, a plain one, and manifests.

Only names and texts are read here. An image is opened when it is its turn, so that a data set may be of any size.
"""

from pathlib import Path

from .layouts import GRIDS_END, PROMPTS_END, read_folder
from .manifest import read_manifest
from .sources import Dataset


def read_dataset(path: Path) -> Dataset:
    """Find the analogies at `path`, sorted by task and name.

    - published: folders `<task>_masked` of finished grids, each beside `<task>_gpt4_out.txt`; anywhere below.
    - plain: a folder for each analogy with a, a_prime, b, perhaps b_prime, and prompt.txt; or the folders a, a_prime,
      b, perhaps b_prime, with the same names in each, and prompts.txt (name, tab, prompt). Either of them directly
      in `path`, or in a folder for each task.
    - a manifest, .csv or .jsonl: columns task, name, a, a_prime, b, b_prime, grid, prompt, seed; paths relative to it.

    Raises:
        ValueError: there is nothing of the kind, or the manifest cannot be read at all.
    """
    dataset = Dataset()
    if path.is_file():
        read_manifest(path, dataset)
    elif path.is_dir():
        read_folder(path, dataset)
    else:
        raise ValueError(f"There is no data set {str(path)!r}.")
    if not dataset.sources and not dataset.problems:
        raise ValueError(
            f"There is no analogy in {str(path)!r}: it needs folders <task>{GRIDS_END} beside <task>{PROMPTS_END}, or "
            "folders with a, a_prime, b and prompt.txt; or name a manifest."
        )
    dataset.drop_repeated()
    dataset.sources.sort(key=lambda source: (source.task, source.name))
    return dataset
