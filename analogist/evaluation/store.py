"""The folder of results. Whatever is in it is whole: a run may be killed between any two instructions.

    strips/<task>/<name>.png      the published format: the grid, the canvas and the results side by side
    pictures/<task>/<name>_1.png  every B', cropped without white lines
    records/<task>/<name>.json    the settings of an analogy; it is written last, so where it is the images are

Every file is written under another name, brought to the disk and then renamed. The images carry the settings, too.
"""

import errno
import json
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

from filelock import FileLock, Timeout
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from ..cells import Cell
from ..files.writing import UNFINISHED, whole_file
from ..grid import crop
from ..scores.strips import join, png_text
from .jobs import Job
from .settings import RenderSettings, readable

BAD_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
"""What file systems say of a name that they do not take, though others do."""
PNG_KEY = "analogist"
"""Where an image carries its settings."""
QUICK_PNG = 1
"""zlib's fastest level: a strip of noise is hardly larger than at the best one, which takes many times as long."""


class Origin(BaseModel):
    """Everything that decides how a result looks. Results of equal origin are equal, so they are not rendered again.

    Attributes:
        task, name, prompt, seed: of the analogy.
        sources: SHA-256 of its image files.
        settings: how it was rendered; folders of earlier versions call it "painting".
        backend: where it was rendered; for ComfyUI with the whole graph.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    name: str
    prompt: str
    seed: int
    sources: dict[str, str]
    settings: RenderSettings = Field(validation_alias=AliasChoices("settings", "painting"))
    backend: dict[str, JsonValue]

    def difference(self, other: "Origin") -> str:
        """What is different in `other`, in words; empty where nothing is."""
        ours, theirs = _flat(self.model_dump(mode="json")), _flat(other.model_dump(mode="json"))
        names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        return ", ".join(f"{name} {_short(ours.get(name))} -> {_short(theirs.get(name))}" for name in names)


class Record(BaseModel):
    """One finished analogy.

    Attributes:
        origin: what decided the result.
        images: how many results there are.
        seconds: how long they took.
        scored_by: what the scores were computed by; empty where there are none yet.
        scores: a number for each result, by the name of the score.
    """

    # Infinity, the PSNR of equal images, is no number of JSON's.
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    origin: Origin
    images: int
    seconds: float
    scored_by: str = ""
    scores: dict[str, list[float]] = {}


class Store:
    """One folder of results; a context in which no other run can write into it.

    Raises:
        ValueError: on entering, another run is writing into the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / ".lock")

    def __enter__(self) -> "Store":
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(
                f"Another run is writing into {str(self.folder)!r}: wait until it ends, or stop it."
            ) from None
        for left_over in self.folder.rglob(f"*{UNFINISHED}"):
            if left_over.is_file():
                left_over.unlink()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def strip(self, origin: Origin) -> Path:
        return self.folder / "strips" / origin.task / f"{origin.name}.png"

    def images(self, origin: Origin, images: int) -> list[Path]:
        folder = self.folder / "pictures" / origin.task
        return [folder / f"{origin.name}_{number}.png" for number in range(1, images + 1)]

    def record(self, origin: Origin) -> Path:
        return self.folder / "records" / origin.task / f"{origin.name}.json"

    def read(self, origin: Origin) -> Record | None:
        """The record of an analogy, of whatever origin; None where it is not finished, or its images are gone.

        Raises:
            ValueError: a damaged record, or a name that the file system does not accept.
        """
        path = self.record(origin)
        try:
            record = Record.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ValueError(f"the record {str(path)!r} cannot be read: {error.strerror}.") from error
        except ValidationError as error:
            raise ValueError(
                f"the record {str(path)!r} is damaged ({readable(error)}): delete it to render the analogy again."
            ) from None
        there = all(file.exists() for file in (self.strip(origin), *self.images(origin, record.images)))
        return record if there else None

    def keep(self, origin: Origin, job: Job, grids: Iterable[Image.Image], seconds: float) -> None:
        """Write the images of a finished analogy, and after them its record.

        Raises:
            ValueError: the file system takes no files of these names.
            OSError: nothing more can be written.
        """
        self._forget(origin)
        grids = list(grids)
        on_strip, on_result = png_text(job.grid), PngInfo()
        for carried in (on_strip, on_result):
            carried.add_itxt(PNG_KEY, origin.model_dump_json())
        self._image(self.strip(origin), join(job.grid, job.image, grids), on_strip)
        for path, grid in zip(self.images(origin, len(grids)), grids, strict=True):
            self._image(path, crop(job.grid, grid, Cell.B_PRIME), on_result)
        self.write(self.record(origin), _json(Record(origin=origin, images=len(grids), seconds=seconds)))

    def _forget(self, origin: Origin) -> None:
        """Take out what an analogy has from other settings: its record first, so that it counts as unfinished."""
        previous = self.read(origin)
        self.record(origin).unlink(missing_ok=True)
        if previous:
            for path in self.images(origin, previous.images):
                path.unlink()

    def keep_scores(self, record: Record, scored_by: str, scores: Mapping[str, list[float]]) -> Record:
        """Write scores into the record of an analogy."""
        scored = record.model_copy(update={"scored_by": scored_by, "scores": dict(scores)})
        self.write(self.record(record.origin), _json(scored))
        return scored

    def write(self, path: Path, content: bytes) -> None:
        """Write a file, whole or not at all, and wait until it is on the disk."""
        self.write_pieces(path, [content])

    def write_pieces(self, path: Path, pieces: Iterable[bytes]) -> None:
        """The same of content that comes in pieces."""
        try:
            with whole_file(path) as file:
                file.writelines(pieces)
        except OSError as error:
            if error.errno not in BAD_NAME:
                raise
            raise ValueError(f"the file {str(path)!r} cannot be written: {error.strerror}.") from error

    def _image(self, path: Path, image: Image.Image, carried: PngInfo) -> None:
        encoded = BytesIO()
        image.save(encoded, "PNG", pnginfo=carried, compress_level=QUICK_PNG)
        self.write(path, encoded.getvalue())


def _json(record: Record) -> bytes:
    return (record.model_dump_json(indent=1) + "\n").encode()


def _flat(content: object, name: str = "") -> dict[str, object]:
    if not isinstance(content, dict):
        return {name: content}
    parts = ((f"{name}.{part}" if name else part, inner) for part, inner in content.items())
    return {key: value for part, inner in parts for key, value in _flat(inner, part).items()}


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."
