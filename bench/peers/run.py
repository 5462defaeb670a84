#!/usr/bin/env python3
"""PyTorch, lightly and nacre in turn on the same work: one table of medians and ratios.

    bench/peers/run.py                              every row; about a quarter of an hour on two cores
    bench/peers/run.py --rows resnet18_w64,bank     some of them; --list names all
    bench/peers/run.py --venv DIR                   an environment that is there already (or NACRE_PEERS_VENV=DIR)

The first run makes a virtual environment in ${XDG_CACHE_HOME:-~/.cache}/nacre-peers, with PyTorch's CPU wheels where
their index answers, and pictures there that the rows with a loader read. Each row runs as A B A B, each time in a new
process with the same number of threads; a figure is the median over all calls of its side. Ratios hold for the machine
and the minutes of the run only: let nothing else run beside it.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "nacre-peers"
PACKAGES = ["torch", "torchvision", "lightly", "safetensors"]
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"

# name, what it is, the least ratio wanted, what is aimed at. AGAINST: rows that nacre knows by another name. `memory`
# compares the peaks of another row, `threads` two runs of nacre.
ROWS = [
    ("resnet18_w64", "ResNet-18 width 64, 32 px, batch 128: step", 2.0, 3.0),
    ("resnet18_w64_bf16", "the same, against bf16 autocast", 1.15, None),
    ("memory", "the same, peak memory in MB for ms", 2.0, 3.0),
    ("threads", "the same, nacre with one thread for PyTorch", 1.85, 1.95),
    ("resnet18_w16", "ResNet-18 width 16, 32 px, batch 128: step", 2.0, 3.0),
    ("resnet50_224", "ResNet-50, 224 px, batch 16: step", 1.3, 1.8),
    ("simclr_w64", "SimCLR ResNet-18 width 64, 32 px, batch 128, NT-Xent: step", 2.2, 3.2),
    ("pirl_w64", "PIRL ResNet-18 width 64, 64 px + 9 x 16 px, batch 32, K 4,096: step", 2.2, 3.2),
    ("pirl_w16", "PIRL ResNet-18 width 16, 32 px + 9 x 8 px, batch 128, K 4,096: step", 3.5, 6.0),
    ("bank", "bank term, both heads, 50,000 rows, K 4,096, batch 128", 25.0, 45.0),
    ("ntxent_512", "NT-Xent, 512 rows of 128", 3.0, 5.0),
    ("ntxent_4096", "NT-Xent, 4,096 rows", 8.0, 12.0),
    ("ntxent_16384", "NT-Xent, 16,384 rows", 8.0, 12.0),
    ("end_to_end_pirl", "PIRL width 16, 32 px, batch 128 with loader and views, against lightly: step", 8.0, 12.0),
    ("augment_simclr_32", "SimCLR's two views, 32 px, one core: sample", 25.0, None),
    ("augment_pirl_32", "PIRL's view and patches, 32 px, one core: sample", 25.0, None),
    ("augment_simclr_224", "SimCLR's two views, 224 px from JPEG of 500 x 375, one core: sample", 3.0, None),
]
AGAINST = {"resnet18_w64_bf16": "resnet18_w64", "memory": "resnet18_w64"}


def output(*command):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment(given):
    """The Python of an environment with PACKAGES; what is missing is installed into it."""
    folder = pathlib.Path(given) if given else CACHE / "venv"
    python = folder / "bin" / "python"
    if not python.exists():
        say(f"making {folder}")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # Debian: apt-get install python3-venv
    probe = "import importlib.util as u, sys; print(*[p for p in sys.argv[1:] if not u.find_spec(p)])"
    missing = output(python, "-c", probe, *PACKAGES).split()
    pip = [python, "-m", "pip", "install", "-q"]
    if "torch" in missing and subprocess.run([*pip, "torch", "torchvision", "--index-url", CPU_WHEELS]).returncode == 0:
        missing = [p for p in missing if not p.startswith("torch")]
    if missing:
        say("installing " + " ".join(missing))
        subprocess.run([*pip, *missing], check=True)
    return python


def pictures(python):
    folder = CACHE / "pictures"
    if not folder.exists():
        say(f"making {folder}")
        shutil.rmtree(CACHE / "pictures.new", ignore_errors=True)
        subprocess.run([python, HERE / "torch_rows.py", "--make-pictures", CACHE / "pictures.new"], check=True)
        (CACHE / "pictures.new").rename(folder)
    return folder


def compiled():
    program = CACHE / "nacre_rows"
    say(f"compiling {program}")
    eigen = output("pkg-config", "--cflags-only-I", "eigen3").split()
    flags = ["-std=c++20", "-O2", "-DNDEBUG", "-ffp-contract=off", f"-I{ROOT / 'include'}", *eigen]
    libraries = ["-ltbb", "-ljpeg", "-lpng", "-lz"]
    subprocess.run(["g++", *flags, HERE / "nacre_rows.cpp", "-o", program, *libraries], check=True)
    return program


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cpu}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB, Linux {platform.release()}"


class Runs:
    """Calls of both sides, by (side, row, threads); the same row is measured once."""

    def __init__(self, options, python, program, folder):
        self.options, self.done = options, {}
        self.sides = {
            "torch": lambda row, n: [python, HERE / "torch_rows.py", row, "--threads", n, "--seconds", options.seconds,
                                     "--pictures", folder],
            "nacre": lambda row, n: [program, row, n, options.seconds, folder],
        }

    def __call__(self, *wanted):
        """[{"ms": median, "rss_mb": peak}] of keys (side, row, threads); what is not yet known is measured in turn."""
        new = [key for key in wanted if key not in self.done]
        calls = {key: {"ms": [], "rss_mb": 0} for key in new}
        for _ in range(self.options.rounds):
            for key in new:
                side, row, threads = key
                result = json.loads(output(*self.sides[side](row, threads)))
                calls[key]["ms"] += result["ms"]
                calls[key]["rss_mb"] = max(calls[key]["rss_mb"], result["rss_mb"])
        for key in new:
            self.done[key] = {"ms": statistics.median(calls[key]["ms"]), "rss_mb": calls[key]["rss_mb"]}
        return [self.done[key] for key in wanted]

    def sides_of(self, row):
        """The two measurements behind a row of the table: PyTorch's (or one thread's) and nacre's."""
        n = 1 if row.startswith("augment") else self.options.threads
        if row == "threads":
            return self(("nacre", "resnet18_w64", 1), ("nacre", "resnet18_w64", n))
        theirs = "resnet18_w64" if row == "memory" else row
        return self(("torch", theirs, n), ("nacre", AGAINST.get(row, row), n))


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", help="names, separated by commas")
    parser.add_argument("--list", action="store_true", help="name the rows and leave")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2, help="how often A and B take turns")
    parser.add_argument("--seconds", type=float, default=5, help="of measuring per turn, three calls at least")
    parser.add_argument("--venv", default=os.environ.get("NACRE_PEERS_VENV"), help="an existing environment")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "peers.md", help="where the table goes")
    options = parser.parse_args()
    if options.list:
        for name, what, must, aim in ROWS:
            print(f"{name:20} {what}")
        return
    names = options.rows.split(",") if options.rows else [row[0] for row in ROWS]
    unknown = set(names) - {row[0] for row in ROWS}
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}; --list names all")

    CACHE.mkdir(parents=True, exist_ok=True)
    python = environment(options.venv)
    folder, program = pictures(python), compiled()
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    lines = [
        f"{datetime.date.today()}, {machine()}; {options.threads} threads, fp32, channels last, medians of "
        f"{options.rounds} turns each.",
        f"{output(python, HERE / 'torch_rows.py', '--versions')}; {output(program, 'versions', 0, 0, '.')}"
        f"{', commit ' + commit.stdout.strip() if commit.returncode == 0 else ''}.",
        "",
        "| row | PyTorch ms | nacre ms | ratio | must / aim | peak MB, both |",
        "|---|---|---|---|---|---|",
    ]
    for line in lines:
        print(line, flush=True)
    runs = Runs(options, python, program, folder)
    for name, what, must, aim in ROWS:
        if name not in names:
            continue
        sides = runs.sides_of(name)
        a, b = [side["rss_mb" if name == "memory" else "ms"] for side in sides]
        peaks = " / ".join(number(side["rss_mb"]) for side in sides)
        verdict = "" if a / b >= must else " (short)"
        cells = [what, number(a), number(b), f"{a / b:.2f}{verdict}", f"{must:g} / {aim or '-'}", peaks]
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text("\n".join(lines) + "\n")
    say(f"written to {options.out}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"run.py: {' '.join(map(str, error.cmd))} failed with {error.returncode}")
