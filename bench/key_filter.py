"""The key filter of a gateway process alone: memory, time to build, time of a look-up. ``python bench/key_filter.py``

Keys are random, as MACs are; no Redis is used. Each size has a process of its own, so that its memory can be measured.
"""

import argparse
import gc
import multiprocessing
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from store.replica.key_filter import KeyFilter, pack_keys

LOOKUPS = 200_000
PAGE_KEYS = 20_000


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def measure(count: int) -> None:
    """Print one line of memory and times for ``count`` keys."""
    chance = np.random.default_rng(7)
    gc.collect()
    before, began = _resident(), time.perf_counter()
    pages = []
    for start in range(0, count, PAGE_KEYS):
        raw = chance.bytes(8 * min(PAGE_KEYS, count - start)).hex()
        keys = [f"cg:0:subject:{raw[at : at + 16]}{'0' * 16}".encode() for at in range(0, len(raw), 16)]
        pages.append(pack_keys(keys, len("cg:0:subject:")))
    key_filter = KeyFilter(pages)
    del pages, keys, raw
    gc.collect()
    made, grown = time.perf_counter() - began, _resident() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    names = [os.urandom(16).hex() for _ in range(LOOKUPS)]
    began = time.perf_counter()
    found = sum(map(key_filter.may_contain, names))
    each = (time.perf_counter() - began) / LOOKUPS
    print(
        f"{count:>10,} keys: {grown / count:6.1f} bytes a key, {grown / 2**20:7.1f} MiB, peak of the process"
        f" {peak / 2**20:7.1f} MiB; made in {made:5.2f} s; looked up in {each * 1e9:5.0f} ns ({found} false)"
    )


def main() -> None:
    """Measure each size in its own process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", default="100000,1000000,10000000")
    for count in map(int, parser.parse_args().keys.split(",")):
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(count,))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
