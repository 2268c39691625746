"""What a pipeline asks of models that they cannot give, found without asking any."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from pipelines import Launch, Pipeline, Problem, Scope, Step
from pipelines.folder import CONFIG, inside
from pipelines.schemas import SchemaFault, parse_schema
from pipelines.strict_yaml import Document
from providers import registry
from providers.address import checked
from providers.connect import codec
from providers.errors import BadAddress, UnknownProvider
from providers.neutral import Request
from providers.registry import Abilities, Vendor
from tasks.choose import choose
from tasks.errors import NoProvider

__all__ = ["Asked", "check_asking"]

_ALL_REQUIRED = frozenset({"openai"})
"""Wire formats that hold a model only to schemas whose keys are all required."""


class Asked(NamedTuple):
    """What there is to say of who is asked."""

    problems: tuple[Problem, ...]
    doubts: tuple[Problem, ...]


def check_asking(pipeline: Pipeline, document: Document, launch: Launch | None = None) -> Asked:
    """Return what is wrong and what is doubtful about who is asked, and how.

    Args:
        pipeline: A loaded pipeline.
        document: Its config.yaml, for the lines.
        launch: The options that it would be started with.
    """
    problems: dict[Problem, None] = {}
    doubts: dict[Problem, None] = {}
    for place, step in enumerate(pipeline.steps):
        if step.scope is not Scope.CHUNK:
            continue
        check = _Check(pipeline, document, place, step)
        problems.update(dict.fromkeys((*check.provider(), *check.address())))
        try:
            asked = choose(pipeline, step, launch or Launch())
            vendor = registry.vendor(asked.provider)
        except (NoProvider, UnknownProvider):  # the one is chosen at the start, the other was told
            continue
        doubts.update(dict.fromkeys(check.doubts(asked.provider, vendor, asked.model)))
    return Asked(tuple(problems), tuple(doubts))


@dataclass(frozen=True, slots=True)
class _Check:
    pipeline: Pipeline
    document: Document
    place: int
    step: Step

    def provider(self) -> Iterator[Problem]:
        for name in (self.step.provider, self.pipeline.api.provider):
            known = registry.vendors()
            if name is not None and name not in known:
                message = f"there is no provider {name!r}{_near(name, known)}"
                yield self._at("provider", f"{message} (one of: {', '.join(known)})", name)

    def address(self) -> Iterator[Problem]:
        for url in (self.step.base_url, self.pipeline.api.base_url):
            try:
                _ = url and checked(url)
            except BadAddress as error:
                yield self._at("base_url", str(error), url)

    def doubts(self, provider: str, vendor: Vendor, model: str) -> Iterator[Problem]:
        known = vendor.models.get(model)
        if known is None and not vendor.free:
            near = _near(model, vendor.models)
            message = f"model {model!r} of {provider} is not known here{near}"
            yield self._at("model", f"{message} What it costs will be unknown", model)
        abilities = known.abilities if known else Abilities()
        yield from self._settings(model, abilities)
        if self.step.output_schema is None:
            return
        if not abilities.json_schema:
            message = f"{model} is not held to the schema while it writes: replies are only checked"
            yield self._at("output_schema", message)
        else:
            yield from self._schema(provider, vendor)

    def _settings(self, model: str, abilities: Abilities) -> Iterator[Problem]:
        step = self.step
        request = Request(
            key="",
            model=model,
            system=None,
            turns=(),
            temperature=step.temperature,
            reasoning=step.reasoning,
            seed=step.seed,
        )
        for key in abilities.ignored(request):
            only = (
                "" if abilities.temperature != "unless reasoning" else " but with reasoning: none"
            )
            takes = only if key == "temperature" else ""
            what = f"takes no {key}{takes}"
            if key == "reasoning" and abilities.reasoning:
                efforts, effort = abilities.reasoning, str(step.reasoning)
                near = f"{_near(effort, efforts)} (one of: {', '.join(efforts)})"
                what = f"does not know reasoning {effort!r}{near}"
            yield self._at(key, f"{model} {what}: it is left out")
        most = abilities.max_output
        if most is not None and (step.max_tokens or 0) > most:
            message = f"{model} writes {most} tokens at most: max_tokens {step.max_tokens} is cut"
            yield self._at("max_tokens", f"{message} to that")

    def _schema(self, provider: str, vendor: Vendor) -> Iterator[Problem]:
        path = inside(self.pipeline.folder / "schemas", str(self.step.output_schema))
        try:
            schema = parse_schema(path.read_bytes()).document if path else {}
        except (OSError, SchemaFault):  # told of where schemas are checked
            return
        if path is None or codec(provider).enforced(schema) is not None:
            return
        why = _why(schema, all_required=vendor.adapter in _ALL_REQUIRED)
        message = f"{provider} cannot hold a model to this schema while it writes ({why})"
        yield Problem(path, None, f"{message}: it is told of it, and replies are checked")

    def _at(self, key: str, message: str, value: str | None = None) -> Problem:
        """Return a problem where the step says it, or else the pipeline."""
        own = self.document.value["pipeline"][self.place]
        said = own.get(key) == value if value is not None else key in own
        path = self.pipeline.folder / CONFIG
        if said:
            line = self.document.line(("pipeline", self.place, key))
            return Problem(path, line, f"step {self.step.name!r}: {message}")
        return Problem(path, self.document.line(("api", key)), message)


def _why(schema: Mapping[str, object], *, all_required: bool) -> str:
    """Return the likeliest reason that a schema is not in the subset."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict):
        return "it names no `properties`"
    if schema.get("additionalProperties", False) is not False:
        return "`additionalProperties` is not false"
    names = properties.keys() - set(required if isinstance(required, list) else ())
    if names and all_required:
        listed = ", ".join(sorted(repr(name) for name in names))
        return f"not `required`, and not null either: {listed}"
    keys = "keys are all required" if all_required else "keys are all named"
    return f"only types, enums, lists, and objects whose {keys} can be enforced"


def _near(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    near = get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else "."
