"""What goes with what: networks whose couplings can be seen at a glance, and proofs that cutting along them is exact."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from pruneviz.engine.structure import surgery, trace
from tests.engine.structure import cases


class Forward(nn.Module):
    """A forward pass written as a function, and the modules it uses."""

    def __init__(self, forward, **modules):
        super().__init__()
        self.call = forward
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *args, **kwargs):
        return self.call(self, *args, **kwargs)


def picture(channels: int = 3, size: int = 6) -> Tensor:
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def conv(inputs, outputs, size=3, **more):
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, **more)


def proven(network: nn.Module, inputs, granularity: str = "filter"):
    """The structure; every removable group was cut by a third and proven in float64."""
    network = cases.randomised(network.double())
    structure = trace.structure(network, inputs, granularity)
    _, _, proof = surgery.remove(network, structure, cases.some(structure), inputs)
    assert proof.difference <= 1e-9
    return structure


def parts(group):
    return {(part.tensor, part.axis, part.role) for part in group.parts}


def test_a_filter_is_its_row_its_norm_s_row_and_its_reader_s_column():
    network = nn.Sequential(conv(3, 4), nn.BatchNorm2d(4), nn.ReLU(), conv(4, 5), nn.Flatten(), nn.Linear(5 * 36, 2))
    first, second = proven(network, picture()).groups
    assert parts(first) == {
        ("0.weight", 0, "makes"),
        ("0.bias", 0, "follows"),
        ("1.weight", 0, "follows"),
        ("1.bias", 0, "follows"),
        ("1.running_mean", 0, "follows"),
        ("1.running_var", 0, "follows"),
        ("3.weight", 1, "reads"),
    }
    assert (first.name, first.units, first.modules, first.coupling) == ("0", 4, ("0",), "")
    assert first.pattern == "Conv2d 3×3 > BatchNorm2d > Conv2d 3×3"
    # Flattened, every filter of the second is 36 columns of the matrix, one after the other.
    assert parts(second) == {("3.weight", 0, "makes"), ("3.bias", 0, "follows"), ("5.weight", 1, "reads")}
    reader = second.of("reads")[0]
    assert reader.owner.tolist() == np.repeat(np.arange(5), 36).tolist()


def test_the_outputs_stay_by_identity_and_not_by_type():
    """A network that ends in a convolution: its last filters are the classes. Its only matrix may lose neurons."""
    network = Forward(
        lambda m, x: m.last(functional.relu(m.matrix(x.mean((2, 3))))[:, :, None, None]).flatten(1),
        matrix=nn.Linear(3, 8),
        last=nn.Conv2d(8, 4, 1),
    )
    (last,) = proven(network, picture()).groups
    assert last.name == "last" and "outputs" in last.reason
    (matrix,) = proven(network, picture(), "neuron").groups
    assert matrix.removable and matrix.units == 8
    with pytest.raises(ValueError, match="last cannot lose units: these are the network's outputs"):
        structure = trace.structure(network, picture(), "filter")
        surgery.plan(network, structure, {"last": np.array([True, True, True, False])})


def test_what_is_added_together_goes_together():
    network = Forward(
        lambda m, x: m.fc((m.two(m.one(x).relu()) + m.way(x)).mean((2, 3))),
        one=conv(3, 5),
        two=conv(5, 6),
        way=conv(3, 6, 1),
        fc=nn.Linear(6, 2),
    )
    one, two = proven(network, picture()).groups
    assert one.modules == ("one",) and one.coupling == ""
    assert two.modules == ("two", "way") and two.label == "two + 1" and two.units == 6
    assert two.coupling == "added together in the network itself: a unit goes from all 2 modules or from none"


def test_a_depthwise_kernel_follows_its_channel():
    network = nn.Sequential(conv(3, 6), conv(6, 6, groups=6), nn.PReLU(6), conv(6, 4), nn.Flatten(), nn.Linear(144, 2))
    first, _ = proven(network, picture()).groups
    assert ("1.weight", 0, "follows") in parts(first) and ("1.weight", 1, "reads") not in parts(first)
    assert first.modules == ("0",) and first.units == 6 and first.coupling == ""
    assert [(one.module, one.attribute, one.each) for one in first.repairs] == [("1", "groups", 1)]


def test_a_group_of_a_grouped_convolution_goes_as_a_whole():
    network = nn.Sequential(conv(3, 8), conv(8, 4, groups=2), nn.Flatten(), nn.Linear(144, 2))
    (group,) = proven(network, picture()).groups
    assert group.units == 2 and group.modules == ("0", "1")
    assert group.of("makes")[0].owner.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert group.of("makes")[1].owner.tolist() == [0, 0, 1, 1]
    assert "worked on in 2 groups in 1" in group.coupling


def test_a_depthwise_convolution_with_several_outputs_per_input():
    network = nn.Sequential(conv(3, 4), conv(4, 8, groups=4), nn.ReLU(), conv(8, 2), nn.Flatten(), nn.Linear(72, 2))
    first = proven(network, picture()).groups[0]
    assert first.units == 4 and first.of("reads")[0].owner.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_side_by_side_each_keeps_its_own_columns():
    network = Forward(
        lambda m, x: m.last(torch.cat([m.one(x), x, m.two(x)], 1)).mean((2, 3)),
        one=conv(3, 4),
        two=conv(3, 5),
        last=conv(12, 2),
    )
    one, two, _ = proven(network, picture()).groups
    assert one.of("reads")[0].owner.tolist() == [0, 1, 2, 3] + [-1] * 8
    assert two.of("reads")[0].owner.tolist() == [-1] * 7 + [0, 1, 2, 3, 4]


def test_squeeze_and_excite():
    """The gate's last filters belong to the channels that they gate; its hidden ones are free."""

    def forward(m, x):
        x = m.body(x)
        gate = m.up(m.down(functional.adaptive_avg_pool2d(x, 1)).relu()).sigmoid()
        return m.last(x * gate).mean((2, 3))

    network = Forward(forward, body=conv(3, 8), down=conv(8, 4, 1), up=conv(4, 8, 1), last=conv(8, 2))
    body, down, _ = proven(network, picture()).groups
    assert body.modules == ("body", "up") and "multiplied with each other" in body.coupling
    assert down.modules == ("down",) and {part.tensor for part in body.of("reads")} == {"down.weight", "last.weight"}


def test_gates_and_values_of_one_matrix():
    """Cut in two halves that are multiplied: neuron i and its gate i + 5 go together, by chunk and by GLU."""
    halves = Forward(
        lambda m, x: m.out(torch.mul(*m.fused(x).chunk(2, dim=-1))), fused=nn.Linear(3, 10), out=nn.Linear(5, 2)
    )
    glu = nn.Sequential(nn.Linear(3, 10), nn.GLU(), nn.Linear(5, 2))
    for network in (halves, glu):
        group = proven(network, torch.randn(2, 3, dtype=torch.float64), "neuron").groups[0]
        assert group.units == 5 and group.of("makes")[0].owner.tolist() == [0, 1, 2, 3, 4] * 2


def test_unequal_parts_end_the_channels():
    network = Forward(
        lambda m, x: m.out(torch.cat(m.fused(x).split([3, 7], dim=-1)[::-1], -1)),
        fused=nn.Linear(3, 10),
        out=nn.Linear(10, 2),
    )
    group = proven(network, torch.randn(2, 3, dtype=torch.float64), "neuron").groups[0]
    assert not group.removable and "(split) cuts them apart" in group.reason


class Tokens(nn.Module):
    """Patches and a class token, positions and a scale: parameters that have one number per channel."""

    def __init__(self):
        super().__init__()
        self.patch, self.up, self.head = nn.Conv2d(3, 6, 2, stride=2), nn.Linear(6, 6), nn.Linear(6, 2)
        self.token = nn.Parameter(torch.zeros(1, 1, 6))
        self.position = nn.Parameter(torch.zeros(1, 10, 6))
        self.scale = nn.Parameter(torch.ones(6))

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.position
        return self.head((x + self.scale * self.up(x))[:, 0])


def test_parameters_with_one_number_per_channel_follow():
    (group,) = proven(Tokens(), picture()).groups
    assert {("token", 2, "follows"), ("position", 2, "follows"), ("scale", 0, "follows")} <= parts(group)
    assert group.modules == ("patch", "up") and group.units == 6


def test_the_same_parameter_seen_through_views():
    class Viewed(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.last = conv(3, 4), conv(4, 2)
            self.gain = nn.Parameter(torch.ones(4))
            self.table = nn.Parameter(torch.ones(4, 5))

        def forward(self, x):
            x = self.conv(x) * (1 + self.gain.view(1, -1, 1, 1))
            return self.last(x + self.table.t()[None, :, :, None].mean(1).unsqueeze(3)).mean((2, 3))

    group = proven(Viewed(), picture()).groups[0]
    # The mean of a table is computed: where its numbers belong cannot be said any more.
    assert not group.removable and "numbers that are no layer's channels" in group.reason

    class Plain(Viewed):
        def forward(self, x):
            return self.last(self.conv(x) * (1 + self.gain.view(1, -1, 1, 1)) + self.table[:, 2, None, None]).mean((2, 3))

    group = proven(Plain(), picture()).groups[0]
    assert {("gain", 0, "follows"), ("table", 0, "follows")} <= parts(group)


@pytest.mark.parametrize(
    "middle, word",
    [
        (lambda x: x.softmax(1), "softmax"),
        (lambda x: functional.layer_norm(x, x.shape[1:]), "layer_norm"),
        (lambda x: functional.group_norm(x, 1), "group_norm"),
        (lambda x: functional.local_response_norm(x, 3), "local_response_norm"),
        (lambda x: functional.normalize(x, dim=1), "normalize"),
        (lambda x: x - x.mean(1, keepdim=True), "mean"),
        (lambda x: x.view(2, 2, 4, 6, 6).transpose(1, 2).reshape(2, 8, 6, 6), "shuffles"),
        (lambda x: functional.channel_shuffle(x, 2), "shuffles"),
        (lambda x: x[:, torch.arange(7, -1, -1)], "getitem"),
        (lambda x: torch.cat([x[:, :4], x[:, 4:] * 2], 1), "getitem"),
        (lambda x: functional.pad(x, (0, 0, 0, 0, 1, 1))[:, 1:9], "pad"),
        (lambda x: torch.einsum("nchw,cd->ndhw", x, torch.eye(8, dtype=x.dtype)), "einsum"),
        (lambda x: (x.flatten(2).transpose(1, 2) @ x.flatten(2)).amax(2).reshape(2, 1, 6, 6).expand(2, 8, 6, 6), "matmul"),
        (lambda x: x * torch.arange(8, dtype=x.dtype).view(8, 1, 1), "mul"),
        (lambda x: x.flip(1), "flip"),
        (lambda x: x.cumsum(1), "cumsum"),
        (lambda x: functional.pixel_shuffle(x, 2).repeat(1, 4, 1, 1)[:, :, :6, :6], "pixel_shuffle"),
        (lambda x: x + float(x[0, :, 0, 0].amax(-1)), "amax"),
        (lambda x: x * (2 if (x[0, :, 0, 0] > 0).tolist()[0] else 3), "tolist"),
        (lambda x: x.detach().clone().index_copy_(1, torch.arange(8), x * 2), "index_copy"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_mixes_channels_is_refused_with_its_name(middle, word):
    network = Forward(lambda m, x: m.last(middle(m.first(x))).mean((2, 3)), first=conv(3, 8), last=conv(8, 2))
    first = proven(network, picture()).groups[0]
    assert first.name == "first" and not first.removable
    assert word in first.reason and "the network itself" in first.reason


@pytest.mark.parametrize(
    "middle",
    [
        lambda x: functional.gelu(x).clamp(-1, 1),
        lambda x: functional.interpolate(functional.max_pool2d(x, 2), size=6),
        lambda x: x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
        lambda x: x.flatten(2).unflatten(2, (6, 6)),
        lambda x: x.reshape(x.shape[0], x.shape[1], -1).view(x.shape),
        lambda x: functional.pad(x, (1, 1, 1, 1), mode="reflect")[..., 1:-1, 1:-1],
        lambda x: x.roll(1, dims=3).softmax(-1),
        lambda x: torch.stack([x, x * 2], 2).amax(2),
        lambda x: torch.where(x > 0, x, 0.1 * x),
        lambda x: functional.instance_norm(x) + x.mean((2, 3), keepdim=True),
        lambda x: torch.max(x, torch.zeros_like(x)) + x.max(dim=3, keepdim=True).values,
        lambda x: functional.avg_pool2d(x, 3, 1, 1).to(torch.float64).mul_(2),
        lambda x: x.chunk(2, dim=2)[0].repeat(1, 1, 2, 1),
    ],
)
def test_what_treats_channels_alike_lets_them_pass(middle):
    network = Forward(lambda m, x: m.last(middle(m.first(x))).mean((2, 3)), first=conv(3, 8), last=conv(8, 2))
    first = proven(network, picture()).groups[0]
    assert first.removable and first.units == 8


def test_norms_in_groups_lose_whole_groups():
    network = nn.Sequential(conv(3, 8), nn.GroupNorm(4, 8), nn.ReLU(), conv(8, 2), nn.Flatten(), nn.Linear(72, 2))
    first = proven(network, picture()).groups[0]
    assert first.units == 4 and first.of("makes")[0].owner.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_transposed_and_one_dimensional_convolutions():
    network = nn.Sequential(
        nn.ConvTranspose2d(3, 6, 2, stride=2), nn.InstanceNorm2d(6), nn.ConvTranspose2d(6, 6, 3, groups=3), nn.Flatten(2),
        nn.Conv1d(6, 4, 3), nn.InstanceNorm1d(4, affine=True), nn.Flatten(), nn.Linear(4 * 194, 2),
    )  # fmt: skip
    first, second = proven(network, picture()).groups
    assert first.units == 3 and ("0.weight", 1, "makes") in parts(first) and ("2.weight", 0, "makes") in parts(first)
    assert second.units == 4


def test_a_matrix_stored_the_other_way_round():
    """transformers' Conv1D: x @ W with W [I, O], by addmm."""
    from transformers.pytorch_utils import Conv1D

    network = nn.Sequential(Conv1D(8, 3), nn.GELU(), Conv1D(2, 8))
    first, _ = proven(network, torch.randn(2, 5, 3, dtype=torch.float64), "neuron").groups
    assert parts(first) == {("0.weight", 1, "makes"), ("0.bias", 0, "follows"), ("2.weight", 0, "reads")}


def test_one_matrix_used_twice_is_one():
    """The second use reads what the first makes, so rows and columns are the same channels; the input's are rigid."""
    network = Forward(
        lambda m, x: m.out(m.twice(m.twice(m.first(x)).relu())),
        first=nn.Linear(3, 6),
        twice=nn.Linear(6, 6),
        out=nn.Linear(6, 2),
    )
    group = proven(network, torch.randn(2, 3, dtype=torch.float64), "neuron").groups[0]
    assert group.units == 6 and group.modules == ("first", "twice")
    assert {("twice.weight", 0, "makes"), ("twice.weight", 1, "reads")} <= parts(group)
    network.first = nn.Identity()
    structure = proven(network, torch.randn(2, 6, dtype=torch.float64), "neuron")
    assert not structure.groups[0].removable


def test_tied_tables_and_tensors_that_overlap_stay():
    class Language(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.hidden, self.back = nn.Embedding(7, 4), nn.Linear(4, 6), nn.Linear(6, 4)
            self.head = nn.Linear(4, 7, bias=False)
            self.head.weight = self.table.weight

        def forward(self, words):
            x = self.table(words)
            return self.head(x + self.back(self.hidden(x).relu()))

    structure = proven(Language(), torch.tensor([[1, 2, 3]]), "neuron")
    by_name = {group.name: group for group in structure.groups}
    assert by_name["hidden"].units == 6 and by_name["hidden"].removable
    stream = next(group for group in structure.groups if "back" in group.modules)
    assert stream.removable and {("table.weight", 1, "makes"), ("table.weight", 1, "reads")} <= parts(stream)
    words = next(group for group in structure.groups if group.units == 7)
    assert "looked up by number" in words.reason or "outputs" in words.reason

    shared = torch.zeros(6, 3, dtype=torch.float64)
    network = nn.Sequential(nn.Linear(3, 6, bias=False), nn.Linear(6, 6, bias=False), nn.Linear(6, 2)).double()
    network[0].weight = nn.Parameter(shared)
    network[1].weight = nn.Parameter(torch.as_strided(shared, (6, 6), (0, 1)))
    first = trace.structure(network, torch.randn(2, 3, dtype=torch.float64), "neuron").groups[0]
    assert "share memory" in first.reason


def test_tied_memory_under_two_names_is_cut_once():
    """Two parameters, one memory: a checkpoint's tying. Both names lose the same rows, and are still tied afterwards."""
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    network = nn.Sequential(nn.Linear(3, 4), *network).double()
    network[3].weight = nn.Parameter(network[1].weight.detach())
    structure = proven(network, torch.randn(2, 3, dtype=torch.float64), "neuron")
    (group,) = structure.removable
    assert group.units == 4
    smaller = surgery.apply(network, surgery.plan(network, structure, cases.some(structure)))
    assert smaller[1].weight.data_ptr() == smaller[3].weight.data_ptr()
    assert smaller[1].weight.shape == (3, 3)


def test_a_width_written_into_the_forward_is_found_by_trying():
    network = Forward(
        lambda m, x: m.fc(m.second(m.first(x)).view(-1, 5 * 36)), first=conv(3, 4), second=conv(4, 5), fc=nn.Linear(180, 2)
    )
    first, second = proven(network, picture()).groups
    assert first.removable and not second.removable
    assert "without one of them" in second.reason and "breaks" in second.reason


def test_functions_and_weights_without_modules():
    class Bare(nn.Module):
        def __init__(self):
            super().__init__()
            self.kernel, self.shift = nn.Parameter(torch.zeros(5, 3, 3, 3)), nn.Parameter(torch.zeros(5))
            self.matrix = nn.Parameter(torch.zeros(5, 2))

        def forward(self, x):
            return functional.conv2d(x, self.kernel, self.shift).relu().amax((2, 3)) @ self.matrix

    (group,) = proven(Bare(), picture()).groups
    assert group.name == "kernel" and group.units == 5 and ("matrix", 0, "reads") in parts(group)


def test_a_kernel_that_is_computed_cannot_be_followed():
    network = nn.Sequential(conv(3, 4), nn.utils.parametrizations.weight_norm(conv(4, 4)), conv(4, 2), nn.Flatten())
    structure = proven(network, picture())
    assert [group.removable for group in structure.groups] == [False, False]
    assert "computed from other parameters" in structure.groups[0].reason


def test_a_module_that_is_partly_fixed_has_two_groups():
    """Half of the stem's filters are added to the input's three channels, and must stay."""
    network = Forward(
        lambda m, x: m.last(torch.cat([m.one(x), m.two(x) + x], 1)).mean((2, 3)),
        one=conv(3, 4),
        two=conv(3, 3),
        last=conv(7, 2),
    )
    one, two, _ = proven(network, picture()).groups
    assert one.removable and not two.removable and "numbers that are no layer's channels" in two.reason

    network = Forward(
        lambda m, x: m.last(m.one(x) * torch.cat([m.gate.expand(2, 2, 6, 6), m.two(x)], 1)).mean((2, 3)),
        one=conv(3, 5), two=conv(3, 3), last=conv(5, 2), gate=nn.Parameter(torch.ones(1)),
    )  # fmt: skip
    groups = {group.name: group for group in proven(network, picture()).groups}
    assert groups["one"].units == 3 and groups["one"].modules == ("one", "two") and groups["one"].removable
    assert groups["one~2"].units == 2 and not groups["one~2"].removable and groups["one~2"].label == "one (2)"


def test_nobody_reads_them():
    network = Forward(lambda m, x: (m.unread(x), m.last(x).mean((2, 3)))[1], unread=conv(3, 4), last=conv(3, 2))
    unread = proven(network, picture()).groups[0]
    assert not unread.removable and "nothing that was followed reads them" in unread.reason


def test_named_inputs_and_records_of_outputs():
    network = Forward(
        lambda m, pixels, scale: {"logits": m.fc(m.body(pixels * scale).mean((2, 3)))}, body=conv(3, 4), fc=nn.Linear(4, 2)
    )
    structure = proven(network, {"pixels": picture(), "scale": torch.tensor(2.0)})
    assert [group.removable for group in structure.groups] == [True]


def test_tracing_changes_nothing():
    network = cases.randomised(nn.Sequential(conv(3, 4), nn.BatchNorm2d(4), nn.Dropout(), conv(4, 2), nn.Flatten()).double())
    network.train()
    network[0].weight.requires_grad_(False)
    before, inputs = copy.deepcopy(network.state_dict()), picture()
    trace.structure(network, inputs, "filter")
    assert all(module.training for module in network.modules())
    assert [one.requires_grad for one in network.parameters()] == [False, True, True, True, True, True]
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert torch.equal(inputs, picture())


def test_a_network_that_computes_with_its_own_width_keeps_it():
    """Without one of eight filters, √8 becomes √7: only the widths that are computed with are frozen, not the next."""
    network = Forward(
        lambda m, x: m.last(m.next((lambda y: y / y.shape[1] ** 0.5)(m.first(x)))).mean((2, 3)),
        first=conv(3, 8),
        next=conv(8, 6),
        last=conv(6, 2),
    )
    first, second, _ = proven(network, picture()).groups
    assert first.reason == "the rest of the network depends on its width" and second.removable


def test_numbers_that_are_not_finite_hide_no_difference():
    """A NaN makes every output NaN: what can go is found as if it were zero, and the network keeps its NaN."""
    network = nn.Sequential(conv(3, 4), nn.ReLU(), conv(4, 2), nn.Flatten(), nn.Linear(72, 2))
    network[0].weight.data[1, 0, 0, 0] = float("nan")
    structure = trace.structure(network, picture().float(), "filter")
    assert [group.name for group in structure.removable] == ["0", "2"]
    assert network[0].weight.isnan().sum() == 1
