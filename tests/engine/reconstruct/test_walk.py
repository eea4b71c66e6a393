"""A walk through a network: what each matrix is fitted to, that it can be gone on with and leaves nothing behind."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneviz.engine.criterion import find as criterion
from pruneviz.engine.reconstruct import find, shelf, walk
from pruneviz.engine.reconstruct.chain import blocks
from pruneviz.engine.reconstruct.gram import Gram
from pruneviz.engine.reconstruct.problem import Problem, Solved, error
from pruneviz.engine.reconstruct.seats import seat
from pruneviz.engine.reconstruct.watching import Watch
from tests.engine.networks import randomised
from tests.engine.reconstruct.chains import Block, Broken, Chain, batches, chain, hooks, plan, seats_of

METHODS = sorted(shelf())


def walked(network: nn.Module, how: walk.Plan, data=None, known=walk.NOTHING) -> list[walk.Done]:
    return list(walk.walk(network, seats_of(network), data or batches(), how, known))


def state(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: one.clone() for name, one in network.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def inputs_of(network: nn.Module, name: str, data) -> torch.Tensor:
    """What a matrix is multiplied with over all batches, [n, I], caught one by one."""
    seen = []
    module = network.get_submodule(name.removesuffix(".weight"))
    hook = module.register_forward_pre_hook(
        lambda _module, plain, named: seen.append((plain or tuple(named.values()))[0].flatten(0, -2)), with_kwargs=True
    )
    with torch.no_grad():
        for batch in data:
            network(batch)
    hook.remove()
    return torch.cat(seen)


@pytest.mark.parametrize("key", METHODS)
def test_each_block_sees_what_the_pruned_ones_before_it_give(key):
    """By hand: block after block, the Gram of each matrix from a run of the whole network as it is by then."""
    network, by_hand, data = chain(), chain(), batches()
    done = walked(network, plan(network, key), data)
    assert [one.name for one in done] == [one.name for one in seats_of(by_hand)] and len(done) == 15
    how = plan(by_hand, key)
    for block in range(3):
        inside = [one for one in seats_of(by_hand) if one.name.startswith(f"blocks.{block}.")]
        solved = {}
        for one in inside:
            gram = Gram(one.matrix().shape[1])
            for part in inputs_of(by_hand, one.name, data).split(4 * 5):
                gram.add(part, 4)
            solved[one.name] = walk.solve(one, gram, how)[0]
        for one in inside:
            one.write(solved[one.name].weight)
    for name, wanted in by_hand.state_dict().items():
        assert torch.allclose(network.state_dict()[name], wanted, rtol=1e-4, atol=1e-5), name
    assert all(torch.equal(network.get_parameter(one.name) != 0, one.kept) for one in done)


def test_what_is_outside_of_the_blocks_stays():
    network = chain()
    before = state(network)
    walked(network, plan(network))
    changed = {name for name, one in network.state_dict().items() if not torch.equal(one, before[name])}
    assert changed == {one.name for one in seats_of(network)}


@pytest.mark.parametrize("amount", [0.5, 0.75])
def test_wanda_is_its_formula(amount):
    """|W_ij| ‖X_j‖ over all tokens that came by, the lowest of each row to zero, block by block: written out here."""
    network, by_hand, data = chain(), chain(), batches()
    walked(network, plan(network, "keep", amount=amount), data)
    for block in range(3):
        inside = [one for one in seats_of(by_hand) if one.name.startswith(f"blocks.{block}.")]
        seen = {one.name: inputs_of(by_hand, one.name, data) for one in inside}
        for one in inside:
            weight = by_hand.get_parameter(one.name)
            for row in range(weight.shape[0]):
                scores = [
                    (
                        abs(float(weight[row, column]))
                        * math.sqrt(float(seen[one.name][:, column].double().square().sum())),
                        column,
                    )
                    for column in range(weight.shape[1])
                ]
                for _, column in sorted(scores)[: int(amount * weight.shape[1])]:
                    weight[row, column] = 0
    assert same(network.state_dict(), by_hand.state_dict())


@pytest.mark.parametrize("pattern", [(2, 4), (4, 8)])
@pytest.mark.parametrize("key", METHODS)
def test_patterns_are_kept_in_every_matrix(key, pattern):
    network = chain()
    done = walked(network, plan(network, key, pattern=pattern))
    for one in done:
        assert (one.kept.view(len(one.kept), -1, pattern[1]).sum(2) == pattern[0]).all()
        assert not network.get_parameter(one.name)[~one.kept].any()


def test_three_that_are_given_the_same_share_what_is_known_of_it():
    """q, k and v have one Gram, that of the tensor which each of them saw; others have their own."""
    network, data = chain(), batches()
    seats = [one for one in seats_of(network) if one.name.startswith("blocks.0.")]
    watch = Watch(seats, whole=True)
    for batch in data:
        with watch.batch(4), torch.no_grad():
            network(batch)
    q, k, v, up, down = (watch.of(one.name) for one in seats)
    assert q is k is v and len({id(q), id(up), id(down)}) == 3
    for one in seats:
        seen = inputs_of(network, one.name, data)
        assert torch.allclose(watch.of(one.name).seen, 2 / 12 * seen.T @ seen, rtol=1e-5, atol=1e-5)
        assert watch.of(one.name).samples == 12
    watch.drop(seats[0].name)
    assert watch.of(seats[0].name) is None and watch.of(seats[1].name) is q
    assert hooks(network) == 0


def test_only_norms_are_gathered_where_no_more_is_asked_for():
    network = chain()
    watch = Watch(seats_of(network), whole=plan(network, "keep").needs_gram)
    with watch.batch(4), torch.no_grad():
        network(batches()[0])
    for one in seats_of(network):
        seen = inputs_of(network, one.name, batches()[:1])
        assert not hasattr(watch.of(one.name), "factor")
        assert torch.allclose(watch.of(one.name).norms, seen.square().sum(0).sqrt(), rtol=1e-5)
    assert plan(network, "keep", weighed=True).needs_gram


def test_without_a_chain_all_see_the_dense_network():
    """The first block sees the same either way; the second sees what the dense first gives, and so comes out otherwise."""
    one, other = chain(), chain(Broken)
    assert blocks(one, batches()[0], seats_of(one)) == ("blocks.0", "blocks.1", "blocks.2")
    assert blocks(other, batches()[0], seats_of(other)) == ()
    walked(one, plan(one)), walked(other, plan(other))
    for name in (each.name for each in seats_of(one)):
        alike = torch.allclose(one.get_parameter(name), other.get_parameter(name), rtol=1e-5, atol=1e-6)
        assert alike == name.startswith("blocks.0.")
    again = chain(Broken)
    (mine,) = [seat for seat in seats_of(again) if seat.name == "blocks.2.down.weight"]
    gram = Gram(16)
    gram.add(inputs_of(again, mine.name, batches()), 12)
    wanted = walk.solve(mine, gram, plan(again))[0].weight
    assert torch.allclose(other.get_parameter(mine.name), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", [Chain, Broken])
@pytest.mark.parametrize("key", ["keep", "sparsegpt", "swaps_refit"])
def test_a_walk_that_goes_on_is_a_walk_that_was_never_left(kind, key):
    """With the first k matrices known, for every k: the same bits, and only what is new is told."""
    whole = chain(kind)
    told = walked(whole, plan(whole, key))
    for many in range(len(told) + 1):
        known = {one.name: one.solved for one in told[:many]}
        again = chain(kind)
        more = walked(again, plan(again, key), known=known)
        assert [(one.name, one.at, one.of) for one in more] == [(one.name, one.at, one.of) for one in told[many:]]
        assert same(again.state_dict(), whole.state_dict())


def test_it_tells_where_it_is():
    network = chain()
    told = walked(network, plan(network, weighed=True))
    assert [(one.at, one.of) for one in told] == [(at, 15) for at in range(1, 16)]
    assert all(0 < one.error < one.unmoved * 1.5 and one.seconds >= 0 for one in told)
    assert all(math.isnan(one.error) for one in walked(chain(), plan(network)))


def test_the_errors_are_those_of_the_problem():
    """Of the first block, whose inputs are the dense network's."""
    network, data = chain(), batches()
    dense = {one.name: one.matrix().clone() for one in seats_of(network)}
    seen = {name: inputs_of(network, name, data) for name in list(dense)[:5]}
    told = walked(network, plan(network, weighed=True), data)
    for one in told[:5]:
        gram = Gram(seen[one.name].shape[1])
        gram.add(seen[one.name], 12)
        problem = Problem(dense[one.name], gram, 0.5)
        assert one.error == pytest.approx(error(problem, one.solved.weight), rel=1e-4)
        assert one.unmoved == pytest.approx(error(problem, torch.where(one.solved.kept, dense[one.name], 0.0)), rel=1e-4)


def test_nothing_is_left_behind():
    """No hook, no gradient, no step of the global generator, neither afterwards nor while it waits."""
    network, data = chain(), batches()
    before, drawn = [one.clone() for one in data], torch.get_rng_state()
    for _ in walk.walk(network, seats_of(network), data, plan(network)):
        assert hooks(network) == 0
    assert all(torch.equal(*pair) for pair in zip(data, before, strict=True))
    assert torch.equal(torch.get_rng_state(), drawn) and torch.is_grad_enabled()
    assert not any(one.requires_grad or one.grad is not None for one in network.parameters())


def test_whoever_stops_asking_stops_it_after_the_matrix_that_was_told():
    network = chain()
    dense = state(network)
    steps = walk.walk(network, seats_of(network), batches(), plan(network))
    for _ in range(7):
        next(steps)
    steps.close()
    changed = {name for name, one in network.state_dict().items() if not torch.equal(one, dense[name])}
    assert changed == {one.name for one in seats_of(network)[:7]} and hooks(network) == 0


def test_nothing_is_left_behind_when_a_method_fails():
    network = chain()

    def fails(_: Problem) -> Solved:
        raise ArithmeticError("it does not work out")

    how = plan(network)
    how = replace(how, method=replace(how.method, solve=fails))
    before = state(network)
    with pytest.raises(ArithmeticError):
        walked(network, how)
    assert hooks(network) == 0 and same(network.state_dict(), before)


@pytest.mark.parametrize("kind", [Chain, Broken])
@pytest.mark.parametrize("after", [1, 2, 5])
def test_nothing_is_left_behind_when_the_network_fails(kind, after, monkeypatch):
    """At the first run of a block, while blocks are looked for, or later, while they are watched."""
    network = chain(kind)
    ran, forward = [], type(network.blocks[1]).forward

    def fails(self, *plain, **named):
        ran.append(1)
        if len(ran) > after:
            raise ArithmeticError("it does not work out")
        return forward(self, *plain, **named)

    monkeypatch.setattr(type(network.blocks[1]), "forward", fails)
    with pytest.raises(ArithmeticError):
        walked(network, plan(network))
    assert hooks(network) == 0 and torch.is_grad_enabled()


def test_what_has_no_share_and_what_is_never_called_stay_whole():
    network = chain()
    network.blocks[1].idle = nn.Linear(8, 8).requires_grad_(False)
    before, names = state(network), [one.name for one in seats_of(network)]
    shares = {name: 0.5 for name in names if name != "blocks.0.q.weight"}
    told = {one.name: one for one in walked(network, plan(network, shares=shares))}
    for name in ("blocks.0.q.weight", "blocks.1.idle.weight"):
        assert torch.equal(network.get_parameter(name), before[name]) and told[name].kept.all()
    assert len(told) == 16 and not told["blocks.0.k.weight"].kept.all()


def test_weights_that_are_zero_already_go_first():
    """However large their inputs: what is asked for is counted with what is gone."""
    network = chain()
    first = network.blocks[0].q.weight
    first[:, :4] = 0
    walked(network, plan(network, "keep"))
    assert not first[:, :4].any() and first[:, 4:].all()


def test_a_criterion_that_sees_more_than_a_matrix_is_refused():
    network = chain()
    with pytest.raises(
        ValueError, match="one shot sees only a matrix and its inputs: choose magnitude, random, wanda or ria"
    ):
        plan(network, "keep", "gradient")
    assert plan(network, "sparsegpt", "gradient").criterion is criterion("gradient")


def test_a_pattern_that_does_not_fit_is_refused_by_name():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.only = nn.Linear(6, 2)

        def forward(self, x):
            return self.only(x)

    from pruneviz.engine.reconstruct.seats import seat

    network = Odd().requires_grad_(False)
    how = walk.Plan(criterion("wanda"), find("keep"), {"only.weight": 0.5}, (2, 4))
    with pytest.raises(ValueError, match=r"only\.weight has 6 inputs, which are no whole groups of 4"):
        list(walk.walk(network, (seat(network, "only.weight"),), (torch.randn(3, 6),), how))
    assert hooks(network) == 0


def test_a_network_in_half_precision_is_written_in_its_own():
    network = chain().to(torch.bfloat16)
    told = walked(network, plan(network), tuple(one.to(torch.bfloat16) for one in batches()))
    for one in told:
        weight = network.get_parameter(one.name)
        assert weight.dtype == torch.bfloat16 and torch.equal(weight, one.solved.weight.to(torch.bfloat16))
        assert int((~one.kept).sum()) == round(0.5 * weight.numel())


class Writes(Block):
    """A block that halves what it is given, in place."""

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> tuple[torch.Tensor]:
        return super().forward(x.mul_(0.5), scale)


class Halves(Block):
    """The same without writing."""

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> tuple[torch.Tensor]:
        return super().forward(0.5 * x, scale)


class Writing(Chain):
    """A chain that writes to its samples, of blocks that write to what they are given."""

    def __init__(self, blocks: int = 3) -> None:
        super().__init__(blocks)
        self.blocks = nn.ModuleList(Writes() for _ in range(blocks))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.tanh_())


class Quiet(Chain):
    """The same without writing."""

    def __init__(self, blocks: int = 3) -> None:
        super().__init__(blocks)
        self.blocks = nn.ModuleList(Halves() for _ in range(blocks))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.tanh())


def test_a_network_that_writes_to_what_it_is_given_sees_it_once():
    """What it writes to is not the samples, and no block is run on what its own first run left."""
    data, untouched = batches(), batches()
    writing, quiet = chain(Writing), chain(Quiet)
    assert blocks(writing, data[0], seats_of(writing)) == ("blocks.0", "blocks.1", "blocks.2")
    found, wanted = (walked(one, plan(one, weighed=True), data) for one in (writing, quiet))
    assert all(torch.equal(one, other) for one, other in zip(data, untouched, strict=True))
    for one, other in zip(found, wanted, strict=True):
        assert torch.equal(one.solved.weight, other.solved.weight) and one.error == other.error, one.name


def test_what_is_told_of_a_network_in_half_precision_is_what_was_written():
    network, dense = chain().bfloat16(), chain().bfloat16()
    data = [one.bfloat16() for one in batches()]
    done = next(walk.walk(network, seats_of(network), data, plan(network, "sparsegpt", weighed=True)))
    gram = Gram(dense.get_parameter(done.name).shape[1])
    for one in data:
        with torch.no_grad():
            gram.add(torch.tanh(dense.first(one)).float(), len(one))
    problem = Problem(dense.get_parameter(done.name).detach().float(), gram, 0.5)
    written = error(problem, network.get_parameter(done.name).detach().float())
    assert done.error == pytest.approx(written, rel=1e-5) and written != pytest.approx(error(problem, done.solved.weight))


def test_a_criterion_of_whole_units_is_refused():
    with pytest.raises(ValueError, match="looks at whole units, and one shot sees only a matrix and its inputs"):
        plan(chain(), "keep", "top")


class Seeing(nn.Module):
    """Two convolutions, each the whole of a block, and a matrix behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 4, (1, 3))
        self.last = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.other(self.one(x).relu()).mean((2, 3)))


@pytest.mark.parametrize("key", ["keep", "sparsegpt", "swaps_refit"])
def test_a_pattern_groups_the_input_channels_of_a_convolution(key):
    """As the slider does: at each place of a kernel two of four neighbouring channels stay (P11)."""
    network = randomised(Seeing(), 4)
    seats = [seat(network, f"{name}.weight") for name in ("one", "other", "last")]
    dense = {one.name: network.get_parameter(one.name).clone() for one in seats}
    how = walk.Plan(criterion("wanda"), find(key), {one.name: 0.5 for one in seats}, (2, 4), weighed=True)
    data = [torch.randn(6, 4, 5, 5, generator=torch.Generator().manual_seed(at)) for at in range(2)]
    for done in walk.walk(network, seats, data, how):
        kept = done.kept.movedim(1, -1).reshape(-1, 4)
        assert (kept.sum(1) == 2).all() and done.error <= done.unmoved * (1 + 1e-6)
        assert not network.get_parameter(done.name)[~done.kept].any()
        if key == "keep":
            assert torch.equal(network.get_parameter(done.name)[done.kept], dense[done.name][done.kept])


def test_a_convolution_whose_channels_are_no_whole_groups_is_refused():
    network = randomised(Seeing(), 4)
    how = walk.Plan(criterion("wanda"), find("keep"), {"one.weight": 0.5}, (4, 8))
    with pytest.raises(ValueError, match="one.weight has 4 inputs, which are no whole groups of 8"):
        list(walk.walk(network, [seat(network, "one.weight")], [torch.randn(2, 4, 5, 5)], how))
