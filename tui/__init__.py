"""What one looks at: screens over the files of runs and pipelines, which they never write."""
