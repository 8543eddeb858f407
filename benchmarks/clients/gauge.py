"""What every client of ours measures with. Standard library only."""

import json
import os
import resource
import sys
import time


class Watch:
    """A stopwatch for the time on the wall and for the processor time of this process."""

    def __init__(self):
        self.cpu = time.process_time()
        self.wall = time.perf_counter()

    def stop(self, count):
        """Return the seconds for each of `count` pieces of work."""
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return {"each": wall / count, "cpu": cpu / count}


def memory():
    """Return the bytes of memory this process occupies."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except FileNotFoundError:  # not Linux: the most it has occupied, in bytes or KiB
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


def percentile(values, share):
    """Return the value below which `share` of them are."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def latencies(values):
    return {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}


def work():
    """Return what is to be measured, from the command line."""
    return json.loads(sys.argv[1])


def base_url():
    return os.environ["OPENAI_BASE_URL"]


def report(figures):
    print(json.dumps(figures), flush=True)


def report_and_stop(figures):
    """Report, and end at once: to close a thousand sessions is not what was measured."""
    report(figures)
    os._exit(0)
