"""Compare trio_realtime with openai-python, side by side in one run, and print the ratios.

Both talk to one server process that sends prepared frames from a raw socket. They take turns; of
each the best round counts. A ratio says how many times faster we are; figures of different runs or
machines do not compare.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

# What is measured, its name for the rivals, how many a round of scale 1 has, and our goal.
LOADS = [
    ("receive text deltas", "text", 20_000, "2.0"),
    ("receive 4.8 kB of audio as bytes", "audio", 6_000, "2.5"),
    ("receive response.done", "done", 4_000, "2.7"),
    ("append 20 ms of PCM", "append", 10_000, "2.5"),
]
IMPORTS = {
    "ours": "from trio_realtime import open_realtime, events; events.ResponseDone",
    "openai": "from openai import AsyncOpenAI",
}


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--openai-python",
        default=os.environ.get("TRIO_REALTIME_OPENAI_PYTHON"),
        help="an interpreter that has openai[realtime] (default: TRIO_REALTIME_OPENAI_PYTHON)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each (default: 5)")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="how much to do in a round (default: 1)"
    )
    chosen = parser.parse_args()
    if not chosen.openai_python:
        parser.error("name an interpreter that has openai[realtime]: --openai-python")
    return chosen


def seconds(command, environment):
    done = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True, timeout=300
    )
    return float(done.stdout)


def best(rounds, commands, environment):
    """Run the commands in turn, `rounds` times; return the best time of each."""
    times = [[seconds(command, environment) for command in commands] for _ in range(rounds)]
    return [min(column) for column in zip(*times, strict=True)]


def import_command(python, statement):
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    return [python, "-c", code]


def row(name, ours, theirs, ratio, goal):
    print(f"{name:<34} {ours:>12} {theirs:>14} {ratio:>8} {goal:>9}", flush=True)


def compare(chosen, environment):
    ours_python, theirs_python = sys.executable, chosen.openai_python
    ours_script, theirs_script = str(HERE / "rival_ours.py"), str(HERE / "rival_openai.py")
    row("", "ours", "openai-python", "ratio", "goal")
    text = 0.0
    for name, load, size, goal in LOADS:
        count = max(1, int(size * chosen.scale))
        arguments = [load, str(count)]
        commands = [
            [ours_python, ours_script, *arguments],
            [theirs_python, theirs_script, *arguments],
        ]
        ours, theirs = best(chosen.rounds, commands, environment)
        each = [f"{took / count * 1e6:.1f} us" for took in (ours, theirs)]
        row(name, *each, f"{theirs / ours:.2f}", f">= {goal}")
        text = text or ours / count
    commands = [
        import_command(ours_python, IMPORTS["ours"]),
        import_command(theirs_python, IMPORTS["openai"]),
    ]
    ours, theirs = best(2 * chosen.rounds, commands, environment)
    row(
        "import", f"{ours * 1e3:.0f} ms", f"{theirs * 1e3:.0f} ms", f"{ours / theirs:.2f}", "<= 0.6"
    )

    count = max(1, int(LOADS[0][2] * chosen.scale))
    (bare,) = best(chosen.rounds, [[ours_python, ours_script, "bare", str(count)]], environment)
    bare /= count
    print()
    row("", "ours", "bare transport", "ratio", "goal")
    each = [f"{took * 1e6:.1f} us" for took in (text, bare)]
    row("receive text deltas", *each, f"{text / bare:.2f}", "<= 1.6")


def main():
    chosen = options()
    with subprocess.Popen(
        [sys.executable, str(HERE / "server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            port = int(server.stdout.readline())
            environment = os.environ | {
                "OPENAI_API_KEY": "test",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
                "NO_PROXY": "127.0.0.1",
            }
            compare(chosen, environment)
        finally:
            server.stdin.close()


if __name__ == "__main__":
    main()
