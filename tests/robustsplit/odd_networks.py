"""Small networks of shapes that a chain of layers does not have."""

import random

import torch
from torch import nn
from torch.nn import functional as F


class LearnedQuery(nn.Module):
    """Attention pooling: one learned query over tokens, as in MAP heads."""

    def __init__(self):
        super().__init__()
        self.embed, self.hidden = nn.Linear(3, 8), nn.Linear(8, 8)
        self.query = nn.Parameter(torch.randn(1, 1, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 2)

    def tokens(self, x):
        return self.hidden(self.embed(x.flatten(2).transpose(1, 2)).relu()).relu()

    def forward(self, x):
        t = self.tokens(x)
        return self.out(self.attention(self.query.expand(len(x), -1, -1), t, t)[0][:, 0])


class Film(nn.Module):
    """Scales and shifts `hidden` by what it makes of `condition`, which comes first."""

    def __init__(self):
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(4, 12))

    def forward(self, condition, hidden):
        scale, shift = (condition @ self.matrix).chunk(2, 1)
        return scale * hidden + shift


class Conditioned(nn.Module):
    """h is modulated by a condition that does not depend on it."""

    def __init__(self, keywords=False):
        super().__init__()
        self.first, self.h, self.film, self.out = (
            nn.Linear(4, 6), nn.Linear(6, 6), Film(), nn.Linear(6, 2),
        )  # fmt: skip
        self.keywords = keywords

    def forward(self, x):
        h = self.h(self.first(x).relu()).relu()
        if self.keywords:
            return self.out(self.film(condition=x, hidden=h))
        return self.out(self.film(x, h))


class ClassToken(nn.Module):
    """A token put before those of `embed`; the next layer reads one of them only."""

    def __init__(self, read):
        super().__init__()
        self.embed, self.token = nn.Linear(3, 8), nn.Parameter(torch.randn(1, 1, 8))
        self.next, self.out, self.read = nn.Linear(8, 8), nn.Linear(8, 2), read

    def forward(self, x):
        t = self.embed(x.flatten(2).transpose(1, 2))
        t = torch.cat([self.token.expand(len(x), -1, -1), t], 1)
        return self.out(self.next(t[:, self.read]).relu() + t[:, -1, :])


class LowRank(nn.Module):
    """base(x) + B(A(x)), as low-rank adapters are written."""

    def __init__(self, width_in, width_out):
        super().__init__()
        self.base = nn.Linear(width_in, width_out)
        self.A, self.B = nn.Linear(width_in, 2, bias=False), nn.Linear(2, width_out, bias=False)

    def forward(self, x):
        return self.base(x) + 0.5 * self.B(self.A(x))


class WideAndDeep(nn.Module):
    def __init__(self, trunk=False):
        super().__init__()
        self.trunk = nn.Linear(4, 4) if trunk else nn.Identity()
        self.wide = nn.Linear(4, 2)
        self.deep = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x):
        x = self.trunk(x)
        return self.wide(x) + self.deep(x)


class Unrolled(nn.Module):
    """tanh(i2h(x_t) + h2h(h)) for each step, with a layer before if `stem`."""

    def __init__(self, stem=False):
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(3, 3), nn.ReLU()) if stem else nn.Identity()
        self.i2h, self.h2h, self.out = nn.Linear(3, 5), nn.Linear(5, 5), nn.Linear(5, 2)

    def forward(self, x):
        x, h = self.stem(x), torch.zeros(len(x), 5)
        for step in range(x.shape[1]):
            h = torch.tanh(self.i2h(x[:, step]) + self.h2h(h))
        return self.out(h)


class Functional(nn.Module):
    """A convolution by a function, between two modules; the bias map is no product."""

    def __init__(self):
        super().__init__()
        self.c, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(5, 2)
        self.kernel = nn.Parameter(0.1 * torch.randn(5, 4, 3, 3))
        self.place = nn.Parameter(torch.randn(1, 4, 1, 1))

    def forward(self, x):
        return self.fc(F.conv2d(self.c(x) + self.place, self.kernel).mean((2, 3)))


class Coordinates(nn.Module):
    """A bias made by a network of fixed coordinates, inside of what uses it (Swin v2)."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Sequential(nn.Linear(1, 6), nn.ReLU(), nn.Linear(6, 4))
        self.mix = nn.Linear(4, 4)
        self.register_buffer("grid", torch.linspace(0, 1, 1)[:, None])

    def forward(self, x):
        return F.linear(x, self.mix.weight) + self.bias(self.grid)


class Detached(nn.Module):
    """Its second layer sees the data, though autograd does not know it."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.c(self.b(self.a(x).detach()).relu())


class TwoTowers(nn.Module):
    def __init__(self, join="cat"):
        super().__init__()
        self.left, self.right = (
            nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU()) for _ in range(2)
        )
        self.join = nn.Bilinear(5, 5, 6) if join == "bilinear" else None
        self.head = nn.Linear(6 if join == "bilinear" else 10, 2)

    def forward(self, x):
        left, right = self.left(x), self.right(x)
        joined = torch.cat([left, right], 1) if self.join is None else self.join(left, right)
        return self.head(joined)


class Fire(nn.Module):
    """Two expansions of one squeezed tensor, concatenated (SqueezeNet)."""

    def __init__(self):
        super().__init__()
        self.squeeze = nn.Linear(4, 3)
        self.one, self.three, self.head = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(8, 2)

    def forward(self, x):
        s = torch.relu(self.squeeze(x))
        return self.head(torch.cat([self.one(s), self.three(s)], 1).relu())


class Dense(nn.Module):
    """Every layer is given all the earlier outputs (DenseNet)."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 3), nn.Linear(7, 3), nn.Linear(10, 3)
        self.head = nn.Linear(13, 2)

    def forward(self, x):
        x = torch.cat([x, self.a(x).relu()], 1)
        x = torch.cat([x, self.b(x).relu()], 1)
        return self.head(torch.cat([x, self.c(x).relu()], 1))


class Shuffled(nn.Module):
    """Half of the channels pass by (ShuffleNet)."""

    def __init__(self):
        super().__init__()
        self.stem, self.branch, self.head = nn.Linear(4, 6), nn.Linear(3, 3), nn.Linear(6, 2)

    def forward(self, x):
        left, right = self.stem(x).relu().chunk(2, 1)
        return self.head(torch.cat([left, self.branch(right).relu()], 1))


class SelfAttention(nn.Module):
    """h + attention(h, h, h) without a norm: the tensor at the cut is a view, and a shortcut."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(3, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        h = self.embed(x.flatten(2).transpose(1, 2))
        return self.head((h + self.attention(h, h, h)[0]).mean(1))


class Residual(nn.Module):
    """A residual block whose shortcut runs `first` or last, its branches joined by + or by cat."""

    def __init__(self, shortcut_first=False, join="add"):
        super().__init__()
        self.stem, self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.project = nn.Linear(4, 4)
        self.head = nn.Linear(4 if join == "add" else 8, 2)
        self.shortcut_first, self.join = shortcut_first, join

    def forward(self, x):
        x = torch.relu(self.stem(x))
        side = self.project(x) if self.shortcut_first else None
        main = self.two(torch.relu(self.one(x)))
        side = self.project(x) if side is None else side
        return self.head(main + side if self.join == "add" else torch.cat([main, side], 1))


class Random(nn.Module):
    """Linear layers on sums, products, slices, masks and views of others, drawn at random."""

    WAYS = ("relu", "tanh", "add", "mul", "cat", "slice", "chunk", "in place", "mask")

    def __init__(self, seed, depth=6):
        super().__init__()
        draw = random.Random(seed)
        torch.manual_seed(seed)
        self.plan = [
            (draw.choice(self.WAYS), draw.randrange(step + 1), draw.randrange(step + 1))
            for step in range(depth)
        ]
        self.layers = nn.ModuleList(nn.Linear(8 if w == "cat" else 4, 4) for w, *_ in self.plan)
        self.head, self.other = nn.Linear(8, 2), draw.randrange(depth + 1)

    def forward(self, x):
        made = [x]
        for (way, i, j), layer in zip(self.plan, self.layers, strict=True):
            made.append(layer(self.join(way, made[i], made[j])))
        return self.head(torch.cat([made[-1], made[self.other]], 1))

    def join(self, way, a, b):
        if way == "relu":
            return torch.relu(a)
        if way == "tanh":
            return torch.tanh(a)
        if way == "add":
            return a + torch.tanh(b)
        if way == "mul":
            return a * torch.sigmoid(b)
        if way == "cat":
            return torch.cat([a, b], 1)
        if way == "slice":
            return torch.cat([a[:, :2], b[:, 2:]], 1)
        if way == "chunk":
            return torch.cat(a.chunk(2, 1)[::-1], 1)
        if way == "in place":
            return (a * 1).relu_()
        return a + (b.detach() > 0).float()
