"""Every pipeline as a Prefect flow: `flows.catalog.NpcDialog` is the flow of pipelines/NpcDialog.

prefect.yaml names flows so (a module entrypoint). The flow is thin: what a run does is in its run
directory, so an edited or deleted folder never stops a run that has begun.
"""

import pipelines
from flows.compile import PipelineFlow, flow_of
from flows.settings import read_dotenv

__all__ = ["flow"]


def flow(pipeline: str) -> PipelineFlow:
    """Return the flow of the pipeline with this name."""
    try:
        description = pipelines.load(pipelines.find(pipeline)).description
    except (pipelines.PipelineNotFound, pipelines.PipelineError):
        description = None  # its runs still go on; a new one says what is wrong
    return flow_of(pipeline, description)


def __getattr__(name: str) -> PipelineFlow:
    """Return the flow of a pipeline (PEP 562): the way in of workers and `prefect deploy`."""
    if name.startswith("_"):
        raise AttributeError(name)
    read_dotenv()
    return flow(name)
