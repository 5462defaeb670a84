"""PyTorch's and lightly's side of the peer table: one row a call, one line of JSON.

    python torch_rows.py ROW --threads 2 --seconds 5 --pictures DIR
    python torch_rows.py --make-pictures DIR        what the rows with a loader read
    python torch_rows.py --versions

A step is forward, backward and SGD (momentum .9, weight decay 1e-4) on fixed random input, channels_last. Rows have
the names, sizes and losses of nacre_rows.cpp.
"""
import argparse
import glob
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, inner, outer, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.short = nn.Identity()
        if stride != 1 or inner != outer:
            self.short = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + self.short(x), inplace=True)


class ResNet18(nn.Module):
    """3x3 stem; [N, 3, S, S] -> [N, 8 width]"""

    def __init__(self, width):
        super().__init__()
        stages = [(width, 1), (2 * width, 2), (4 * width, 2), (8 * width, 2)]
        layers = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        inner = width
        for outer, stride in stages:
            layers += [Block(inner, outer, stride), Block(outer, outer, 1)]
            inner = outer
        self.layers = nn.Sequential(*layers)
        self.features = inner

    def forward(self, x):  # the loader's batches come NCHW; what lies channels_last already is not copied
        return self.layers(x.to(memory_format=torch.channels_last)).mean((2, 3))


class Pirl(nn.Module):
    def __init__(self, width, dim=128):
        super().__init__()
        self.encoder = ResNet18(width)
        self.image = nn.Linear(self.encoder.features, dim)
        self.patch = nn.Linear(self.encoder.features, dim)
        self.jigsaw = nn.Linear(9 * dim, dim)

    def forward(self, image, patches):  # [B, 3, S, S], [B, 9, 3, P, P] -> unit rows [B, dim], twice
        rows = self.patch(self.encoder(patches.flatten(0, 1)))
        return (F.normalize(self.image(self.encoder(image))), F.normalize(self.jigsaw(rows.view(len(image), -1))))


def bank_term(rows, bank, index, negatives, temperature=0.07):
    """InfoNCE of both heads' rows [B, D] against bank rows: index [B] the own, negatives [B, K]."""
    own, others = bank[index], bank[negatives]
    target = torch.zeros(len(index), dtype=torch.long)
    loss = 0
    for z in rows:
        scores = torch.cat([(z * own).sum(1, keepdim=True), torch.bmm(others, z.unsqueeze(2)).squeeze(2)], 1)
        loss = loss + 0.5 * F.cross_entropy(scores / temperature, target)
    return loss


def nt_xent(z, temperature):
    z = F.normalize(z)
    scores = (z @ z.t() / temperature).fill_diagonal_(float("-inf"))
    return F.cross_entropy(scores, torch.arange(len(z)).roll(len(z) // 2))


def pixels(n, size):
    return torch.randn(n, 3, size, size).contiguous(memory_format=torch.channels_last)


def training(model, inputs, loss, bf16=False):
    model = model.to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)

    def step():
        sgd.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            out = model(*inputs)
        loss(out).backward()
        sgd.step()

    return step


def classify(encoder, features, batch, size, bf16=False):
    labels = torch.randint(0, 128, (batch,))
    model = nn.Sequential(encoder, nn.Linear(features, 128))
    return training(model, [pixels(batch, size)], lambda y: F.cross_entropy(y.float(), labels), bf16)


def resnet18(width, bf16=False):
    return classify(ResNet18(width), 8 * width, 128, 32, bf16)


def resnet50():
    import torchvision

    net = torchvision.models.resnet50(weights=None)
    net.fc = nn.Identity()
    return classify(net, 2048, 16, 224)


def simclr(width, batch=128):
    f = 8 * width
    model = nn.Sequential(ResNet18(width), nn.Linear(f, f), nn.ReLU(inplace=True), nn.Linear(f, 128))
    return training(model, [pixels(2 * batch, 32)], lambda z: nt_xent(z, 0.5))


def pirl(width, batch, size, patch, rows=50000, count=4096):
    bank = F.normalize(torch.randn(rows, 128))
    inputs = [pixels(batch, size), pixels(9 * batch, patch).unflatten(0, (batch, 9))]
    index = torch.randint(0, rows, (batch,))

    def loss(z):
        return bank_term(z, bank, index, torch.randint(0, rows, (batch, count)))

    return training(Pirl(width), inputs, loss)


def bank_only(rows=50000, batch=128, count=4096):
    bank = F.normalize(torch.randn(rows, 128))
    z = [F.normalize(torch.randn(batch, 128)).requires_grad_() for _ in range(2)]

    def step():
        for v in z:
            v.grad = None
        index, negatives = torch.randint(0, rows, (batch,)), torch.randint(0, rows, (batch, count))
        bank_term(z, bank, index, negatives).backward()

    return step


def nt_xent_only(n):
    z = torch.randn(n, 128, requires_grad=True)

    def step():
        z.grad = None
        nt_xent(z, 0.1).backward()

    return step


def lightly_views(method, size):
    """lightly's transforms at the strengths of nacre's; PIRL's patches at the paper's 64 : 85 of a cell."""
    from lightly.transforms import PIRLTransform, SimCLRTransform

    if method == "simclr" and size == 224:
        return SimCLRTransform(input_size=224)
    if method == "simclr":
        return SimCLRTransform(input_size=size, cj_strength=0.5, min_scale=0.2, gaussian_blur=0.0)
    views = PIRLTransform(input_size=size, min_scale=0.2)
    jigsaw = views.transforms[1]
    jigsaw.crop_size = round(size // 3 * 64 / 85)
    jigsaw.side = jigsaw.grid_size - jigsaw.crop_size
    return views


def small_pictures(folder):
    import numpy
    from PIL import Image

    return [Image.fromarray(p) for p in numpy.load(folder + "/small.npy")]


def views_32(method, folder, count=128):
    views, pictures = lightly_views(method, 32), small_pictures(folder)[:count]

    def step():
        for p in pictures:
            views(p)

    return step, count


def views_jpeg(folder):
    from PIL import Image

    views, files = lightly_views("simclr", 224), sorted(glob.glob(folder + "/large/train/a/*.jpg"))[:8]

    def step():
        for f in files:
            views(Image.open(f).convert("RGB"))

    return step, len(files)


class Pictures(torch.utils.data.Dataset):
    def __init__(self, folder):
        self.pictures, self.views = small_pictures(folder), lightly_views("pirl", 32)

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, i):
        return self.views(self.pictures[i]), i


def end_to_end(folder, steps=5, width=16, batch=128, count=4096):
    data = Pictures(folder)
    loader = torch.utils.data.DataLoader(data, batch, shuffle=True, drop_last=True, num_workers=2,
                                         persistent_workers=True)
    model = Pirl(width).to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-4)
    bank = F.normalize(torch.randn(len(data), 128))

    def batches():
        while True:
            yield from loader

    source = batches()

    def run():  # several steps a call: the loader delivers in bursts
        for _ in range(steps):
            (image, patches), index = next(source)
            sgd.zero_grad(set_to_none=True)
            z = model(image, patches)
            bank_term(z, bank, index, torch.randint(0, len(data), (batch, count))).backward()
            sgd.step()
            bank[index] = F.normalize(0.5 * bank[index] + 0.5 * z[0].detach())

    return run, steps


def row(name, folder):
    """A call to time, how many samples or steps it holds, and its clock."""
    rows = {
        "resnet18_w64": lambda: resnet18(64),
        "resnet18_w64_bf16": lambda: resnet18(64, bf16=True),
        "resnet18_w16": lambda: resnet18(16),
        "resnet50_224": resnet50,
        "simclr_w64": lambda: simclr(64),
        "pirl_w64": lambda: pirl(64, 32, 64, 16),
        "pirl_w16": lambda: pirl(16, 128, 32, 8),
        "bank": bank_only,
        "ntxent_512": lambda: nt_xent_only(512),
        "ntxent_4096": lambda: nt_xent_only(4096),
        "ntxent_16384": lambda: nt_xent_only(16384),
    }
    augment = {
        "augment_simclr_32": lambda: views_32("simclr", folder),
        "augment_pirl_32": lambda: views_32("pirl", folder),
        "augment_simclr_224": lambda: views_jpeg(folder),
    }
    if name in augment:
        return *augment[name](), time.thread_time
    if name == "end_to_end_pirl":
        return *end_to_end(folder), time.perf_counter
    return rows[name](), 1, time.perf_counter


def measure(call, seconds, clock):
    """Two calls unmeasured, then at least three and as many as fit."""
    call(), call()
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < seconds:
        t = clock()
        call()
        times.append(clock() - t)
    return times


def make_pictures(folder):
    """20,000 pictures of 32 px and 16 JPEGs of 500 x 375: octaves of noise whose spectrum falls like a photograph's."""
    import os

    import numpy
    from PIL import Image

    rng = numpy.random.default_rng(1)

    def picture(height, width):
        out = numpy.full((height, width, 3), 128.0)
        for octave in range(8):
            h, w = max(2, height >> octave), max(2, width >> octave)
            strength = 2 * 2 ** (octave / 1.6)
            grain = rng.normal(0, 3 * strength, (h, w, 1)) + rng.normal(0, strength, (h, w, 3))
            planes = [Image.fromarray(grain[..., c].astype("float32")).resize((width, height)) for c in range(3)]
            out += numpy.stack([numpy.asarray(p) for p in planes], -1)
        return out.clip(0, 255).astype("uint8")

    os.makedirs(folder + "/large/train/a", exist_ok=True)
    for i in range(16):
        Image.fromarray(picture(375, 500)).save(f"{folder}/large/train/a/{i:02}.jpg", quality=90)
    wide = [picture(640, 1024) for _ in range(32)]  # 20,000 small ones are cut from 32 wide ones
    tiles = numpy.concatenate([w.reshape(20, 32, 32, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3) for w in wide])
    numpy.save(folder + "/small.npy", tiles[:20000])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("row", nargs="?")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--pictures", default=".")
    parser.add_argument("--make-pictures")
    parser.add_argument("--versions", action="store_true")
    a = parser.parse_args()
    if a.make_pictures:
        return make_pictures(a.make_pictures)
    if a.versions:
        from importlib.metadata import version

        return print(", ".join(f"{p} {version(p)}" for p in ("torch", "torchvision", "lightly", "pillow")))
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    call, count, clock = row(a.row, a.pictures)
    times = [t / count * 1e3 for t in measure(call, a.seconds, clock)]
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"ms": times, "median": statistics.median(times), "rss_mb": rss}))


if __name__ == "__main__":
    main()
