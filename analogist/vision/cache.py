"""Answers on disk, one small JSON file each, so that identical requests are sent once."""

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .profiles import write_private


@dataclass(frozen=True)
class PromptCache:
    """A bounded directory of answers; the ones unused for longest go first.

    Attributes:
        directory: made when the first answer is kept.
        most: answers that are kept. An answer is about a kilobyte.
    """

    directory: Path
    most: int = 2000

    def get(self, question: Mapping[str, Any]) -> Any:
        """The answer to exactly this question as it lies there, or None. A file that is damaged is no answer."""
        path = self._path(question)
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        with suppress(OSError):  # An answer that can be read counts, also in a folder that cannot be written.
            os.utime(path)
        # The question stands in the file too, so that not even equal names could mix up two answers.
        return kept.get("answer") if isinstance(kept, dict) and kept.get("question") == dict(question) else None

    def put(self, question: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Keep an answer. One that cannot be written is not lost to the caller: that is logged, not raised."""
        try:
            write_private(self._path(question), json.dumps({"question": dict(question), "answer": dict(answer)}))
            self._forget_oldest()
        except OSError as error:
            logging.warning("Analogist cannot keep the answer, so asking again will cost again: %s", error)

    def _path(self, question: Mapping[str, Any]) -> Path:
        digest = hashlib.sha256(json.dumps(dict(question), sort_keys=True).encode()).hexdigest()
        return self.directory / f"{digest}.json"

    def _forget_oldest(self) -> None:
        newest_first = sorted(self.directory.glob("*.json"), key=lambda path: -path.stat().st_mtime)
        for path in newest_first[self.most :]:
            path.unlink(missing_ok=True)
