"""What the deployment files say, with exact lines; nothing is run."""
