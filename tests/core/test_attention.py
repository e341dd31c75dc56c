"""SAC and CAM on q, k, v: the published numbers, and the definition on any grid."""

import math

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from analogist import cloning, fused
from analogist.cells import (
    ONE_PAIR,
    Cell,
    cell_slices,
    cell_tokens,
    write_cell,
)
from analogist.cloning import clone_self_attention
from analogist.masking import mask_cross_attention, mask_rows
from support import golden
from support.golden import Golden

grids = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda half: (2 * half[0], 2 * half[1]))


def qkv(
    grid_size: tuple[int, int], keys: int | None = None, dim: int = 5, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    tokens = grid_size[0] * grid_size[1]
    return tuple(
        torch.randn(2, 3, number, dim, generator=generator, dtype=torch.float64)
        for number in (tokens, keys or tokens, keys or tokens)
    )


def tokens_of(grid_size: tuple[int, int], cell: Cell) -> list[int]:
    """Token numbers of a cell, from its definition, one by one."""
    h, w = grid_size
    row, column = ONE_PAIR.place(cell)
    return [y * w + x for y in range(h) for x in range(w) if y // (h // 2) == row and x // (w // 2) == column]


def by_definition(q: Tensor, k: Tensor, v: Tensor, grid_size: tuple[int, int], scale: float) -> Tensor:
    """SAC on the whole matrix of logits, token by token."""
    logits = q @ k.mT / math.sqrt(q.shape[-1])
    cell = {c: tokens_of(grid_size, c) for c in ONE_PAIR.cells}
    edited = logits.clone()
    for n, a_prime in enumerate(cell[Cell.A_PRIME]):
        for m, b_prime in enumerate(cell[Cell.B_PRIME]):
            edited[..., a_prime, b_prime] = scale * logits[..., cell[Cell.A][n], cell[Cell.B][m]]
            edited[..., b_prime, a_prime] = scale * logits[..., cell[Cell.B][m], cell[Cell.A][n]]
    return edited.softmax(-1) @ v


@pytest.mark.parametrize(("data", "name"), golden.each("attention"))
def test_every_golden_attention(data: Golden, name: str) -> None:
    golden.need(data)
    entry, tensors = data.manifest["files"][name], data.tensors(name)
    if "token_grid" in entry:  # One direct call.
        side, scale = entry["token_grid"], entry["scale_sac"]
        out = clone_self_attention(tensors["q"], tensors["k"], tensors["v"], (side, side), scale)
        assert (out.transpose(1, 2).flatten(2) - tensors["out"]).abs().max() <= golden.ATTENTION_TOLERANCE
        return
    edited = [tensor for tensor in entry["tensors"] if tensor["edited"]]
    assert edited
    for tensor in edited:
        q, k, v, expected = (
            tensors[f"L{tensor['layer']:02d}.{tensor['kind']}.{part}"] for part in ("q", "k", "v", "out")
        )
        side = math.isqrt(q.shape[2])
        if tensor["kind"] == "self":
            out = clone_self_attention(q, k, v, (side, side), entry["edit"]["scale"])
        else:
            out = mask_cross_attention(q, k, v, (side, side))
        assert (out.transpose(1, 2).flatten(2) - expected).abs().max() <= golden.ATTENTION_TOLERANCE, tensor


@pytest.fixture(params=["fused", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of computing SAC."""
    if request.param == "plain":
        monkeypatch.setattr(cloning, "fused_attention", lambda q, k, v: None)
    return request.param


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(grid_size=grids, scale=st.floats(-3, 3))
def test_cloning_is_its_definition_on_any_grid(way: str, grid_size: tuple[int, int], scale: float) -> None:
    q, k, v = qkv(grid_size)
    expected = by_definition(q, k, v, grid_size, scale)
    # The fused kernels give the log-sum-exp in float32, whatever comes in.
    assert torch.allclose(
        clone_self_attention(q, k, v, grid_size, scale), expected, atol=1e-5 if way == "fused" else 1e-9
    )


@settings(deadline=None, max_examples=30)
@given(grid_size=grids)
def test_masking_leaves_plain_attention_in_b_prime_and_zero_elsewhere(grid_size: tuple[int, int]) -> None:
    q, k, v = qkv(grid_size, keys=7)
    out = mask_cross_attention(q, k, v, grid_size)
    plain = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    rows = tokens_of(grid_size, Cell.B_PRIME)
    others = sorted(set(range(q.shape[2])) - set(rows))
    assert torch.allclose(out[:, :, rows], plain[:, :, rows])
    assert not out[:, :, others].any()
    assert torch.allclose(mask_rows(plain, grid_size), out)


def test_the_rows_of_a_and_b_are_plain_attention() -> None:
    q, k, v = qkv((6, 4))
    out, plain = clone_self_attention(q, k, v, (6, 4), 2.0), torch.nn.functional.scaled_dot_product_attention(q, k, v)
    for cell in ONE_PAIR.cells:
        same = torch.allclose(out[:, :, tokens_of((6, 4), cell)], plain[:, :, tokens_of((6, 4), cell)], atol=1e-6)
        assert same == (cell in (Cell.A, Cell.B))


def test_the_inputs_are_left_alone() -> None:
    q, k, v = qkv((4, 4))
    before = [tensor.clone() for tensor in (q, k, v)]
    clone_self_attention(q, k, v, (4, 4), 1.3)
    mask_cross_attention(q, k, v, (4, 4))
    assert all(torch.equal(now, then) for now, then in zip((q, k, v), before, strict=True))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 5e-4), (torch.float16, 4e-3), (torch.bfloat16, 3e-2)], ids=str
)
@pytest.mark.parametrize("dim", [40, 64, 80, 160])
@pytest.mark.parametrize("scale", [1.3, 0.0, -2.0, 40.0])
@pytest.mark.parametrize("size", [1, 30])  # Logits of a few, and far beyond what float16 holds.
def test_every_precision_and_head_size(
    way: str, dtype: torch.dtype, tolerance: float, dim: int, scale: float, size: float
) -> None:
    q, k, v = (tensor.to(dtype) for tensor in qkv((8, 8), dim=dim))
    q, k = q * size, k * size
    out = clone_self_attention(q, k, v, (8, 8), scale)
    assert out.dtype == dtype
    difference = (out.double() - by_definition(q.double(), k.double(), v.double(), (8, 8), scale)).abs()
    cloned = tokens_of((8, 8), Cell.A_PRIME) + tokens_of((8, 8), Cell.B_PRIME)
    assert difference[:, :, cloned].max() < tolerance
    if not torch_is_exact(q, k, v, tolerance):  # Rows of A and B are torch's own.
        pytest.skip(f"attention of torch {torch.__version__} itself is off by more than {tolerance} in {dtype}")
    assert difference.max() < tolerance


def torch_is_exact(q: Tensor, k: Tensor, v: Tensor, tolerance: float) -> bool:
    """Torch 2.4 holds float16 logits in half precision on the CPU."""
    logits = q.double() @ k.double().mT / math.sqrt(q.shape[-1])
    own = torch.nn.functional.scaled_dot_product_attention(q, k, v)
    return bool((own.double() - logits.softmax(-1) @ v.double()).abs().max() < tolerance)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_autocast_does_not_make_the_cloned_rows_half_as_precise(way: str, dtype: torch.dtype) -> None:
    """Scaled queries are beyond what half precision holds, so they are not cast to it on their way."""
    q, k, v = (tensor.to(dtype) for tensor in qkv((8, 8), dim=40))
    q, k = q * 30, k * 30
    with torch.autocast("cpu", dtype):
        out = clone_self_attention(q, k, v, (8, 8), 40.0)
    exact = by_definition(q.double(), k.double(), v.double(), (8, 8), 40.0)
    rows = tokens_of((8, 8), Cell.A_PRIME) + tokens_of((8, 8), Cell.B_PRIME)
    assert (out.double() - exact)[:, :, rows].abs().max() < 3e-2


@pytest.mark.parametrize("which", ["q", "k", "v", "all"])
def test_gradients_flow(which: str) -> None:
    named = dict(zip("qkv", qkv((2, 4)), strict=True))
    for name in "qkv" if which == "all" else which:
        named[name].requires_grad_()
    assert torch.autograd.gradcheck(lambda *qkv: clone_self_attention(*qkv, (2, 4), 1.3), tuple(named.values()))


def test_where_torch_has_no_kernel_the_plain_way_is_taken() -> None:
    q, k, v = qkv((8, 8))
    expected = clone_self_attention(q, k, v, (8, 8), 1.3)
    with sdpa_kernel(SDPBackend.MATH):
        assert fused.fused_attention(q, k, v) is None
        assert torch.allclose(clone_self_attention(q, k, v, (8, 8), 1.3), expected, atol=1e-5)


def test_the_plain_way_is_one_public_attention_for_each_edited_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, ...]] = []

    def recorded(q: Tensor, k: Tensor, v: Tensor, scale: float | None = None) -> Tensor:
        calls.append((len(q), q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1]))
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=scale)

    monkeypatch.setattr(cloning, "fused_attention", lambda q, k, v: None)
    monkeypatch.setattr(cloning, "scaled_dot_product_attention", recorded)
    q, k, v = qkv((6, 4))
    out = clone_self_attention(q, k, v, (6, 4), 1.3)
    # Keys and values are of one size, as fused kernels want it.
    assert calls == [(2, 6, 24, 10, 10)] * 2
    assert (out - by_definition(q, k, v, (6, 4), 1.3)).abs().max() < 1e-14


def test_inside_compile_and_vmap_over_queries_alone() -> None:
    q, k, v = (tensor.float() for tensor in qkv((4, 4)))
    expected = clone_self_attention(q, k, v, (4, 4), 1.3)
    # The compiler of torch 2.4 has no dictionaries by object: it goes on behind them, unless it must not.
    whole = not torch.__version__.startswith("2.4.")
    compiled = torch.compile(lambda *qkv: clone_self_attention(*qkv, (4, 4), 1.3), fullgraph=whole, backend="aot_eager")
    assert torch.allclose(compiled(q, k, v), expected, atol=1e-5)

    def one(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return clone_self_attention(q[None], k[None], v[None], (4, 4), 1.3)[0]

    shared = clone_self_attention(q, k[:1].expand_as(k), v[:1].expand_as(v), (4, 4), 1.3)
    assert torch.allclose(torch.vmap(one, in_dims=(0, None, None))(q, k[0], v[0]), shared, atol=1e-5)


def test_rows_cloned_into_a_finished_result() -> None:
    """A and B keep what the previous owner of the attention gave them; its result is left alone."""
    q, k, v = qkv((4, 6))
    theirs = torch.randn(2, 3, 24, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    before = theirs.clone()
    out, cloned = cloning.clone_rows(theirs, q, k, v, (4, 6), 1.3), clone_self_attention(q, k, v, (4, 6), 1.3)
    for cell, expected in zip(ONE_PAIR.cells, (theirs, cloned, theirs, cloned), strict=True):
        rows = tokens_of((4, 6), cell)
        assert torch.equal(out[:, :, rows], expected[:, :, rows])
    assert torch.equal(theirs, before)


def test_the_trial_of_a_kernel_leaves_the_random_numbers_alone() -> None:
    fused._trusted.cache_clear()
    state = torch.random.get_rng_state()
    clone_self_attention(*qkv((4, 4)), (4, 4), 1.3)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_full_device_is_no_verdict_on_a_kernel() -> None:
    def full(*given: object) -> fused.Attended:
        raise torch.cuda.OutOfMemoryError("out of memory")

    kernels = (fused.Kernel("full", full),)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        fused._trusted(kernels, torch.device("cpu"), torch.float32, 8)


@pytest.mark.parametrize("kernel", [fused._cuda_flash, fused._cuda_efficient])
def test_the_kernels_of_a_gpu_are_called_as_they_want(kernel: fused.FusedAttention) -> None:
    """No GPU is needed: torch knows the shapes that its kernels take and give."""
    q, k, v = (torch.empty(2, 8, tokens, 40, dtype=torch.float16, device="meta") for tokens in (1000, 3000, 3000))
    try:
        out, lse = kernel(q, k, v, 0.1)
    except NotImplementedError:
        assert torch.__version__.startswith("2.4.")
        pytest.skip("torch 2.4 knows the shapes of these kernels on a GPU alone")
    assert (out.shape, lse.shape, lse.dtype) == (q.shape, q.shape[:-1], torch.float32)


@pytest.mark.parametrize("cell", ONE_PAIR.cells)
def test_cell_tokens_are_row_major_and_write_cell_undoes_them(cell: Cell) -> None:
    x = torch.arange(24.0).reshape(1, 24, 1)
    taken = cell_tokens(x, (4, 6), cell)
    assert taken.flatten().tolist() == tokens_of((4, 6), cell)
    target = torch.zeros_like(x)
    write_cell(target, (4, 6), cell, taken)
    rows, columns = cell_slices((4, 6), cell)
    assert torch.equal(target.reshape(4, 6)[rows, columns], x.reshape(4, 6)[rows, columns])
    assert target.count_nonzero() == taken.count_nonzero()


@pytest.mark.parametrize(
    ("grid_size", "says"),
    [
        ((4, 5), "4x5; its height and width must be even"),
        ((5, 4), "5x4; its height and width must be even"),
        ((4, 4), "16 tokens, but the attention sees 20"),
        ((20, 1), "20x1"),
    ],
)
def test_a_grid_that_is_not_four_cells_is_refused(grid_size: tuple[int, int], says: str) -> None:
    x = torch.zeros(1, 1, 20, 4)
    for call in (
        lambda: clone_self_attention(x, x, x, grid_size, 1.3),
        lambda: mask_cross_attention(x, x, x, grid_size),
    ):
        with pytest.raises(ValueError, match=says):
            call()


def test_cloning_refuses_foreign_keys() -> None:
    x = torch.zeros(1, 1, 16, 4)
    with pytest.raises(ValueError, match="16 queries and 77 keys"):
        clone_self_attention(x, torch.zeros(1, 1, 77, 4), torch.zeros(1, 1, 77, 4), (4, 4), 1.3)
