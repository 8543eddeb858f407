# mypy: ignore-errors
# pyright: basic, reportMissingImports=false
"""Runs the blocks of a page that are openai-python's, by openai-python's own interpreter.

The blocks come as JSON at the standard input; what each has printed goes to the standard output.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import json
import sys


def printed_by(block):
    code = compile(block, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(asyncio.wait_for(eval(code, {}), 20))
        else:
            exec(code, {})
    return output.getvalue()


sys.stdout.write(json.dumps([printed_by(block) for block in json.load(sys.stdin)]))
