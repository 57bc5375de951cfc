"""How data comes in: sources → normalise → check → load, declared by one file per dataset."""

from etl.job import Job
from etl.job_file import find_job, load_job, packaged_jobs
from etl.run import LoadOptions, LoadReport, run_folder, run_job

__all__ = [
    "Job",
    "LoadOptions",
    "LoadReport",
    "find_job",
    "load_job",
    "packaged_jobs",
    "run_folder",
    "run_job",
]
