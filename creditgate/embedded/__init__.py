"""All processes of a deployment on one machine, in one data directory."""
