"""The page for browsers at `/graphql`: Strawberry's GraphiQL with example operations of this schema."""

import json
import re
from functools import cache

from strawberry.http.ides import get_graphql_ide_html

QUERY = """# 按 Ctrl-Enter 运行光标所在的操作。 Ctrl-Enter runs the operation at the cursor.

query Overview {
  systemHealth {
    status
    uptime
    version
  }
  instanceStats {
    total
    running
    stopped
  }
  instances {
    id
    name
    status
    port
    startedAt
    failure {
      reason
      lastLines
    }
    services {
      name
      status
      port
    }
    recentEvents(first: 3) {
      at
      message
    }
  }
}

subscription Changes {
  instanceChanged {
    id
    instance {
      name
      status
    }
  }
}
"""

_EXAMPLE = re.compile(r"const EXAMPLE_QUERY = `.*?`;", re.DOTALL)


@cache
def page() -> str:
    """The page as HTML. The first call reads a file. Raises ValueError if Strawberry's page is not as expected."""
    html, replaced = _EXAMPLE.subn(
        lambda _: f"const EXAMPLE_QUERY = {json.dumps(QUERY)};", get_graphql_ide_html()
    )
    if replaced != 1:
        raise ValueError("Strawberry's page has no place for a default query")
    return html
