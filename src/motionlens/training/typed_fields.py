"""Nested dataclasses from nested mappings, every key and type checked."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any, TypeVar, cast, get_type_hints

from motionlens._utils.errors import nearest, parser_message

T = TypeVar("T")


def check_keys(kind: type, values: Mapping[str, Any], where: str, prefix: str = "") -> None:
    """Check that nested mappings have no keys but the names of a dataclass's fields.

    Args:
        kind: the dataclass; fields that are dataclasses are checked too.
        values: by name.
        where: for the message, such as a file's name.
        prefix: for the message, the names of the fields around this one.

    Raises:
        ValueError: If a key is unknown (the nearest is suggested) or no mapping where one must be.
    """
    hints = get_type_hints(kind)
    for key, value in values.items():
        if key not in hints:
            raise ValueError(
                f"{where}: unknown key {prefix}{key}{nearest(str(key), hints)}; "
                f"'motionlens train --help' lists all"
            )
        if is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise ValueError(f"{where}: {prefix}{key} must be a mapping, got {value!r}")
            check_keys(hints[key], value, where, f"{prefix}{key}.")


def from_mappings(kind: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass from nested mappings whose values have the right types; other keys are left out.

    Raises:
        ValueError: For a value out of range.
    """
    hints = get_type_hints(kind)
    known = {name: value for name, value in values.items() if name in hints}
    for name, value in known.items():
        if is_dataclass(hints[name]) and isinstance(value, Mapping):
            known[name] = from_mappings(cast(type, hints[name]), value)
    return kind(**known)


def parsed(kind: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass from nested mappings, their types checked, words read as the numbers they are.

    Raises:
        ValueError: For a value of a wrong type or out of range.
    """
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind)
    try:
        return from_mappings(kind, parser.parse_object(dict(values)).as_dict())
    except Exception as error:  # jsonargparse's error types differ from version to version
        raise ValueError(parser_message(error)) from None


def with_changes(config: T, changes: Mapping[str, Any]) -> T:
    """A dataclass with some fields changed, those of nested ones by names such as ``optim.lr``.

    Raises:
        ValueError: If a field is unknown (the nearest is suggested), or a value has a wrong type or
            is out of range.
    """
    kind = type(config)
    for name, value in changes.items():
        if isinstance(value, Mapping) and is_dataclass(get_type_hints(kind).get(name)):
            rest = {key: other for key, other in changes.items() if key != name}
            inner = {f"{name}.{field}": each for field, each in value.items()}
            return with_changes(config, {**inner, **rest})
    values: dict[str, Any] = asdict(config)  # type: ignore[call-overload]
    known = list(_field_names(kind))
    for name, value in changes.items():
        if name not in known:
            # Somebody who writes `lr` means `optim.lr`.
            ends = [field for field in known if field.endswith(f".{name}")]
            hint = f", did you mean {ends[0]!r}?" if ends else nearest(name, known)
            raise ValueError(f"{kind.__name__} has no field {name}{hint}")
        *outer, field = name.split(".")
        place = values
        for each in outer:
            place = place[each]
        if is_dataclass(value):
            value = asdict(value)  # type: ignore[arg-type]
        place[field] = os.fspath(value) if isinstance(value, os.PathLike) else value
    return parsed(kind, values)


def _field_names(kind: type, prefix: str = "") -> Iterator[str]:
    for name, hint in get_type_hints(kind).items():
        yield prefix + name
        if is_dataclass(hint):
            yield from _field_names(cast(type, hint), f"{prefix}{name}.")
