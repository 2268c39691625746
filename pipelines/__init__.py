"""What a pipeline is: files here are code, folders are pipelines."""

from pipelines.errors import (
    PipelineError,
    PipelineNotFound,
    Problem,
    SandboxError,
    TemplateError,
    UnknownStep,
)
from pipelines.folder import available, find, pipelines_root
from pipelines.launch import Launch
from pipelines.loading import load, load_frozen
from pipelines.model import Api, Level, Pipeline, Rule, Scope, Step, Strategy, Units
from pipelines.prepared import PreparedStep, prepare
from pipelines.prompts import Previous, Prompt, Turn
from pipelines.rehearsal import rehearse, rehearses
from pipelines.sandbox import Sandbox
from pipelines.units import units
from pipelines.verdict import judge
from pipelines.verdicts import Error, Passed, Rejected, Stage, Unit, Verdict

__all__ = [
    "Api",
    "Error",
    "Launch",
    "Level",
    "Passed",
    "Pipeline",
    "PipelineError",
    "PipelineNotFound",
    "PreparedStep",
    "Previous",
    "Problem",
    "Prompt",
    "Rejected",
    "Rule",
    "Sandbox",
    "SandboxError",
    "Scope",
    "Stage",
    "Step",
    "Strategy",
    "TemplateError",
    "Turn",
    "Unit",
    "Units",
    "UnknownStep",
    "Verdict",
    "available",
    "find",
    "judge",
    "load",
    "load_frozen",
    "pipelines_root",
    "prepare",
    "rehearse",
    "rehearses",
    "units",
]
