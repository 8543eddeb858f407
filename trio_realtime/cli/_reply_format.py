"""How a file of replies is written, for people.

This module does not know how one is read; a test reads the examples.
"""

from __future__ import annotations

from typing import Final

YAML_EXAMPLE: Final = """\
# A list. Its replies follow one another, in each session from the first; used up, they begin again.
- Hello! How can I help?                         # a text is said
- [One moment., {call: {name: get_weather, arguments: {city: Oslo}}}]    # several in one response
- fail: server_error                             # the response ends as failed
- refuse: rate_limit_exceeded                    # an error event in place of a response
- incomplete: content_filter                     # cut off; also max_output_tokens
- silence                                        # a response without output; also `silence: 2.5`
- echo                                           # what the server says by itself
- together: [Let me see., {call: get_time}]      # items that overlap, as 2.x models send them
- call_mcp: {name: search, arguments: {q: trio}, output: found, server_label: docs, seconds: 1}

# Rules come before replies, and use none up. The first that fits answers.
- when: {text: "weather|rain"}                  # a regular expression in the user's text, any case
  reply: {call: {name: get_weather, arguments: {city: Oslo}}}
- when: {output_of: get_weather}                # that function has just returned
  reply: It rains in Oslo.

# With a default the list does not begin again: this answers when it is used up.
- default: echo
"""

PYTHON_EXAMPLE: Final = '''\
from trio_realtime.testing import CallTool, Echo, Fail, Say


async def reply(session, conversation, create):  # or without `async`
    """Decide for one response: a text, an action, or a list of them."""
    if len(conversation) > 10:
        return [Say("One moment."), CallTool("get_weather", {"city": "Oslo"})]
    return Echo()
'''

FORMAT: Final = f"""\
The model's replies, for `trio-realtime serve --reply FILE`.

YAML (.yaml, .yml, .json): numbers, true, false and null are what they are in JSON, and every other
word is a text. In quotes, `"silence"` and `"echo"` are said.

{YAML_EXAMPLE}
Fields, where one value is not enough:

  say: text, phase (commentary, final_answer)
  call: name, arguments
  call_mcp: name, arguments, output, error, server_label, seconds
  fail: code, type
  refuse: code, message, type

Python (.py): `reply`, a function; or `REPLY`, a text, an action, a function, or a list of them,
which follow one another as above.

{PYTHON_EXAMPLE}
What the file does wrong while serving is shown, and that response fails; the server goes on.
"""
