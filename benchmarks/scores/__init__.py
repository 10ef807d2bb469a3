"""How the scores of real applications are spread."""
