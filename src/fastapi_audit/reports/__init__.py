"""One module for each format; each renders the scorecard and nothing else."""
