"""What is taken from the environment when nothing is given: `_endpoint` knows which variables."""

from trio_realtime._endpoint import endpoint_from_environment

__all__ = ["endpoint_from_environment"]
