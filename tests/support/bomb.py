"""A file of weights with code inside."""

from pathlib import Path


class Bomb:
    """Leaves a mark where the pickle that holds it is read without care."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self) -> tuple:
        return Path.touch, (self.mark,)
