"""The command line: flags to settings, settings to an audit, the audit to a report and an exit code."""
