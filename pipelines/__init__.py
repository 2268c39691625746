"""What a pipeline is: files here are code, folders are pipelines."""

from pipelines.computing import Computation, Computed, Fault
from pipelines.errors import (
    PipelineError,
    PipelineNotFound,
    Problem,
    SandboxError,
    TemplateError,
    UnknownStep,
)
from pipelines.folder import available, find, pipelines_root
from pipelines.items import suffix_of
from pipelines.launch import Launch
from pipelines.loading import Findings, inspect, load, load_frozen
from pipelines.model import (
    Api,
    Level,
    Pipeline,
    PostProcess,
    PostProcessType,
    Rule,
    Scope,
    Step,
    Stragglers,
    Strategy,
    Units,
)
from pipelines.prepared import PreparedStep, prepare
from pipelines.prompts import Exchange, Prompt, Turn
from pipelines.rehearsal import rehearse, rehearses
from pipelines.sandbox import Sandbox
from pipelines.seeds import stream_seed
from pipelines.units import units
from pipelines.verdict import judge, judge_fields
from pipelines.verdicts import Error, Passed, Rejected, Stage, Unit, Verdict

__all__ = [
    "Api",
    "Computation",
    "Computed",
    "Error",
    "Exchange",
    "Fault",
    "Findings",
    "Launch",
    "Level",
    "Passed",
    "Pipeline",
    "PipelineError",
    "PipelineNotFound",
    "PostProcess",
    "PostProcessType",
    "PreparedStep",
    "Problem",
    "Prompt",
    "Rejected",
    "Rule",
    "Sandbox",
    "SandboxError",
    "Scope",
    "Stage",
    "Step",
    "Stragglers",
    "Strategy",
    "TemplateError",
    "Turn",
    "Unit",
    "Units",
    "UnknownStep",
    "Verdict",
    "available",
    "find",
    "inspect",
    "judge",
    "judge_fields",
    "load",
    "load_frozen",
    "pipelines_root",
    "prepare",
    "rehearse",
    "rehearses",
    "stream_seed",
    "suffix_of",
    "units",
]
