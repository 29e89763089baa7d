"""Indexing with the Python peers: what `benches/engine.rs` does for altostac, one peer in a process of its own.

usage: python_peers.py PEER [--runs N] [--budget SECONDS] PATH|URL…

PEER is kerchunk, virtualizarr, virtualizarr-parser, h5py or pyfive; of URLs also kerchunk-first (fsspec's `first` cache of 64 KiB,
which reads the fewest bytes). Prints one line of JSON: the least CPU and wall seconds of the runs, measured in this process around
the indexing alone, imports excluded. No further run begins once the budget is spent.
"""

import argparse
import json
import resource
import sys
import time
import warnings

warnings.simplefilter("ignore")


def read_so_far():
    """Calls that read, and the bytes that they gave, of this process since it began."""
    with open("/proc/self/io") as file:
        figures = dict(line.split(": ") for line in file.read().splitlines())
    return int(figures["syscr"]), int(figures["rchar"])


def kerchunk(storage_options=None):
    from kerchunk.hdf import SingleHdf5ToZarr

    def index(path):
        references = SingleHdf5ToZarr(path, inline_threshold=0, storage_options=storage_options).translate()["refs"]
        return sum(isinstance(value, list) for value in references.values())
    return index


def virtualizarr(whole):
    from obspec_utils.registry import ObjectStoreRegistry
    from obstore.store import HTTPStore, LocalStore
    from virtualizarr import open_virtual_dataset
    from virtualizarr.parsers import HDFParser
    from urllib.parse import urlsplit

    stores = {}

    def store_of(url):
        parts = urlsplit(url)
        root = f"{parts.scheme}://{parts.netloc}"
        if root not in stores:
            local = parts.scheme == "file"
            stores[root] = LocalStore() if local else HTTPStore.from_url(root, client_options={"allow_http": True})
        return root, stores[root]

    def index(path):
        url = path if "://" in path else "file://" + path
        registry = ObjectStoreRegistry(dict([store_of(url)]))
        if not whole:
            groups = HDFParser()(url=url, registry=registry)
            return sum(array.manifest.shape_chunk_grid and len(array.manifest.dict()) for array in groups._group.arrays.values())
        open_virtual_dataset(url, registry=registry, parser=HDFParser())
    return index


def h5py():
    from h5py import Dataset, File

    def index(path):
        chunks = []
        with File(path) as file:
            dict(file.attrs)

            def visit(_name, item):
                dict(item.attrs)
                if isinstance(item, Dataset):
                    _ = item.shape, item.dtype
                    if item.chunks:
                        item.id.chunk_iter(chunks.append)
                    elif item.id.get_offset() is not None:
                        chunks.append(None)
            file.visititems(visit)
        return len(chunks)
    return index


def pyfive():
    from pyfive import Dataset, File

    def index(path):
        with File(path) as file:
            dict(file.attrs)
            datasets = []

            def visit(_name, item):
                dict(item.attrs)
                if isinstance(item, Dataset):
                    datasets.append(item)
            file.visititems(visit)
            return sum(dataset.id.get_num_chunks() if dataset.chunks else 1 for dataset in datasets)
    return index


PEERS = {
    "kerchunk": kerchunk,
    "kerchunk-first": lambda: kerchunk({"cache_type": "first", "block_size": 65536}),
    "virtualizarr": lambda: virtualizarr(whole=True),
    "virtualizarr-parser": lambda: virtualizarr(whole=False),
    "h5py": h5py,
    "pyfive": pyfive,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--budget", type=float, default=30)
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    index = PEERS[arguments.peer]()
    cpu, wall, runs, began = [], [], 0, time.monotonic()
    while runs < arguments.runs and (runs == 0 or time.monotonic() - began < arguments.budget):
        before_calls, before_bytes = read_so_far()
        before_wall, before_cpu = time.perf_counter(), time.process_time()
        found = [index(path) for path in arguments.files]
        cpu.append(time.process_time() - before_cpu)
        wall.append(time.perf_counter() - before_wall)
        calls, read = read_so_far()
        runs += 1
    print(json.dumps({
        "files": len(found), "chunks": None if None in found else sum(found), "cpu_s": min(cpu), "wall_s": min(wall), "runs": runs,
        "requests": calls - before_calls, "bytes_read": read - before_bytes,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


if __name__ == "__main__":
    sys.exit(main())
