"""BatchNorm's statistics: counted by hand, no weight moved, and a count that was interrupted is the same count."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from pruneviz.engine.subject import Preparation, Samples
from pruneviz.engine.training.batch_statistics import batches, norms, recount
from pruneviz.engine.training.memory import Memory


def network() -> nn.Module:
    made = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1), nn.Dropout(0.5), nn.Linear(1, 2))
    with torch.no_grad():
        made[0].weight.fill_(2.0)
        made[3].weight.fill_(1.0)
        made[3].bias.zero_()
        made[1].running_mean.fill_(100.0)
    return made.eval()


def samples(*values: float) -> Samples:
    return Samples(torch.tensor(values)[:, None], torch.zeros(len(values), dtype=torch.int64), Preparation(scale=1.0))


def test_each_batch_counts_alike_and_no_weight_moves():
    """Inputs doubled, in batches (0, 2), (4, 8) and (6, 10): means 1, 6, 8, unbiased variances 2, 8, 8; their averages are
    5 and 6. The rest of the network stays as it is, dropout draws nothing, and the norm's own momentum is given back."""
    made, state = network(), torch.random.get_rng_state()
    before = {name: one.clone() for name, one in made.state_dict().items() if "running" not in name and "num" not in name}
    assert list(recount(made, samples(0, 1, 2, 4, 3, 5), torch.arange(6), 2, Memory())) == [1, 2, 3]
    norm = made[1]
    assert np.isclose(norm.running_mean.item(), 5) and np.isclose(norm.running_var.item(), 6)
    assert int(norm.num_batches_tracked) == 3 and norm.momentum == 0.1
    assert all(torch.equal(made.state_dict()[name], one) for name, one in before.items())
    assert not any(module.training for module in made.modules())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_count_goes_on_where_it_was_interrupted():
    data, order = samples(*range(9)), torch.randperm(9, generator=torch.Generator().manual_seed(0))
    whole = network()
    list(recount(whole, data, order, 3, Memory()))
    memory = Memory()
    run = recount(network(), data, order, 3, memory)
    next(run)
    run.close()
    again = network()
    assert list(recount(again, data, order, 3, Memory(memory.tensors()))) == [2, 3]
    assert all(torch.equal(one, again.state_dict()[name]) for name, one in whole.state_dict().items())


def test_a_single_sample_has_no_variance_and_no_batch_of_its_own():
    assert batches(samples(*range(7)), 3, 100) == 2 and batches(samples(*range(8)), 3, 100) == 3
    assert batches(samples(*range(8)), 3, 2) == 2 and batches(samples(*range(8)), 3, 0) == 0
    made = network()
    list(recount(made, samples(1, 2), torch.empty(0, dtype=torch.int64), 2, Memory()))
    assert made[1].running_mean.item() == 100, "nothing was looked at, so nothing is counted"
    assert norms(nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1, track_running_stats=False))) == []
