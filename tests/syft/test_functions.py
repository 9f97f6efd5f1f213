"""torch's functions on pointers beside the same calls on local tensors: same bits, at one and two hops, or both raise.

Each sample is called with tensors by name: ``x`` 3x4 floats, ``y`` 3x4, ``s`` 4x4 symmetric positive, ``v`` 4 floats,
``i`` whole numbers, ``b`` truth values, ``im`` images, ``k`` kernels, ``c`` classes.
"""

from __future__ import annotations

import inspect
import itertools
import re
from functools import partial

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install torch)")

import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402

import farptr as fp  # noqa: E402

METHODS = """
    abs acos(x) add(y) addmm(x,s) all any argmax argmin argsort baddbmm bernoulli bfloat16 bool ceil clamp(0.1,0.5)
    clone(memory_format=torch.contiguous_format) contiguous cos cosh count_nonzero cummax(0) cummin(1) cumprod(0)
    cumsum(1) diag diagonal diff double erf erfc exp expand(2,3,4) expm1 fill_(2) flatten flip(0) float floor
    floor_divide(y) fmod(0.3) frac gather(0,i) ge(y) gt(0.5) half index_select(0,r) int isfinite isnan kthvalue(2)
    lerp(y,0.5) log log1p logsumexp(0) long lt(y) masked_fill(b,0.0) masked_select(b) matmul(s) max max(0) max(y)
    maximum(y) mean mean(0) median median(1) min min(1) minimum(y) mode movedim(0,1) mul(y) narrow(1,0,2) neg
    new_full((2,),3.0) new_zeros(2) nonzero norm permute(1,0) pow(2) prod prod(1) quantile(0.5) ravel reciprocal
    relu relu_ repeat(2,1) reshape(4,3) roll(1,0) round rsqrt scatter(0,i,y) select(0,1) sigmoid sign sin softmax(1)
    sort sort(0,descending=True) split(2) sqrt square squeeze std std(0) sub(y) sum sum(0,keepdim=True) swapaxes(0,1)
    t take(i) tan tanh tanh_ tensor_split(2) tile(2) to(torch.float64) to(y) topk(2) trace transpose(0,1) tril triu
    true_divide(y) trunc type_as(i) unbind unbind(1) unflatten(1,(2,2)) unfold(1,2,1) unique unsqueeze(0) var var(1)
    view(12) view_as(y) where(b,y) zero_ xlogy(y) nan_to_num heaviside(y) hypot(y) atan2(y) copysign(y) logaddexp(y)
    chunk(2) dsplit(1) hsplit(2) vsplit(3) logit cov corrcoef histc(4) bincount msort outer(v) dot(v) mv(v) inverse
    det slogdet cholesky T mT real H is_floating_point requires_grad_ detach equal(y) allclose(y) is_same_size(y)
    nbytes itemsize dim size(0) stride numel nelement element_size storage_offset is_contiguous
    """.split()
"""Methods and attributes of x, without parentheses when there are no arguments; some do not fit, on purpose."""

CALLS = """
    torch.cat([x,y]) torch.stack((x,y),1) torch.hstack([x,y]) torch.where(b,x,y) torch.where(b)
    torch.einsum('ij,kj->ik',x,y) torch.tensordot(x,y,2) torch.add(x,y,alpha=2) torch.addcmul(x,x,y)
    torch.clamp(x,min=0.2) torch.outer(v,v) torch.cross(x[:,:3],y[:,:3]) torch.cdist(x,y)
    torch.meshgrid(v,v,indexing='ij') torch.broadcast_tensors(x,v) torch.unique(i,return_counts=True)
    torch.unique(i,return_inverse=True,return_counts=True) torch.unique_consecutive(i) torch.zeros_like(x)
    torch.full_like(x,2.0) torch.ones_like(i,dtype=torch.float64) torch.empty_like(x)*0 torch.linalg.norm(x)
    torch.linalg.svd(x) torch.linalg.qr(x) torch.linalg.eigh(s) torch.linalg.inv(s) torch.linalg.det(s)
    torch.linalg.solve(s,v) torch.linalg.cholesky(s) torch.linalg.slogdet(s) torch.linalg.lstsq(s,s).solution
    torch.linalg.matrix_power(s,2) torch.linalg.multi_dot([x,s,s]) torch.std_mean(x) torch.var_mean(x,0)
    torch.aminmax(x) torch.frexp(x) torch.histogram(x,4) torch.gradient(v) torch.gradient(x) torch.gradient(x,dim=0)
    torch.trapezoid(v) torch.searchsorted(v.sort().values,v) torch.bucketize(v,v.sort().values) torch.kron(x,y)
    torch.block_diag(x,y) torch.fft.fft(x) torch.fft.rfft2(x) torch.fft.fftshift(x) torch.special.gammaln(x)
    torch.special.expit(x) torch.split(x,[1,3],1) torch.chunk(x,3) torch.tensor_split(x,3) torch.atleast_2d(v)
    torch.vstack((x,y)) torch.rot90(x) torch.isclose(x,y) torch.equal(x,x) torch.allclose(x,x) torch.numel(x)
    torch.is_complex(x) torch.result_type(x,i) torch.conj(x) torch.view_as_complex(x.reshape(6,2)) torch.polar(x,y)
    torch.complex(x,y) torch.bitwise_not(i) torch.logical_and(b,b) torch.sum(x,dtype=torch.float64)
    torch.mean(x,dim=(0,1)) torch.nanmean(x) torch.renorm(x,2,0,1) torch.lu_solve(s,*torch.linalg.lu_factor(s))
    torch.diag_embed(v) torch.cumulative_trapezoid(v) torch.combinations(v) torch.cartesian_prod(v,v)
    torch.tril_indices(3,3) torch.nn.init.uniform_(x)*0 torch.nn.init.xavier_uniform_(x)*0 F.relu(x)
    F.relu(x,inplace=True) F.gelu(x) F.elu(x) F.leaky_relu(x,0.1) F.softmax(x,1) F.log_softmax(x,dim=1)
    F.softplus(x) F.silu(x) F.hardtanh(x) F.normalize(x) F.cosine_similarity(x,y) F.pairwise_distance(x,y)
    F.pad(x,(1,1)) F.linear(x,s,v) F.bilinear(x,y,s.reshape(1,4,4)) F.one_hot(c,5) F.embedding(c,s) F.conv2d(im,k)
    F.conv2d(im,k,padding=1) F.conv1d(im[:,0],k[:1,0]) F.conv_transpose2d(im,k.transpose(0,1)) F.max_pool2d(im,2)
    F.avg_pool2d(im,2) F.max_pool2d(im,2,return_indices=True) F.adaptive_avg_pool2d(im,1)
    F.adaptive_max_pool2d(im,2) F.interpolate(im,scale_factor=2) F.batch_norm(im,None,None,training=True)
    F.layer_norm(x,(4,)) F.layer_norm(x,(4,),v,v) F.group_norm(im,1) F.instance_norm(im) F.mse_loss(x,y)
    F.l1_loss(x,y) F.smooth_l1_loss(x,y) F.huber_loss(x,y) F.nll_loss(F.log_softmax(x,1),c) F.cross_entropy(x,c)
    F.cross_entropy(x,c,reduction='sum',label_smoothing=0.1) F.kl_div(x,y) F.binary_cross_entropy(x,y)
    F.binary_cross_entropy_with_logits(x,y) F.dropout(x,0.5,training=False)
    F.scaled_dot_product_attention(im[0],im[0],im[0]) F.unfold(im,2) F.fold(F.unfold(im,2),(6,6),2)
    F.pixel_shuffle(im.repeat(1,4,1,1),2) F.grid_sample(im,im[:,0,:,:2].reshape(2,2,3,2)) F.glu(x)
    F.threshold(x,0.5,0) F.hinge_embedding_loss(x,y) F.margin_ranking_loss(x,y,y) F.triplet_margin_loss(x,y,x)
    F.local_response_norm(im,2) F.logsigmoid(x) F.prelu(x,v) F.rrelu(x,training=False) F.celu(x) F.mish(x)
    F.tanhshrink(x) x+y x-1 2-x x*y x/y 1/x x//y x%0.3 x**2 2**x x@s -x +x ~b b&b b|b b^b abs(x) x==y x!=y x<y
    x<=0.5 0.5<x x[0] x[:,1] x[...,None] x[1:,::2] x[b] x[r] x[r,r] x[i[0,:1]] i<<1 i>>1 divmod(x,y)
    x.sum().backward() x.nope x[9] x.view(5) torch.cat([x,i.view(2,6)]) torch.linalg.inv(x) x@x x.register_hook
    x.sum(7) torch.rand_like(x)*0 torch.randint_like(x,2)*0 torch.vander(v) torch.fill(x,2) F.hardswish(x)
    F.hardsigmoid(x) torch.linalg.lu(s) torch.lu(s) torch.linalg.ldl_factor(s) torch.linalg.solve_ex(s,v)
    torch.linalg.lu_factor_ex(s) torch.unravel_index(c,(2,2)) torch.atleast_1d(v,v) torch.unbind_copy(x)
    torch.split_copy(x,2) x.to_sparse_csr().to_dense() x.set_(y) x==None x!='a' x<None F.adaptive_max_pool1d(x,2)
    torch.adaptive_max_pool1d(x,2)
    """.split()


def tensors():
    g = torch.Generator().manual_seed(0)
    x = torch.rand(3, 4, generator=g)
    a = torch.rand(4, 4, generator=g)
    return {
        "x": x, "y": torch.rand(3, 4, generator=g), "s": a @ a.T + torch.eye(4), "v": torch.rand(4, generator=g),
        "i": torch.randint(0, 3, (3, 4), generator=g), "b": x > 0.5, "r": torch.tensor([0, 2]),
        "im": torch.rand(2, 1, 6, 6, generator=g), "k": torch.rand(1, 1, 3, 3, generator=g),
        "c": torch.tensor([1, 0, 3]),
    }  # fmt: skip


def outcome(code, scope):
    """What a call gives, or the type of its error; and what it did to x."""
    try:
        value = eval(code, {"torch": torch, "F": F}, scope)
        if callable(value) and not isinstance(value, torch.Tensor):
            value = value()
    except Exception as error:
        return error
    return value


def plain(value, hops):
    """Every pointer fetched."""
    if hasattr(value, "_handle"):
        return value._handle.get_copy(all=True)
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return tuple(plain(part, hops) for part in value)
    return value


def alike(ours, theirs, exact=True):
    if isinstance(theirs, torch.Tensor):
        same = isinstance(ours, torch.Tensor) and (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        compare = torch.equal if exact else partial(torch.allclose, atol=1e-5)
        return same and compare(torch.nan_to_num(ours), torch.nan_to_num(theirs))
    if isinstance(theirs, tuple):
        return (
            isinstance(ours, tuple)
            and len(ours) == len(theirs)
            and all(alike(a, b, exact) for a, b in zip(ours, theirs, strict=True))
        )
    return ours == theirs


REFUSED = {"x.storage_offset", "x.register_hook", "x.H"}
"""Local tensors have these: pointers refuse them."""
RANDOM = ("bernoulli", "uniform_")
SOLVED = ("linalg", "torch.lu(", "lu_solve", "inverse", "det", "cholesky")
"""LAPACK's last bits depend on where in memory its operands begin."""


def samples():
    for method in METHODS:
        yield f"x.{method}"
        if method in ("max(0)", "sort", "sum", "mean", "T", "relu_", "bincount"):
            yield f"i.{method}"
    yield from CALLS


@pytest.mark.filterwarnings("ignore")  # some of these are deprecated, or in beta
@pytest.mark.parametrize("hops", [1, 2])
def test_every_call_is_as_local_or_raises_the_like(hops, julie, toby):
    wrong, ran, failed = [], 0, 0
    for code in samples():  # of fresh tensors, because some change them
        here, there = tensors(), {}
        for name in set(re.findall(r"\b[a-z]+\b", code)) & here.keys():
            tensor = here[name].clone()
            there[name] = tensor.send(julie) if hops == 1 else tensor.send(julie).send(toby)
        want, got = outcome(code, here), outcome(code, there)
        if isinstance(want, Exception) or isinstance(got, Exception):
            failed += 1
            fits = code in REFUSED or (isinstance(want, Exception) and isinstance(got, Exception))
            if not fits:
                wrong.append((code, want, got))
        else:
            ran += 1
            values, want = plain(got, hops), tuple(want) if type(want) is list else want
            exact = not any(word in code for word in SOLVED)
            if not any(word in code for word in RANDOM) and not alike(values, want, exact):
                wrong.append((code, want, values))
        want = got = there = None
    assert not wrong, "\n".join(map(str, wrong))
    assert ran > 300
    assert failed < 40


def test_modules_with_several_results_and_another_dtype(julie):
    torch.manual_seed(0)
    x, first = torch.randn(5, 2, 4), torch.zeros(1, 2, 4)
    for kind in (nn.LSTM, nn.GRU, nn.RNN):
        model = kind(4, 4)
        state = (first, first) if kind is nn.LSTM else first
        here, last = model(x, state)
        model.send(julie)
        sent = (first.send(julie), first.send(julie)) if kind is nn.LSTM else first.send(julie)
        there, last_there = model(x.send(julie), sent)
        assert torch.equal(there.get(), here)
        assert isinstance(last_there, tuple) == isinstance(last, tuple)
    attention = nn.TransformerEncoderLayer(4, 2, 8).eval()
    here = attention(x)
    assert torch.allclose(attention.send(julie)(x.send(julie)).get(), here)
    model = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)).send(julie).double()
    assert model.to("cpu").location == julie
    assert model(torch.ones(3, 4, dtype=torch.float64).send(julie)).dtype == torch.float64
    model.get()
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float64, torch.int64}
    del model, attention, there, last_there, sent


def test_results_have_torchs_names(julie):
    x = torch.tensor([[3.0, 1.0], [2.0, 4.0]])
    p = x.send(julie)
    assert torch.equal(p.sort().indices.get(), x.sort().indices)
    assert torch.equal(p.topk(1).values.get(), x.topk(1).values)
    assert torch.equal(torch.linalg.eigh(p @ p.T).eigenvalues.get(), torch.linalg.eigh(x @ x.T).eigenvalues)


def test_autograd_grad(julie, toby):
    def x():
        return torch.tensor([1.0, 2.0], requires_grad=True)

    for p in (x().send(julie), x().send(julie).send(toby)):
        (g,) = torch.autograd.grad((p**3).sum(), [p])
        assert torch.equal(g._handle.get(all=True), torch.tensor([3.0, 12.0]))
        if "has_torch_function" in inspect.getsource(torch.autograd.backward):  # torch 2.4 asks nobody there
            torch.autograd.backward([(p**2).sum()])
        else:
            (p**2).sum().backward()
        assert torch.equal(p.grad.clone()._handle.get(all=True), torch.tensor([2.0, 4.0]))
        with torch.no_grad():
            assert (p * 2).requires_grad is False
        assert (p * 2).requires_grad is True
        assert p.detach().requires_grad is False


def test_devices_are_the_workers_own(julie):
    p = torch.ones(2).send(julie)
    assert torch.equal(p.to("cpu").get(), torch.ones(2))
    with pytest.raises(fp.UnsupportedValue):
        p.to(torch.device("meta"))


def test_every_pair_of_dtypes_promotes_as_here(julie):
    kinds = (torch.bool, torch.int32, torch.float16, torch.bfloat16, torch.float64)
    local = [torch.ones(2, dtype=kind) for kind in kinds]
    far = [x.send(julie) for x in local]
    for (a, b), (p, q) in zip(itertools.product(local, local), itertools.product(far, far), strict=True):
        assert (p + q).dtype == (a + b).dtype
