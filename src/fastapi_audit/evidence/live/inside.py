"""What in an answer speaks of the inside of a service: connection strings, texts of errors, its environment."""

import re

CONNECTION = re.compile(
    r"\b(?:postgres(?:ql)?|mysql|mariadb|mssql|oracle|rediss?|valkey|mongodb|amqps?|kafka|nats|clickhouse)"
    r"(?:\+\w{1,30})?://[^\s\"'<>]{3,}"
)
ENVIRONMENT = re.compile(
    r"\"(?:PATH|HOME|PWD|PYTHONPATH|VIRTUAL_ENV|DATABASE_URL|SECRET_KEY|AWS_SECRET_ACCESS_KEY)\"\s*:\s*\"[^\"]"
)
ERROR = re.compile(
    r"\[Errno -?\d+\]|Errno \d+ connecting to|Connect call failed|could not translate host name|"
    r"connection to server at|Name or service not known|Temporary failure in name resolution|"
    r"password authentication failed|\[SQL: |sqlalche\.me|no such (?:table|column): |database is locked|"
    r"UNIQUE constraint failed|violates (?:foreign key|unique|not-null|check) constraint|"
    r"syntax error at or near|\brelation \\?\"\w+\\?\" does not exist|Traceback \(most recent call last\)|"
    r"No such file or directory: |'NoneType' object |object is not (?:subscriptable|callable|iterable)|"
    r"object has no attribute '|list index out of range|division by zero|unsupported operand type|"
    r"positional arguments? but \d+ w|not supported between instances of|codec can't (?:en|de)code|"
    r"Python int too large to convert|invalid literal for int\(\)|out of range for type|"
    r"invalid input syntax for type|/site-packages/"
)
"""What Python, drivers and databases say, and no service says to its clients on purpose."""
MISSING = re.compile(r"(?:\[Errno \d{1,3}\] )?No such file or directory: \\?'([^'\\\n]{0,300})\\?'")
"""A file, with its name."""
LONGEST = 200_000


def told_of_the_inside(text: str, sent: str = "") -> str:
    """What an answer tells, as a report says it; empty for one that tells nothing but what the client has sent."""
    looked_at = MISSING.sub(lambda found: "" if found[1] in sent else found[0], text[:LONGEST])
    if CONNECTION.search(looked_at):
        return "a connection string"
    if ENVIRONMENT.search(looked_at):
        return "variables of the environment"
    found = ERROR.search(looked_at)
    return f"the text of an error (`{found[0].strip()}`)" if found else ""
