"""What goes wrong when a batch's results are fetched."""

from providers.emulator.doors import Refused
from providers.emulator.engine import Engine
from providers.emulator.mischief import BatchDo

__all__ = ["spoilt_download"]


def spoilt_download(engine: Engine, job_id: str, gone: Refused) -> int | None:
    """Count one more download of a batch's results; return after how many bytes it breaks.

    Raises:
        Refused: the results are not there.
    """
    job = engine.shelf.change(
        job_id, lambda job: job.model_copy(update={"downloads": job.downloads + 1})
    )
    if job is None:
        return None
    before = job.downloads - 1
    for rule in job.rules:
        if rule.do is BatchDo.NO_RESULTS and rule.still(before):
            raise gone
        if rule.do is BatchDo.CUT_DOWNLOAD and rule.still(before):
            return rule.body_bytes
    return None
