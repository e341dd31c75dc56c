"""The kinds of errors of endpoints: what servers say, and what we say; the data of `failures`."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from .replies import RefusalError


class VisionError(RuntimeError):
    """No reply. One sentence that says what to do, without the key or anything that contains it."""


class UnavailableError(VisionError):
    """No reply to any request: the key, the network, the quota, or the model is at fault."""


class SilentError(VisionError):
    """No reply before the timeout."""


@dataclass(frozen=True)
class Kind:
    """A kind of failure.

    Attributes:
        sentence: what to say; {status}, {model}, {when}, {profile} and the {places} of its key are filled in.
        statuses: the HTTP statuses that mean it where the words say nothing else.
        words: patterns of what servers say, whatever the status and the case.
        retry: whether the same request may be answered a little later.
        final: whether no other form of the request would be answered either.
        error: what is raised.
    """

    sentence: str
    statuses: Collection[int] = ()
    words: tuple[str, ...] = ()
    retry: bool = False
    final: bool = False
    error: type[Exception] = VisionError


_stopping = partial(Kind, error=UnavailableError)
"""A kind by which the rest of a batch would fail alike."""
_NOT = r"(?:not|n't|cannot|can't|never|no longer)"
QUOTA = _stopping(
    "has no credit left for this key ({status}): add credit to the account.",
    (402,),
    (
        r"insufficient[_ ](?:quota|credit|balance|funds)", r"\bbilling\b", r"\bcredit balance\b", r"payment required",
        r"\bbalance\b[^.\n]{0,20}(?:insufficient|not (?:sufficient|enough)|exhaust)",
        r"(?:exceed|out of|over|reached|no)\w*\b[^.\n]{0,40}\bquota\b", r"\bquota\b[^.\n]{0,30}(?:exceed|exhaust)",
        r"(?:out of|enough|more|no|any|add|buy|purchase) credits?\b", r"(?:spend|hard|budget)\w* limit",
        r"arrear|\btop up\b|余额不足|额度(?:不足|已用)|欠费",
    ),
    final=True,
)  # fmt: skip
KEY = _stopping(
    "does not accept the key ({status}): check {places}.",
    (401,),
    (
        r"(?:invalid|incorrect|wrong|missing|expired|revoked|no|unknown|malformed|disabled|bad|provide)\b[^.\n]{0,40}"
        r"\b(?:api[ _-]?key|(?:access|bearer|auth\w*) ?token|credential)",
        rf"api[ _-]?key[^.\n]{{0,60}}\b(?:{_NOT} (?:valid|found)|invalid|incorrect|missing|required|expired|disabled)",
        r"\bunauthori[sz]ed\b", r"authentication[ _](?:failed|error|required)", "invalid_authentication",
    ),
    final=True,
)  # fmt: skip
FILTER = Kind(
    "blocked the reply with its content filter: try another model, or type the prompt by hand.",
    words=(
        r"content[ _-]?(?:filter|policy|management|moderation)", r"\bmoderation\b", r"\bsafety", r"\bflagged\b",
        r"prohibited[ _]content", r"\busage (?:polic|guideline)", r"responsible[ _]?ai", "inappropriate",
        "data_inspection_failed", "^sensitive$", "敏感|不安全",
    ),
    final=True,
    error=RefusalError,
)  # fmt: skip
CONTEXT = Kind(
    "reports that the request exceeds the context length of {model!r} ({status}): use smaller cells, shorten the "
    "instruction, or choose a model with a longer context.",
    words=(
        r"context[ _-]?(?:length|window|size|limit|overflow)", "maximum context", r"\bn_ctx\b", "available context",
        r"too many (?:input |prompt )?tokens", r"(?:prompt|input|request|message)s? (?:is|are) too long",
        r"(?:input|prompt) tokens?[^.\n]{0,40}exceed", r"exceeds?[^.\n]{0,40}(?:input|prompt) tokens?",
        r"(?:fewer|less) than \d+ tokens", "max(?:imum)?[ _]model[ _]len", "range of input length",
    ),
)  # fmt: skip
_IMAGE = r"\bimages?\b(?! (?:format|type|size|file|larger|bigger))"
IMAGES = Kind(
    "does not accept images for {model!r} ({status}): choose a vision language model.",
    words=(
        rf"(?:{_IMAGE}|image_url|vision|multi-?modal\w*)\b"
        rf"(?: \w+){{0,2}},? (?:{_NOT}(?: be)?(?: yet| currently)? |un)(?:support|allow|accept|available|enabl|permit)",
        rf"(?:{_NOT}|un)(?: \w+)? ?(?:support\w*|accept|allow|handle|have)(?: for)? (?:\w+ ){{0,2}}"
        rf"(?:{_IMAGE}|image_url|vision|multi-?modal)",
        r"\bno images?\b", rf"{_NOT} (?:process|see|read) (?:\w+ )?images\b", "for image input",
        "image_url is only supported", r"support (?:image|vision) input",
        rf"\b{_NOT} an? (?:\w+ )?(?:vision|multi-?modal)",
        r"unknown (?:variant|type|content type)[^.\n]{0,20}image", "mmproj", r"only (?:supports? |accepts? )?text\b",
        r"text[ -]only", r"\bat most 0 image", r"content\b[^.\n]{0,20}\bmust be a string",
    ),
)  # fmt: skip
MODEL = _stopping(
    "has no model {model!r}, or its base_url is wrong ({status}): choose an available model; "
    '"python -m analogist profiles test {profile.name}" lists them.',
    (404,),
    (
        rf"model\b[^.\n]{{0,80}}(?:{_NOT} (?:found|exist|available|loaded)|unknown|decommissioned|deprecated)",
        r"model:? [\"'`]?[\w./:-]+[\"'`]? is not supported", "model_not_found", "not a valid model",
        r"(?:unknown|unsupported|no such|invalid|non-?existent) model", r"no models? (?:is |are )?loaded",
        "无可用渠道",
    ),
)  # fmt: skip
ACCESS = _stopping(
    "does not allow this request ({status}): check the account and whether its key may use {model!r}.", (403,)
)
SIZE = Kind("rejects the image as too large ({status}): use smaller cells.", (413,))
RATE = _stopping("received too many requests ({status}): try again {when}.", (429,), retry=True)
SERVER = Kind("returned a server error ({status}): try again later.", (408, 409, *range(500, 600)), retry=True)
REDIRECT = _stopping(
    "redirects to another address or violates the protocol ({status}), and keys are not sent to other addresses: "
    "correct the base_url of the profile.",
    range(100, 400),
)
REQUEST = Kind("rejects the request ({status}): check the model and the api of the profile.")
REPORTED = Kind("returned an error: try again or choose another model.", (200,))
NOT_JSON = Kind("returned incomplete JSON: try again, or check the base_url of the profile.")
TOO_LONG = Kind("returned more than the maximum of 4096 KB: choose another model.")
EMPTY = Kind("returned a reply without text: try again or choose another model.")
UNFINISHED = Kind("reached its token limit before replying: choose a model with less reasoning.")
DECLINED = Kind(
    "reports a refusal of the model: try another model or instruction, or type the prompt by hand.", error=RefusalError
)
NO_LIST = Kind("does not list its models ({status}): check the base_url of the profile.")
BROKEN = _stopping("closed the connection: try again later.")
SILENT = Kind(
    "did not reply within {profile.timeout:g} seconds: try again, choose a faster model, or raise the timeout.",
    error=SilentError,
)
UNREACHABLE = _stopping("cannot be reached: check the network and the base_url of the profile.")
NOT_RUNNING = _stopping("cannot be reached: is its server running?")
PROXY = _stopping(
    "cannot be reached through the proxy of the environment: correct HTTPS_PROXY or ALL_PROXY (SOCKS: install socksio)."
)
UNTRUSTED = _stopping("has a certificate that is not trusted: set SSL_CERT_FILE to the file of its authority.")
CERTIFICATES = _stopping(
    "needs certificates or a key log that cannot be opened: correct SSL_CERT_FILE, SSL_CERT_DIR or SSLKEYLOGFILE."
)

KINDS = (QUOTA, KEY, FILTER, CONTEXT, IMAGES, MODEL, ACCESS, SIZE, RATE, SERVER, REPORTED, REDIRECT)
"""Those of a response, by precedence: first whose words are said, then whose status it is."""
