"""Runs commands and measures them, in a process of its own: a child's greatest resident memory counts that of the process it was
forked from, so this one stays small and imports nothing that is not needed.

In: a JSON document {"commands": [[…]], "seconds": CPU seconds, "memory": bytes of address space, "folder": where outputs go}
on standard input.
Out: a line for each command, in order: status, file of standard output, standard error, seconds, greatest resident bytes.
"""

import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def measured(number, command, seconds, memory, folder):
    def limited():
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    begun = time.monotonic()
    out = os.path.join(folder, str(number))
    with open(out, "wb") as file:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.PIPE, preexec_fn=limited)
        error = child.stderr.read(1 << 16)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return [child.returncode, out, error.decode(), time.monotonic() - begun, usage.ru_maxrss * 1024]


def main():
    asked = json.load(sys.stdin)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        run = lambda pair: measured(*pair, asked["seconds"], asked["memory"], asked["folder"])
        for answer in pool.map(run, enumerate(asked["commands"])):
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
