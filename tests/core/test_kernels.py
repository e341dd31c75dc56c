"""Kernels that return a log-sum-exp: one that is wrong, or raises, is never used; the public way gives the same."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from analogist import cloning, fused
from analogist.cloning import clone_self_attention
from analogist.fused import CPU, EFFICIENT, FLASH, KERNELS, Attended, Kernel

GRID = (4, 6)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Verdicts hold for the process, so each test begins and ends without any."""
    fused._trusted.cache_clear()
    yield
    fused._trusted.cache_clear()


def tensors(dtype: torch.dtype = torch.float32, dim: int = 8) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 3, GRID[0] * GRID[1], dim, generator=generator).to(dtype) for _ in range(3)]


def use(monkeypatch: pytest.MonkeyPatch, *kernels: Kernel) -> None:
    monkeypatch.setitem(KERNELS, "cpu", dict.fromkeys(range(8), kernels))


def exact(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
    logits = factor * q @ k.mT
    return logits.softmax(-1) @ v, logits.logsumexp(-1)


def base_two(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
    out, lse = exact(q, k, v, factor)
    return out, lse / torch.tensor(2.0).log()


def unscaled(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
    return exact(q, k, v, q.shape[-1] ** -0.5)


def uncut(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
    out, lse = exact(q, k, v, factor)
    return out, torch.nn.functional.pad(lse, (0, 12))


def not_a_number(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
    out, lse = exact(q, k, v, factor)
    return out, lse * torch.nan


def raises(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
    raise RuntimeError("head_size should be a multiple of 8")


@pytest.mark.parametrize("wrong", [base_two, unscaled, uncut, not_a_number, raises])
def test_a_wrong_kernel_is_found_out_and_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, wrong: fused.FusedAttention
) -> None:
    expected = clone_self_attention(*tensors(), GRID, 1.3)
    fused._trusted.cache_clear()
    use(monkeypatch, Kernel("wrong", wrong))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert torch.allclose(clone_self_attention(*tensors(), GRID, 1.3), expected, atol=1e-5)
    assert len(caplog.records) == 1
    assert "public attention on cpu (torch.float32, heads of 8): wrong: " in caplog.text


def test_a_kernel_with_logits_in_half_precision_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch 2.4's on the CPU: right for logits of a few, and off by 0.1 for those of a sharp attention."""

    def halved(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
        logits = (factor * q.float() @ k.float().mT).half().float()
        return (logits.softmax(-1) @ v.float()).to(q.dtype), logits.logsumexp(-1)

    def precise(q: Tensor, k: Tensor, v: Tensor, factor: float) -> Attended:
        out, lse = exact(q.float(), k.float(), v.float(), factor)
        return out.to(q.dtype), lse

    use(monkeypatch, Kernel("halved", halved), Kernel("precise", precise))
    assert fused.fused_attention(*tensors(torch.float16)) is precise
    assert fused.fused_attention(*tensors(torch.float32)) is halved  # What half precision does to it is not asked.


def test_the_next_kernel_is_tried(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    called = []

    def right(*given: Any) -> Attended:
        called.append(given)
        return exact(*given)

    use(monkeypatch, Kernel("wrong", raises), Kernel("right", right))
    clone_self_attention(*tensors(), GRID, 1.3)
    assert len(called) > 1
    assert not caplog.records


def test_heads_that_a_kernel_does_not_take_never_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    use(monkeypatch, Kernel("narrow", lambda *given: called.append(given) or exact(*given), head_multiple=8))
    clone_self_attention(*tensors(dim=12), GRID, 1.3)
    assert not called
    clone_self_attention(*tensors(dim=16), GRID, 1.3)
    assert called


@pytest.mark.parametrize(
    ("kernel", "operation", "given"),
    [
        (CPU, "_scaled_dot_product_flash_attention_for_cpu", ()),
        (FLASH, "_scaled_dot_product_flash_attention", ()),
        (EFFICIENT, "_scaled_dot_product_efficient_attention", (None, True)),
    ],
)
def test_what_a_kernel_is_asked(
    monkeypatch: pytest.MonkeyPatch, kernel: Kernel, operation: str, given: tuple[Any, ...]
) -> None:
    """The scale and the request for the log-sum-exp go to the operation; rows beyond the queries are cut."""
    asked = []

    def record(q: Tensor, k: Tensor, v: Tensor, *rest: Any, scale: float) -> tuple[Tensor, ...]:
        asked.append((rest, scale))
        out, lse = exact(q, k, v, scale)
        return out, torch.nn.functional.pad(lse, (0, 8)) if kernel is EFFICIENT else lse, torch.zeros(0)[:0]

    def record_cpu(q: Tensor, k: Tensor, v: Tensor, *rest: Any, scale: float) -> tuple[Tensor, ...]:
        return record(q, k, v, *rest, scale=scale)[:2]

    class Operations:
        pass

    setattr(Operations, operation, staticmethod(record_cpu if kernel is CPU else record))
    monkeypatch.setattr(torch.ops, "aten", Operations)
    q, k, v = tensors()
    out, lse = kernel.attend(q, k, v, 0.7)
    assert asked == [(given, 0.7)]
    assert torch.allclose(out, exact(q, k, v, 0.7)[0])
    assert torch.allclose(lse, exact(q, k, v, 0.7)[1])


def test_the_kernels_for_each_choice_of_torch() -> None:
    from torch.nn.attention import SDPBackend

    chosen = {name: [kernel.name for kernel in KERNELS["cuda"][getattr(SDPBackend, name).value]] for name in (
        "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION")}  # fmt: skip
    assert chosen == {
        "FLASH_ATTENTION": ["flash", "memory-efficient"],
        "EFFICIENT_ATTENTION": ["memory-efficient"],
        "CUDNN_ATTENTION": ["flash", "memory-efficient"],
    }
    assert FLASH.head_multiple == 8


def test_a_choice_of_torch_leads_to_its_own_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.nn.attention import SDPBackend

    def one(*given: Any) -> Attended:
        return exact(*given)

    def other(*given: Any) -> Attended:
        return exact(*given)

    kernels = {SDPBackend.FLASH_ATTENTION: one, SDPBackend.EFFICIENT_ATTENTION: other}
    monkeypatch.setitem(KERNELS, "cpu", {choice.value: (Kernel("", attend),) for choice, attend in kernels.items()})
    for choice in (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION):
        monkeypatch.setattr(torch, "_fused_sdp_choice", lambda *_, chosen=choice.value: chosen)
        assert fused.fused_attention(*tensors()) is kernels.get(choice)


@pytest.mark.parametrize("scale", [-0.7, 0.0, 1.0, 1.3, 3.0])
def test_the_public_way_is_exact(scale: float) -> None:
    q, k, v = tensors(torch.float64)
    numbers = torch.arange(GRID[0] * GRID[1]).view(GRID)
    a, a_prime, b, b_prime = (half.flatten() for row in numbers.chunk(2) for half in row.chunk(2, dim=1))
    logits = q @ k.mT / q.shape[-1] ** 0.5
    edited = logits.clone()
    edited[..., a_prime[:, None], b_prime] = scale * logits[..., a[:, None], b]
    edited[..., b_prime[:, None], a_prime] = scale * logits[..., b[:, None], a]
    expected = edited.softmax(-1) @ v
    with torch.enable_grad():  # Where a gradient is asked for there is no kernel.
        out = clone_self_attention(q.requires_grad_(), k, v, GRID, scale)
        out.sum().backward()
    assert (out - expected).abs().max() < 2e-15 * max(1, abs(scale)) * 10
    assert q.grad is not None
    assert q.grad.isfinite().all()


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), -float("inf")])
def test_a_scale_that_is_not_finite_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match=f"scale must be a finite number, got {scale}"):
        clone_self_attention(*tensors(), GRID, scale)


def test_vmap_gives_what_a_loop_gives() -> None:
    q, k, v = tensors()
    mapped = torch.vmap(lambda *one: clone_self_attention(*(x[None] for x in one), GRID, 1.3)[0])(q, k, v)
    assert torch.allclose(mapped, cloning.clone_self_attention(q, k, v, GRID, 1.3), atol=1e-5)
