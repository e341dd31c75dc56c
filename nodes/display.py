"""Text on a node, while it works and after."""

from comfy_api.latest import io


def own_id(cls: type[io.ComfyNode]) -> str | None:
    """The node's id in the graph; None where it is called as a plain function."""
    return cls.hidden.unique_id if cls.hidden else None


def show(text: str, node_id: str | None) -> None:
    """Text on the node itself, for the browser that queued the prompt."""
    # Not at the top: on older hosts it can only be imported where main.py has been, and no other node needs it.
    from server import PromptServer

    server = getattr(PromptServer, "instance", None)
    if server is not None and node_id is not None:
        # Browsers of older hosts take it for HTML, and it contains text from a model or from an untrusted workflow.
        harmless = text.replace("<", "\u2039").replace(">", "\u203a")
        server.send_progress_text(harmless, node_id, server.client_id)
