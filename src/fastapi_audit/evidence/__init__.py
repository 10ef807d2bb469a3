"""Everything that is known of the audited project, and every subject that a rule may ask for."""

from fastapi_audit.evidence.project import SUBJECTS, Comment, Gathering, Project, gather

__all__ = ["SUBJECTS", "Comment", "Gathering", "Project", "gather"]
