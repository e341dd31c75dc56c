"""Attention that also returns its log-sum-exp, from the kernels below torch's scaled_dot_product_attention.

With the log-sum-exp, attention over two sets of keys can be computed apart and put together exactly. The kernels are
private to torch and differ between its builds (ROCm's gave the log-sum-exp in base 2 for long), so none is trusted: the
first use for a device, dtype and head size compares a tiny call with its definition.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend

logger = logging.getLogger(__name__)

Attended = tuple[Tensor, Tensor]
"""A result (batch, heads, tokens, dim) and the log-sum-exp of its rows (batch, heads, tokens), natural logarithm."""
FusedAttention = Callable[[Tensor, Tensor, Tensor, float], Attended]
"""q, k, v (batch, heads, tokens, dim) and the factor of the logits -> result and log-sum-exp in float32; queries may be
fewer or more than keys."""


@dataclass(frozen=True)
class Kernel:
    """A kernel and the head sizes that it takes: multiples of `head_multiple`."""

    name: str
    attend: FusedAttention
    head_multiple: int = 1


def fused_attention(q: Tensor, k: Tensor, v: Tensor) -> FusedAttention | None:
    """A kernel for plain attention on tensors like these that was found right, or None where there is none.

    None too where a gradient is asked for, since the kernels have none for the log-sum-exp, and inside torch.compile
    and torch.vmap, which know only public operations.
    """
    if torch.compiler.is_compiling():
        return None
    if torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad):
        return None
    if q.device.type not in KERNELS:
        return None
    try:
        choice = torch._fused_sdp_choice(q, k, v)
    except (AttributeError, RuntimeError):  # A build without it; tensors of torch.vmap.
        return None
    kernels = KERNELS[q.device.type].get(choice, ())
    return _trusted(kernels, q.device, q.dtype, q.shape[-1])


def merge(first: Attended, second: Attended) -> Attended:
    """One softmax over the keys of both."""
    (out, lse), (other_out, other_lse) = first, second
    share = torch.sigmoid(other_lse - lse).unsqueeze(-1)  # (B, H, N, 1): the second's part of the whole sum
    return torch.lerp(out, other_out, share.to(out.dtype)), torch.logaddexp(lse, other_lse)


@cache
def _trusted(
    kernels: tuple[Kernel, ...], device: torch.device, dtype: torch.dtype, head_size: int
) -> FusedAttention | None:
    """The first of `kernels` that equals its definition; the verdict holds for the process."""
    faults = []
    for kernel in kernels:
        fault = _fault(kernel, device, dtype, head_size)
        if fault is None:
            return kernel.attend
        faults.append(f"{kernel.name}: {fault}")
    if faults:
        logger.warning(
            "Self-Attention Cloning uses torch's public attention on %s (%s, heads of %d): %s",
            device,
            dtype,
            head_size,
            "; ".join(faults),
        )
    return None


def _fault(kernel: Kernel, device: torch.device, dtype: torch.dtype, head_size: int) -> str | None:
    """What is wrong with a kernel, None if nothing: a tiny call against the definition of attention."""
    if head_size % kernel.head_multiple:
        return f"takes heads of a multiple of {kernel.head_multiple}"
    generator = torch.Generator().manual_seed(0)  # The process's own generator is left alone.

    def tokens(number: int) -> Tensor:
        return torch.randn(1, number, 2, head_size, generator=generator).to(device, dtype).transpose(1, 2)

    q, k, v = tokens(20), tokens(36), tokens(36)
    # Some kernels hold the logits of half-precision tensors in half precision, which is right for small ones alone.
    sharpness = (1.3, 40.0) if torch.finfo(dtype).bits < 32 else (1.3,)
    faults = (_difference(kernel, q, k, v, factor * head_size**-0.5) for factor in sharpness)
    return next((fault for fault in faults if fault is not None), None)


def _difference(kernel: Kernel, q: Tensor, k: Tensor, v: Tensor, factor: float) -> str | None:
    """How a kernel differs from the definition of attention, None if it does not."""
    logits = factor * q.double().cpu() @ k.double().cpu().mT
    try:
        out, lse = (tensor.double().cpu() for tensor in kernel.attend(q, k, v, factor))
    except torch.cuda.OutOfMemoryError:
        raise
    except (AttributeError, TypeError, RuntimeError) as error:
        return f"raises {type(error).__name__} ({str(error).splitlines()[0] if str(error) else 'no text'})"
    tolerance = max(5e-3, 4 * torch.finfo(q.dtype).eps)
    for name, found, exact in (
        ("result", out, logits.softmax(-1) @ v.double().cpu()),
        ("log-sum-exp", lse, logits.logsumexp(-1)),
    ):
        if found.shape != exact.shape:
            return f"{name} of shape {tuple(found.shape)}, not {tuple(exact.shape)}"
        difference = (found - exact).abs().max().item()
        if not difference <= tolerance:  # NaN too.
            return f"{name} differs by {difference:.2g} from its definition"
    return None


def _cpu(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, scale=factor)
    return out, lse


def _cuda_flash(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
    out, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, scale=factor)
    return out, lse


def _cuda_efficient(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
    out, lse, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(q, k, v, None, True, scale=factor)
    return out, lse[..., : q.shape[-2]]  # The kernel rounds its rows up to its tile.


CPU = Kernel("flash for the CPU", _cpu)
FLASH = Kernel("flash", _cuda_flash, head_multiple=8)  # The public function pads heads to that.
EFFICIENT = Kernel("memory-efficient", _cuda_efficient)
KERNELS: dict[str, dict[int, tuple[Kernel, ...]]] = {
    "cpu": {SDPBackend.FLASH_ATTENTION.value: (CPU,)},
    "cuda": {
        SDPBackend.FLASH_ATTENTION.value: (FLASH, EFFICIENT),
        SDPBackend.EFFICIENT_ATTENTION.value: (EFFICIENT,),
        SDPBackend.CUDNN_ATTENTION.value: (FLASH, EFFICIENT),  # Its own log-sum-exp is not to be had.
    },
}
"""For the kernel that torch would take, those to try in turn; by device."""
