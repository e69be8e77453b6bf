"""Who does the tasks: processes of this machine, or a cluster."""

from __future__ import annotations

from functools import partial

from realtime3d.batch.base import Crew
from realtime3d.batch.plan import BatchJob
from realtime3d.batch.work import open_worker


def hire(job: BatchJob) -> Crew:
    """The crew that a job asks for. Nothing is started before there is a task."""
    opener = partial(open_worker, job.alone())
    if job.ray is not None:
        from realtime3d.batch.ray_ import RayCrew

        return RayCrew(opener, job.workers, job.ray, job.gpu_share)
    from realtime3d.workers import Workers, cores

    return Workers(opener, job.workers or cores())
