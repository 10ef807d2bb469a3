"""Text as an attacker who owns the audited project would choose it; no report may do what it asks."""

TEXT = (
    "<script>alert(1)</script> | [click](javascript:alert(1)) `a|b` ![x](http://evil.example/p.png) @team #1 "
    "\x1b[31m\x07 \u202eevil ]]> &amp; %0A::error::injected\n::error title=x::injected\r\nlast\x00\ud800"
)
"""Markup, links, mentions, terminal escapes, a change of direction, workflow commands, and half a character."""

PATH = "app/<b>|`x`,y:z\n::error::.py"
