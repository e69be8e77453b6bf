"""Many films, on one machine or on many: which, what is made of each, and the run that is never lost."""
