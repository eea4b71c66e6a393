"""Small networks of many kinds, for 4x4 images of one channel: what per-sample gradients have to get right."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 4


def settled(network: nn.Module, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
    """The network in eval mode, all weights and BatchNorm statistics drawn from a generator of its own."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.5)
        for name, buffer in network.named_buffers():
            if "running" in name:
                buffer.copy_(torch.rand(buffer.shape, generator=generator) + 0.5)
    return network.to(dtype).eval()


def data(n: int = 6, seed: int = 1, classes: int = CLASSES, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 1, 4, 4, generator=generator).to(dtype)
    return inputs, torch.randint(classes, (n,), generator=generator)


def mlp(act: type[nn.Module], *hidden: int, classes: int = CLASSES) -> nn.Module:
    sizes = (16, *hidden)
    parts = [part for pair in zip(sizes, sizes[1:], strict=False) for part in (nn.Linear(*pair), act())]
    return nn.Sequential(nn.Flatten(), *parts, nn.Linear(sizes[-1], classes))


def cnn(act: type[nn.Module], pool: type[nn.Module] = nn.AvgPool2d) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), act(), pool(2),
        nn.Conv2d(3, 4, 2, bias=False), act(), nn.Flatten(), nn.Dropout(), nn.Linear(4, CLASSES),
    )  # fmt: skip


class Residual(nn.Module):
    """A strided stem, a depthwise block with a way around it, activations in place."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4)
        self.depth, self.last = nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.BatchNorm2d(4)
        self.act, self.head = act, nn.Linear(4, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(x)))
        x = self.act(x + self.last(self.depth(x)))
        return self.head(x.mean((2, 3)))


class Functional(nn.Module):
    """Linear layers called as functions, with an activation called as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(16, 5), nn.Linear(5, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.linear(x.flatten(1), self.first.weight, self.first.bias)
        return functional.linear(torch.tanh(x), self.second.weight)


class Twice(nn.Module):
    """One matrix used twice, and a second module tied to it."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.first, self.again, self.head = nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, CLASSES)
        self.again.weight = self.first.weight
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x.flatten(1)))
        return self.head(self.act(self.again(self.act(self.first(x)))))


class Attention(nn.Module):
    """Rows of an image as tokens through a transformer layer; `batch_first` orders samples before tokens, or after."""

    def __init__(self, batch_first: bool, fused: bool = True) -> None:
        super().__init__()
        self.batch_first, self.fused = batch_first, fused
        self.embed = nn.Linear(4, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, activation="gelu", batch_first=batch_first)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x[:, 0])
        x = self.layer(x) if self.batch_first else self.layer(x.transpose(0, 1)).transpose(0, 1)
        return self.head(x[:, 0])


class Unusual(nn.Module):
    """A transposed convolution, a one-dimensional one, a standardised kernel and a matrix stored [I, O]."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(1, 2, 2, stride=2)
        self.standard = nn.Conv2d(2, 3, 2, stride=2)
        self.line = nn.Conv1d(3, 2, 3, padding=1, dilation=1, stride=2)
        self.stored = Stored(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.up(x))
        kernel = self.standard.weight
        x = functional.relu(functional.conv2d(x, (kernel - kernel.mean()) / kernel.std(), self.standard.bias, stride=2))
        return self.stored(self.line(x.flatten(2)).flatten(1))


class Stored(nn.Module):
    """A linear layer that keeps its matrix [I, O]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x, self.matrix)


class Tokens(nn.Module):
    """A matrix over tokens, samples first, and ReLU: G is a sum over tokens."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.first, self.act, self.head = nn.Linear(4, 5), act, nn.Linear(5, CLASSES, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.first(x[:, 0]))).mean(1)


ZOO = {
    "mlp": lambda: mlp(nn.ReLU, 6, 5),
    "cnn": lambda: cnn(nn.ReLU, nn.MaxPool2d),
    "residual": lambda: Residual(nn.ReLU(inplace=True)),
    "functional": Functional,
    "twice": lambda: Twice(nn.ReLU()),
    "attention": lambda: Attention(batch_first=True),
    "attention, samples last": lambda: Attention(batch_first=False),
    "unusual": Unusual,
    "tokens": lambda: Tokens(nn.ReLU()),
}
