"""What the rules that a team writes itself look for in the code: read from YAML, checked, matched by ast-grep."""
