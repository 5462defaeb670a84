#!/usr/bin/env python3
"""Do torchvision's models mean the same here? Its pooled features beside those of `nacre embed`, in eight cases.

    python torchvision_features.py build/release/nacre

ResNet-18 and ResNet-50 of random weights, statistics, scales and shifts; the ImageNet stem and CIFAR's (3x3, stride 1,
no max pool); PNGs of noise of 224 and of 32 px. The weights travel as .safetensors without metadata, so both sides
normalise by ImageNet's mean and std. A line a case: the largest difference over the largest feature; exit code 1 above
1e-4. Needs what requirements.txt names.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision.transforms.functional import normalize

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def network(name, stem):
    """Statistics are those of noise, then bent: what a layer says goes on depending on the picture."""
    net = getattr(torchvision.models, name)(weights=None)
    if stem == "cifar":
        net.conv1, net.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    for m in norms:
        m.momentum = 1  # statistics: those of the next batch
        nn.init.uniform_(m.weight, -1.5, 1.5), nn.init.normal_(m.bias)
    net(torch.randn(16, 3, 32, 32) + torch.randn(16, 3, 1, 1))
    for m in norms:
        m.running_mean += 0.5 * m.running_var.sqrt() * torch.randn(m.num_features)
        m.running_var *= 0.25 + 2 * torch.rand(m.num_features)
    return net.eval()


def pictures(folder, size, count=4):
    """Noise, each picture in a colour of its own: [count, size, size, 3], and the same in folder/train/a/*.png"""
    rng = numpy.random.default_rng(size)
    pixels = (rng.integers(0, 128, (count, 1, 1, 3)) + rng.integers(0, 128, (count, size, size, 3))).astype(numpy.uint8)
    (folder / "train" / "a").mkdir(parents=True)
    for i, p in enumerate(pixels):
        Image.fromarray(p).save(folder / "train" / "a" / f"{i:02}.png")
    return pixels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path, help="nacre")
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    torch.manual_seed(0), torch.set_num_threads(a.threads)
    offs = []
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        folder = pathlib.Path(folder)
        sets = {size: pictures(folder / str(size), size) for size in (224, 32)}
        for name, stem in [(n, s) for n in ("resnet18", "resnet50") for s in ("imagenet", "cifar")]:
            net = network(name, stem)
            save_file(net.state_dict(), folder / "net.safetensors")
            net.fc = nn.Identity()
            for size, pixels in sets.items():
                call = [a.program.resolve(), "embed", "--weights", folder / "net.safetensors", "--image-size", size,
                        "--data", f"folder:{folder / str(size)}", "--out", folder / "rows.npy", "--threads", a.threads]
                subprocess.run([str(x) for x in call], check=True, stdout=subprocess.DEVNULL)
                x = normalize(torch.from_numpy(pixels).permute(0, 3, 1, 2) / 255, MEAN, STD)
                want, got = net(x).numpy(), numpy.load(folder / "rows.npy")
                offs.append(float(abs(want - got).max() / abs(want).max()))
                print(f"{name} {stem:8} {size:3} px  {offs[-1]:.1e}", flush=True)
    return not all(off <= 1e-4 for off in offs)  # NaN neither


if __name__ == "__main__":
    sys.exit(main())
