"""Text on a node, while it works and after."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from comfy_api.latest import io
from comfy_execution.utils import get_executing_context

NOTHING = "Nothing to note in this run."


def own_id(cls: type[io.ComfyNode]) -> str | None:
    """The node's id in the graph; None where it is called as a plain function."""
    return cls.hidden.unique_id if cls.hidden else None


def show(text: str, node_id: str | None) -> None:
    """Text on the node itself, for the browser that queued the prompt."""
    # Not at the top: on older hosts it can only be imported where main.py has been, and no other node needs it.
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if server is not None and node_id is not None:
        # Browsers of older hosts take it for HTML, and it holds the words of a model or of a workflow from a stranger.
        harmless = text.replace("<", "\u2039").replace(">", "\u203a")
        server.send_progress_text(harmless, node_id, server.client_id)


@dataclass
class _Told:
    """What has been said, so that nothing is said twice in one run of a graph.

    Attributes:
        run: the host's id of the prompt; None outside of any, where everything is said.
        logged: sentences in the log, in this run.
        shown: sentences of each node, in this run.
        marked: nodes that still show a sentence, of this run or an earlier one.
    """

    run: str | None = None
    logged: set[str] = field(default_factory=set)
    shown: dict[str | None, list[str]] = field(default_factory=dict)
    marked: set[str | None] = field(default_factory=set)

    def enter_run(self) -> None:
        context = get_executing_context()
        run = context.prompt_id if context else None
        if run is None or run != self.run:
            self.run, self.logged, self.shown = run, set(), {}

    def new(self, node_id: str | None, sentences: Sequence[str]) -> list[str]:
        known = self.shown.setdefault(node_id, [])
        known += [sentence for sentence in sentences if sentence not in known]
        unlogged = [sentence for sentence in sentences if sentence not in self.logged]
        self.logged.update(unlogged)
        return unlogged


_told = _Told()


def advisor(node_id: str | None, usual: str) -> Callable[[Sequence[str]], None]:
    """Says sentences in the log and on the node, below its `usual` text, once in each run; the next run takes them off."""

    def tell(sentences: Sequence[str]) -> None:
        _told.enter_run()
        for sentence in _told.new(node_id, sentences):
            logging.warning("Analogist: %s", sentence)
        said = _told.shown[node_id]
        if not said and node_id not in _told.marked:
            return
        show("\n".join([usual, *said]), node_id)
        for outer in _around(node_id):
            show("\n".join(said) or NOTHING, outer)
        (_told.marked.add if said else _told.marked.discard)(node_id)

    return tell


def _around(node_id: str | None) -> list[str]:
    """The nodes that hold the graph of this one, by the host's ids: 3 and 3:7 for 3:7:2."""
    parts = (node_id or "").split(":")
    return [":".join(parts[:depth]) for depth in range(1, len(parts))]
