#!/usr/bin/env python3
"""PyTorch, lightly and nacre in turn on the same work: one table of medians and ratios.

    bench/peers/run.py                              every row; about a quarter of an hour on two cores
    bench/peers/run.py --rows resnet18_w64,bank     some of them; --list names all
    bench/peers/run.py --venv DIR                   an environment that is there already (or NACRE_PEERS_VENV=DIR)

The first run makes a virtual environment in ${XDG_CACHE_HOME:-~/.cache}/nacre-peers, with what requirements.txt names
(PyTorch's CPU wheels where their index answers), and pictures there that the rows with a loader read. Each row runs as
A B A B, each time in a new process with the same number of threads; a figure is the median over all calls of its side.
The peak is that of the process, without the workers of PyTorch's loader. Ratios hold for the machine and the minutes of
the run only: let nothing else run beside it.
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
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "nacre-peers"
PINS = HERE / "requirements.txt"
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"

ROWS = {
    "resnet18_w64": "ResNet-18 width 64, 32 px, batch 128",
    "resnet18_w64_bf16": "the same, against bf16 autocast",
    "threads": "the same, nacre with one thread in PyTorch's place",
    "resnet18_w16": "ResNet-18 width 16, 32 px, batch 128",
    "resnet50_224": "ResNet-50, 224 px, batch 16",
    "simclr_w64": "SimCLR, ResNet-18 width 64, 32 px, batch 128",
    "pirl_w64": "PIRL, width 64, 64 px and nine 16 px, batch 32",
    "pirl_w16": "PIRL, width 16, 32 px and nine 8 px, batch 128",
    "bank": "PIRL's bank term, 4,096 negatives a sample, batch 128",
    "ntxent_512": "NT-Xent, 512 rows of 128",
    "ntxent_4096": "NT-Xent, 4,096 rows of 128",
    "ntxent_16384": "NT-Xent, 16,384 rows of 128",
    "end_to_end_pirl": "PIRL with loader and views, width 16, 32 px, batch 128, against lightly",
    "augment_simclr_32": "SimCLR's two views of 32 px, one core, a sample, against lightly",
    "augment_pirl_32": "PIRL's views of 32 px, one core, a sample, against lightly",
    "augment_simclr_224": "SimCLR's two views of 224 px from a JPEG of 500 x 375, one core, a sample, against lightly",
}
AGAINST = {"resnet18_w64_bf16": "resnet18_w64"}  # rows that nacre knows by another name


def output(*command):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment(given):
    """The Python of a given environment as it is, or of our own, with what PINS names."""
    folder = pathlib.Path(given) if given else CACHE / "venv"
    python, installed = folder / "bin" / "python", folder / PINS.name
    if given or installed.exists() and installed.read_text() == PINS.read_text():
        return python
    say(f"making {folder}")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)  # Debian: apt-get install python3-venv
    pip = [python, "-m", "pip", "install", "-q"]
    subprocess.run([*pip, *[p for p in PINS.read_text().split() if p.startswith("torch")], "--index-url", CPU_WHEELS])
    subprocess.run([*pip, "-r", PINS], check=True)  # whatever of it that index did not give
    shutil.copy(PINS, installed)
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
    cpu = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in open("/proc/cpuinfo"))}
    name = cpu.get("model name", platform.machine()) + (" with AMX" if "amx_tile" in cpu.get("flags", "") else "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{len(os.sched_getaffinity(0))} cores of {name}, {memory:.0f} GiB"


def sides(row, n):
    """What stands left and right in a row of the table: (side, its name there, threads)."""
    if row == "threads":
        return ("nacre", "resnet18_w64", 1), ("nacre", "resnet18_w64", n)
    n = 1 if row.startswith("augment") else n
    return ("torch", row, n), ("nacre", AGAINST.get(row, row), n)


def measured(commands, rounds):
    """[(median ms, peak MB)] of the commands, which take turns."""
    ms, peak = [[] for _ in commands], [0 for _ in commands]
    for _ in range(rounds):
        for i, command in enumerate(commands):
            result = json.loads(output(*command))
            ms[i] += result["ms"]
            peak[i] = max(peak[i], result["rss_mb"])
    return [(statistics.median(m), p) for m, p in zip(ms, peak)]


def number(x, digits=3):
    return f"{x:,.0f}" if x >= 100 else f"{x:.{digits}g}"


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
        for name, what in ROWS.items():
            print(f"{name:20} {what}")
        return
    names = options.rows.split(",") if options.rows else ROWS
    unknown = set(names) - set(ROWS)
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}; --list names all")

    CACHE.mkdir(parents=True, exist_ok=True)
    python = environment(options.venv)
    folder, program = pictures(python), compiled()
    about = (f"{datetime.date.today()}, {machine()}; {options.threads} threads, fp32, channels last, medians of "
             f"{options.rounds} turns each. {output(python, HERE / 'torch_rows.py', '--versions')}; "
             f"{output(program, 'versions', 0, 0, '.')}.")
    lines = [*textwrap.wrap(about, 120), "", "| work | PyTorch ms | nacre ms | times | peak MB, both |",
             "|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    command = {
        "torch": lambda row, n: [python, HERE / "torch_rows.py", row, "--threads", n, "--seconds", options.seconds,
                                 "--pictures", folder],
        "nacre": lambda row, n: [program, row, n, options.seconds, folder],
    }
    for name, what in ROWS.items():
        if name not in names:
            continue
        commands = [command[side](row, n) for side, row, n in sides(name, options.threads)]
        (a, peak_a), (b, peak_b) = measured(commands, options.rounds)
        cells = [what, number(a), number(b), number(a / b, 2), f"{number(peak_a)} / {number(peak_b)}"]
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
    except FileNotFoundError as error:
        sys.exit(f"run.py: {error}")
