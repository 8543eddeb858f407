"""Whether the models have what a description of the wire has: a JSON Schema, or counted paths."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, JsonValue

Schema = Mapping[str, "JsonValue"]


def declares(models: set[type[BaseModel]], path: list[str]) -> bool:
    name, *rest = path
    holders = [model.model_fields[name] for model in models if name in model.model_fields]
    if not holders:
        return False
    inner = {model for holder in holders for model in _models_in(holder.annotation)}
    # Without models inside, the field is free-form: the parameters of a tool, say.
    return not rest or not inner or declares(inner, rest)


class Walk:
    """Walks a JSON Schema and the models beside it, and reports what only the schema has."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions

    def missing(self, schema: Schema, models: set[type[BaseModel]], path: str) -> Iterator[str]:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            schema = self._definitions[reference.rsplit("/", maxsplit=1)[1]]
        for union in ("anyOf", "oneOf"):
            for member in cast("list[Schema]", schema.get(union, [])):
                yield from self.missing(member, models, path)
        for inner in ("items", "additionalProperties"):
            if isinstance(schema.get(inner), dict):
                yield from self.missing(cast("Schema", schema[inner]), models, f"{path}[]")
        properties = cast("dict[str, Schema]", schema.get("properties", {}))
        if properties:
            fitting = _fitting(models, self._literals(properties))
            for name, inner_schema in properties.items():
                holders = [m.model_fields[name] for m in fitting if name in m.model_fields]
                if not holders:
                    yield f"{path}.{name}"
                inside = {m for holder in holders for m in _models_in(holder.annotation)}
                yield from self.missing(inner_schema, inside, f"{path}.{name}")

    def _literals(self, properties: Mapping[str, Schema]) -> dict[str, set[str]]:
        return {
            name: set(_literals_in(properties[name]))
            for name in ("type", "role")
            if name in properties
        }


def _literals_in(schema: Schema) -> Iterator[str]:
    yield from cast("list[str]", schema.get("enum", []))
    if "const" in schema:
        yield cast("str", schema["const"])
    for member in cast("list[Schema]", schema.get("anyOf", [])):
        yield from _literals_in(member)


def _fitting(
    models: set[type[BaseModel]], literals: Mapping[str, set[str]]
) -> set[type[BaseModel]]:
    """The models whose tags are among the schema's; those without a tag fit every schema."""
    fitting: set[type[BaseModel]] = set()
    for model in models:
        tags = {
            name: field.default
            for name, field in model.model_fields.items()
            if isinstance(field.default, str)
        }
        if all(not literals.get(name) or tags[name] in literals[name] for name in tags):
            fitting.add(model)
    return fitting


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    origin = get_origin(annotation)
    if isinstance(annotation, type) and origin is None:
        if issubclass(annotation, BaseModel):
            yield annotation
    elif origin is not Literal and (
        origin in {Union, types.UnionType, Annotated} or isinstance(origin, type)
    ):
        for member in get_args(annotation):
            yield from _models_in(member)
