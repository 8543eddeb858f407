"""How fast we are beside others: `python -m nox -s bench`."""
