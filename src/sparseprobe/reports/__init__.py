"""What people look at: figures and the report page. They take a run's tables and nothing else."""
