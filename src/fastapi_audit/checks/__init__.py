"""The rules: one package for each item of the checklist, one module for each rule."""
