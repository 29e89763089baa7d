"""What the figures say: goals, ratios, and the table. Pure: figures in, text out.

Figures are {case: {tool: {"cpu_s", "wall_s", "chunks", "requests", "bytes_read", "peak_rss_mb", …}}}; a tool that could not be
measured is {"failed": why}. A case that is equal to what h5py says has {"equal": true} under "references".
"""

OURS = "altostac"

# (case, tool, figure, at least so many times ours): what issue 4 asks for.
RATIOS = [
    ("A", "kerchunk", "cpu_s", 200), ("A", "libhdf5", "cpu_s", 2.5),
    ("B", "kerchunk", "cpu_s", 60), ("B", "libhdf5", "cpu_s", 1),
    ("C1", "kerchunk", "cpu_s", 150), ("C1", "hidefix", "cpu_s", 2), ("C2", "kerchunk", "cpu_s", 150),
    ("D", "kerchunk", "cpu_s", 500), ("D", "libhdf5", "cpu_s", 5),
    ("remote-B", "kerchunk", "wall_s", 4), ("remote-B", "kerchunk-first", "wall_s", 4),
    ("remote-B", "virtualizarr", "wall_s", 4), ("remote-B", "virtualizarr-parser", "wall_s", 4),
]
# (case, tool, figure, at most).
LIMITS = [
    ("C1", OURS, "peak_rss_mb", 150), ("C2", OURS, "peak_rss_mb", 150),
    ("remote-A", OURS, "most_requests_later", 1), ("remote-A", OURS, "most_requests", 2),
    ("remote-B", OURS, "most_rounds_later", 2), ("remote-B", OURS, "most_rounds", 2), ("remote-B", OURS, "most_bytes", 0.5e6),
]
# Remote, the goals are of all files together: ours as its commands take them, the peers' one after another, as their users' loops do.
AS_A_WHOLE = {"remote-B": "altostac-8"}
TWO_CORES = 1.7
NAMES = {
    "altostac-2": "altostac, 2 threads", "altostac-8": "altostac, 8 files at a time",
    "libhdf5": "libhdf5 from Rust, attributes read", "libhdf5-names": "libhdf5 from Rust, attribute names only",
    "kerchunk-first": "kerchunk, fsspec's `first` cache of 64 KiB", "virtualizarr": "VirtualiZarr open_virtual_dataset",
    "virtualizarr-parser": "VirtualiZarr HDFParser alone", "h5py": "h5py, attributes and chunk_iter",
}
FIGURES = {
    "cpu_s": "CPU", "wall_s": "wall time", "peak_rss_mb": "MB of memory", "most_bytes": "bytes of a file",
    "most_requests": "requests for any file, the first included",
    "most_requests_later": "request for a file, once the head size is learnt",
    "most_rounds": "rounds for any file, the first included",
    "most_rounds_later": "rounds for a file, once the head size is learnt",
}


def ratio(figures, case, tool, figure, ours=OURS):
    """How many times ours a tool's figure is; None if one of them is not there.

    >>> ratio({"A": {"altostac": {"cpu_s": 0.5}, "x": {"cpu_s": 2.0}}}, "A", "x", "cpu_s")
    4.0
    >>> ratio({"A": {"altostac": {"cpu_s": 0.5}, "x": {"failed": "no"}}}, "A", "x", "cpu_s")
    """
    ours, theirs = (figures.get(case, {}).get(who, {}).get(figure) for who in (ours, tool))
    return theirs / ours if ours and theirs is not None else None


def goals(figures):
    """Every goal that concerns a case that was run: (case, goal in words, found in words, met: True, False or None).

    >>> found = {"C1": {"altostac": {"cpu_s": 0.1, "peak_rss_mb": 90, "chunks": 9}, "hidefix": {"cpu_s": 0.3, "chunks": 9},
    ...                 "kerchunk": {"failed": "not installed"}, "references": {"equal": True, "variables": 1, "chunks": 9}}}
    >>> [goal[3] for goal in goals(found)]
    [True, None, True, True]
    >>> found["C1"]["hidefix"]["chunks"] = 0
    >>> goals(found)[2]
    ('C1', '≥ 2x hidefix, CPU', '3.0x, but it found 0 chunks', None)
    """
    rows = []
    for case in figures:
        checked = figures[case].get("references")
        if checked:
            words = f"{checked['variables']} variables, {checked['chunks']} chunks" if checked["equal"] else checked["difference"]
            rows.append((case, "references and attributes equal h5py's", words, checked["equal"]))
        for _, tool, figure, wanted in (goal for goal in RATIOS if goal[0] == case):
            found = ratio(figures, case, tool, figure, AS_A_WHOLE.get(case, OURS))
            words, met = ("not measured", None) if found is None else (f"{found:.1f}x", found >= wanted)
            theirs, ours = (figures[case].get(who, {}).get("chunks") for who in (tool, OURS))
            if found is not None and theirs is not None and theirs != ours:
                words, met = f"{words}, but it found {theirs} chunks", None
            rows.append((case, f"≥ {wanted}x {NAMES.get(tool, tool)}{' one after another' if case in AS_A_WHOLE else ''}, "
                         f"{FIGURES[figure]}", words, met))
        for _, tool, figure, wanted in (goal for goal in LIMITS if goal[0] == case):
            found = figures[case].get(tool, {}).get(figure)
            words, met = ("not measured", None) if found is None else (f"{found:,.0f}", found <= wanted)
            rows.append((case, f"≤ {wanted:,.0f} {FIGURES[figure]}", words, met))
        one, two = (figures[case].get(tool, {}).get("wall_s") for tool in (OURS, "altostac-2"))
        if case == "A" and one and two:
            found = one / two
            rows.append((case, f"≥ {TWO_CORES}x the files a second on two cores", f"{found:.2f}x", found >= TWO_CORES))
    return rows


def markdown(figures):
    """The report: a table for each case, and the goals."""
    lines = []
    for case, tools in figures.items():
        remote = case.startswith("remote")
        figure = "wall_s" if remote else "cpu_s"
        lines += ["", f"## {case}", "", f"| | CPU s | wall s | times altostac's {FIGURES[figure]} | peak MB | chunks "
                  f"| {'requests a file' if remote else 'read calls'} | {'bytes a file' if remote else 'bytes read'} "
                  f"|{' rounds a file | most at once |' if remote else ''}", "|---|" + "---:|" * (9 if remote else 7)]
        for tool, found in tools.items():
            if tool == "references":
                continue
            if "failed" in found:
                lines.append(f"| {NAMES.get(tool, tool)} | {found['failed']} |" + " |" * (8 if remote else 6))
                continue
            times = ratio(figures, case, tool, figure)
            files = found["files"] if remote else 1
            cells = [NAMES.get(tool, tool), f"{found['cpu_s']:.4f}", f"{found['wall_s']:.4f}", f"{times:.1f}" if times else "",
                     f"{found['peak_rss_mb']:.0f}", number(found.get("chunks")), number(found.get("requests"), files),
                     number(found.get("bytes_read"), files)]
            if remote:
                cells += [number(found.get("rounds"), files), number(found.get("most_at_once"))]
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "## Goals", "", "| data | goal | found | |", "|---|---|---|---|"]
    lines += [f"| {case} | {goal} | {words} | {'–' if met is None else 'PASS' if met else '**FAIL**'} |"
              for case, goal, words, met in goals(figures)]
    return "\n".join(lines[1:])


def number(value, files=1):
    """A count, or how much of it there is for each file.

    >>> number(None), number(36540), number(30, 20)
    ('', '36,540', '1.5')
    """
    if value is None:
        return ""
    each = value / files
    return f"{each:,.0f}" if each == int(each) or each > 100 else f"{each:.1f}"


def traffic(requests):
    """What a server's log says of some files: sums, and the worst file.

    A round is a request that began when another of the same file had ended: the longest chain of such is how often the latency
    was waited for. `…_later` leaves out the file that was asked for first.

    >>> def request(path, began, ended): return {"path": path, "began": began, "ended": ended, "bytes": 10}
    >>> found = traffic([request("/a", 0, 2), request("/a", 3, 5), request("/a", 3, 6), request("/b", 7, 9)])
    >>> found["requests"], found["most_requests"], found["most_requests_later"], found["rounds"], found["most_rounds"]
    (4, 3, 1, 3, 2)
    >>> found["bytes_read"], found["most_bytes"], found["most_at_once"]
    (40, 30, 2)
    """
    files = {}
    for request in sorted(requests, key=lambda request: request["began"]):
        files.setdefault(request["path"], []).append(request)
    edges = sorted([(request["began"], 1) for request in requests] + [(request["ended"], -1) for request in requests])
    at_once = most_at_once = 0
    for _, step in edges:
        at_once += step
        most_at_once = max(most_at_once, at_once)
    rounds = {path: deepest(of_file) for path, of_file in files.items()}
    sizes = {path: sum(request["bytes"] for request in of_file) for path, of_file in files.items()}
    counts, deep = [len(of_file) for of_file in files.values()], list(rounds.values())
    return {
        "requests": sum(counts), "most_requests": max(counts), "most_requests_later": max(counts[1:], default=counts[0]),
        "bytes_read": sum(sizes.values()), "most_bytes": max(sizes.values()), "rounds": sum(deep), "most_rounds": max(deep),
        "most_rounds_later": max(deep[1:], default=deep[0]), "most_at_once": most_at_once,
    }


def deepest(requests):
    """The length of the longest chain of requests of which each began after the one before had ended."""
    depth = []
    for later in requests:
        before = (depth[i] for i, earlier in enumerate(requests[: len(depth)]) if earlier["ended"] <= later["began"])
        depth.append(1 + max(before, default=0))
    return max(depth)
