"""What all sections of a recipe are made of: objects that do not change and know no other keys."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..errors import RecipeError


class Frozen(BaseModel):
    """A section of a recipe: it does not change, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _truth_is_no_number(cls, tree: Any) -> Any:
        """pydantic would read `steps: true` as one step."""
        for key, value in tree.items() if isinstance(tree, dict) else ():
            field = cls.model_fields.get(key)
            if isinstance(value, bool) and field is not None and "bool" not in str(field.annotation):
                raise RecipeError(f"{key} is true or false, where a number or a word is needed")
        return tree


class Choice(Frozen):
    """A thing chosen by name, and the keyword arguments to build it with."""

    name: str
    options: dict[str, Any] = Field(default={}, description="Keyword arguments of its constructor.")
